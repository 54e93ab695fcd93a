"""The law of stores, over all of them, and what a crash leaves of the HDF5 store."""

import multiprocessing
import os
import signal

import numpy as np
import pytest

from cvflow.core.frames import Frame
from cvflow.store import Commit, FlowEntry, HDF5Store, Header, MemoryStore, previous, read_record, turn_type

PILOT = np.arange(12.0).reshape(2, 3, 2)


def header():
    return Header(
        seed=1, system="s", engine="e", cvs=["a", "b"], units=["nm", ""], states={"x": "a < 1", "y": "a >= 1"}, kT=1.0,
        kappa=[1.0, 2.0], timestep=0.1, local_steps=5, walkers=2, workers=1, adapt_jumps=0, exact=True,
        exact_reason="why", notes=[], config="", version="0",
    )  # fmt: skip


def turn(walker, jump):
    row = np.zeros((), dtype=turn_type(2))
    row["walker"], row["jump"], row["cv"], row["work"] = walker, jump, (walker, jump), np.pi * jump
    return row


def commit(tag, box=True):
    frames = [Frame(np.full((4, 3), tag + walker + 0.1), np.eye(3) * tag if box else None) for walker in range(2)]
    return Commit(frames, float(tag))


def flow(version):
    return FlowEntry(version, 0.5 + version, 1.5, 10, 20, 0.25, bytes(range(5 + version)), 1.4, 15, 7.5)


@pytest.fixture(params=["memory", "hdf5"])
def store(request, tmp_path):
    if request.param == "memory":
        yield MemoryStore(header(), PILOT)
    else:
        made = HDF5Store(tmp_path / "run.h5", header(), PILOT, commit(1).frames[0])
        yield made
        made.close()


def test_what_is_committed_comes_back_in_the_chain_s_order(store):
    store.append_flow(flow(0))
    for walker, jump in ((1, 0), (0, 0), (1, 1), (0, 1)):
        store.append_turns(np.atleast_1d(turn(walker, jump)))
    store.commit(commit(3))
    record = store.record()
    assert record.header == header()
    np.testing.assert_array_equal(record.pilot, PILOT)
    assert record.turns[["walker", "jump"]].tolist() == [(0, 0), (0, 1), (1, 0), (1, 1)]
    np.testing.assert_array_equal(record.turns["work"], np.pi * record.turns["jump"])
    assert record.flows == [flow(0)]
    assert record.commit.wall_seconds == 3.0
    for mine, theirs in zip(record.commit.frames, commit(3).frames, strict=True):
        np.testing.assert_array_equal(mine.positions, theirs.positions)
        np.testing.assert_array_equal(mine.box, theirs.box)


def test_what_is_not_committed_does_not_come_back(store):
    store.append_flow(flow(0))
    store.append_turns(np.atleast_1d(turn(0, 0)))
    store.commit(commit(1))
    store.append_flow(flow(1))
    store.append_turns(np.atleast_1d(turn(0, 1)))
    record = store.record()
    assert len(record.turns) == 1
    assert len(record.flows) == 1
    store.commit(commit(2))
    record = store.record()
    assert len(record.turns) == 2
    assert record.flows == [flow(0), flow(1)]
    assert record.commit.frames[0].positions[0, 0] == 2.1


def test_nothing_committed_is_said(store):
    store.append_turns(np.atleast_1d(turn(0, 0)))
    with pytest.raises(ValueError, match="nothing"):
        store.record()


def test_a_reader_sees_the_last_commit_while_the_writer_goes_on(tmp_path):
    store = HDF5Store(tmp_path / "run.h5", header(), PILOT, commit(1).frames[0])
    for jump in range(3):
        store.append_turns(np.atleast_1d(turn(0, jump)))
        store.commit(commit(jump + 1))
        assert len(read_record(tmp_path / "run.h5").turns) == jump + 1
    store.close()


def test_a_store_without_a_box(tmp_path):
    store = HDF5Store(tmp_path / "run.h5", header(), PILOT, commit(1, box=False).frames[0])
    store.commit(commit(1, box=False))
    assert store.record().commit.frames[0].box is None
    store.close()


def _files(tag):
    """States of which only their program knows what is in them; their lengths vary."""
    lengths = (3 * tag, 200_000 // tag)
    frames = [Frame(np.arange(length).astype(np.uint8), None) for length in lengths]
    return Commit(frames, 0.0)


def test_states_of_any_length_come_back_byte_by_byte(tmp_path):
    path = tmp_path / "run.h5"
    store = HDF5Store(path, header(), PILOT, _files(1).frames[0])
    for tag in (1, 2, 50, 7):
        store.commit(_files(tag))
        for mine, theirs in zip(read_record(path).commit.frames, _files(tag).frames, strict=True):
            assert mine.positions.dtype == np.uint8
            np.testing.assert_array_equal(mine.positions, theirs.positions)
    store.close()
    again = HDF5Store.reopen(path)
    again.commit(_files(3))
    again.close()
    np.testing.assert_array_equal(read_record(path).commit.frames[1].positions, _files(3).frames[1].positions)


def test_an_existing_file_is_never_overwritten(tmp_path):
    (tmp_path / "run.h5").write_text("precious")
    with pytest.raises(FileExistsError):
        HDF5Store(tmp_path / "run.h5", header(), PILOT, commit(1).frames[0])
    assert (tmp_path / "run.h5").read_text() == "precious"


def test_no_store_is_refused(tmp_path):
    (tmp_path / "run.h5").write_text("not HDF5")
    with pytest.raises(ValueError, match="not a cvflow store"):
        read_record(tmp_path / "run.h5")


def _write_until_killed(path):
    store = HDF5Store(path, header(), PILOT, commit(1).frames[0])
    store.append_flow(flow(0))
    for jump in range(5):
        store.append_turns(np.atleast_1d(turn(0, jump)))
        store.append_turns(np.atleast_1d(turn(1, jump)))
        store.commit(commit(jump + 1))
    os.replace = lambda *names: os.kill(os.getpid(), signal.SIGKILL)  # all is written, nothing is in place
    store.append_turns(np.atleast_1d(turn(0, 99)))
    store.commit(commit(9))


def test_a_killed_writer_leaves_its_last_commit_and_can_be_continued(tmp_path):
    path = tmp_path / "run.h5"
    process = multiprocessing.get_context("spawn").Process(target=_write_until_killed, args=(path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert len(read_record(path).turns) == 10
    store = HDF5Store.reopen(path)
    assert len(store.record().turns) == 10
    store.append_turns(np.atleast_1d(turn(0, 5)))
    store.commit(commit(7))
    store.close()
    record = read_record(path)
    assert record.turns[record.turns["walker"] == 0]["jump"].tolist() == list(range(6))
    assert record.flows == [flow(0)]
    assert record.commit.frames[1].positions[0, 0] == 8.1
    assert sorted(file.name for file in tmp_path.iterdir()) == ["run.h5", "run.previous.h5"]
    assert len(read_record(previous(path)).turns) == 10
