"""Whatever happens to a store's bytes: what was committed is read, or nothing is, in words."""

import errno
import fcntl
import os
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from cvflow.store import DamagedStoreError, HDF5Store, previous, read_record
from tests.store.test_stores import PILOT, commit, flow, header, turn

COMMITS = 4


def _turns(jump):
    return np.array([turn(walker, jump) for walker in range(2)])


def written(folder):
    """A store of four commits, and what was in it after each."""
    store = HDF5Store(folder / "run.h5", header(), PILOT, commit(1).frames[0])
    store.append_flow(flow(0))
    for jump in range(COMMITS):
        store.append_turns(_turns(jump))
        store.commit(commit(jump + 1))
    store.close()
    return folder / "run.h5"


def same(mine, theirs):
    return (
        mine.header == theirs.header
        and mine.flows == theirs.flows
        and mine.turns.tobytes() == theirs.turns.tobytes()
        and mine.pilot.tobytes() == theirs.pilot.tobytes()
        and mine.commit.wall_seconds == theirs.commit.wall_seconds
        and all(
            a.positions.tobytes() == b.positions.tobytes() and a.box.tobytes() == b.box.tobytes()
            for a, b in zip(mine.commit.frames, theirs.commit.frames, strict=True)
        )
    )


def flipped(data, rng):
    changed = bytearray(data)
    changed[rng.integers(len(data))] ^= 1 << rng.integers(8)
    return changed


def cut(data, rng):
    return data[: rng.integers(len(data))]


def zeroed(data, rng):
    """A block that never reached the disk."""
    begin = int(rng.integers(len(data)))
    length = min(512, len(data) - begin)
    lost = data[:begin] + bytes(length) + data[begin + length :]
    return lost if lost != data else flipped(data, rng)


def longer(data, rng):
    return data + rng.bytes(1 + int(rng.integers(300)))


def inserted(data, rng):
    """A byte too many, most often of the image, sometimes between it and its seal."""
    place = len(data) - 148 if rng.random() < 0.2 else int(rng.integers(len(data)))
    return data[:place] + b"x" + data[place:]


@pytest.mark.parametrize("damage", [flipped, cut, zeroed, longer, inserted])
def test_no_damaged_byte_is_read(tmp_path, damage):
    path = written(tmp_path)
    whole, rng = path.read_bytes(), np.random.default_rng(12)
    previous(path).unlink()
    for _ in range(60):
        path.write_bytes(damage(whole, rng))
        with pytest.raises(DamagedStoreError, match=r"run\.h5: damaged \(.*nothing whole lies beside it"):
            read_record(path)


def test_every_bit_of_the_seal_counts(tmp_path):
    path = written(tmp_path)
    whole = path.read_bytes()
    for place in range(len(whole) - 148, len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(DamagedStoreError):
            read_record(path)


def test_the_commit_before_is_beside_and_named(tmp_path):
    path = written(tmp_path)
    assert len(read_record(previous(path)).turns) == 2 * (COMMITS - 1)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedStoreError, match=r"commit 3, 6 jumps\): `cvflow recover"):
        read_record(path)


def test_a_store_is_plain_hdf5(tmp_path):
    """For whoever reads it without cvflow."""
    path = written(tmp_path)
    with h5py.File(path) as file:
        assert file["turns"]["jump"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
        assert file["commits"]["turns"].tolist() == [2, 4, 6, 8]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([(0, 0), (0, 2)], "jumps of walker 0 are missing"),
        ([(1, 1)], "jumps of walker 1 are missing"),
        ([(0, 0), (1, 0), (1, 0)], "walker 1 are missing or there twice"),
        ([(2, 0)], "walkers that it does not have"),
    ],
)
def test_rows_that_make_no_chain_are_refused(tmp_path, rows, words):
    store = HDF5Store(tmp_path / "run.h5", header(), PILOT, commit(1).frames[0])
    store.append_turns(np.array([turn(*row) for row in rows]))
    store.commit(commit(1))
    store.close()
    with pytest.raises(DamagedStoreError, match=words):
        read_record(tmp_path / "run.h5")


def test_a_missing_version_of_the_flow_is_refused(tmp_path):
    store = HDF5Store(tmp_path / "run.h5", header(), PILOT, commit(1).frames[0])
    store.append_flow(flow(1))
    store.commit(commit(1))
    with pytest.raises(DamagedStoreError, match="versions of the flow"):
        store.record()
    store.close()


def test_a_store_of_an_older_format_says_who_reads_it(tmp_path):
    path = tmp_path / "run.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file.attrs["header"] = replace(header(), format="cvflow-run-2", version="0.11.0", config="x\n" * 9000).to_json()
    with pytest.raises(ValueError, match=r"format cvflow-run-2; this version reads cvflow-run-3, .* \(0\.11\.0\)"):
        read_record(path)


def _full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_commit_that_fails_changes_nothing_and_can_be_made_again(tmp_path, monkeypatch, call):
    path = written(tmp_path)
    store = HDF5Store.reopen(path)
    before = path.read_bytes()
    store.append_turns(_turns(COMMITS))
    monkeypatch.setattr(f"cvflow.store.seal.os.{call}", _full)
    with pytest.raises(OSError, match="No space left") as failed:
        store.commit(commit(9))
    assert failed.value.filename == str(path)
    assert path.read_bytes() == before
    assert not path.with_name("run.h5.tmp").exists(), "the room is given back"
    assert len(store.record().turns) == 2 * COMMITS, "what is read is what is on disk"
    monkeypatch.undo()
    store.commit(commit(9))
    store.close()
    assert len(read_record(path).turns) == 2 * COMMITS + 2
    assert sorted(file.name for file in tmp_path.iterdir()) == ["run.h5", "run.previous.h5"]


def _write_beyond_the_limit(path):
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
    store = HDF5Store(Path(path), header(), PILOT, commit(1).frames[0])
    jump = 0
    while True:
        store.append_turns(np.concatenate([_turns(jump + more) for more in range(20)]))
        store.commit(commit(jump + 20))
        jump += 20
        print(jump, flush=True)


def test_a_limit_on_the_size_of_files_is_an_error_and_no_signal(tmp_path):
    path = tmp_path / "run.h5"
    asked = f"from tests.store.test_damage import _write_beyond_the_limit as write; write({str(path)!r})"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stderr
    assert "OSError: [Errno 27] File too large" in done.stderr
    acknowledged = int(done.stdout.split()[-1])
    assert acknowledged > 20
    assert len(read_record(path).turns) == 2 * acknowledged


def test_a_file_that_another_process_took_is_left_alone(tmp_path):
    path = written(tmp_path)
    mine, theirs = HDF5Store.reopen(path), HDF5Store.reopen(path)
    theirs.append_turns(_turns(COMMITS))
    theirs.commit(commit(7))
    taken = path.read_bytes()
    with pytest.raises(FileExistsError, match="another process"):
        mine.commit(commit(8))
    assert path.read_bytes() == taken
    mine.close()
    theirs.close()


def test_a_file_system_without_links_keeps_the_commit_before_too(tmp_path, monkeypatch):
    monkeypatch.setattr("cvflow.store.seal.os.link", _full)
    path = written(tmp_path)
    assert len(read_record(path).turns) == 2 * COMMITS
    assert len(read_record(previous(path)).turns) == 2 * (COMMITS - 1)


def test_locks_are_neither_taken_nor_heeded(tmp_path):
    """File systems without locks, programs that hold one: HDF5's own kind, of the whole file."""
    path = written(tmp_path)
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert len(read_record(path).turns) == 2 * COMMITS
        store = HDF5Store.reopen(path)
        store.commit(commit(5))
        store.close()
        fcntl.flock(held, fcntl.LOCK_UN)
