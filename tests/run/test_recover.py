"""Folders that lost something: `check` says what, `recover` goes back to what is whole, `resume` loses nothing more."""

import os
import shutil
from functools import partial

import numpy as np
import pytest

from cvflow.cli.commands import execute
from cvflow.proposals.fit import FitSettings
from cvflow.run import run_folder
from cvflow.run.folder_lock import folder_lock
from cvflow.store import HDF5Store, read_record
from cvflow.store.seal import replace
from tests.run.valley_run import begin, chain

RUN = {"run": {"walkers": 4, "adapt_jumps": 0, "jumps": 6}}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished run whose every turn was a commit."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cvflow.sampler.loop.COMMIT_SECONDS", 0.0)
        patch.setattr("cvflow.sampler.loop.COMMIT_COSTS", 0)
        begin(folder, **RUN)
    return folder / "out"


@pytest.fixture
def out(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "out")


def lines(capsys):
    captured = capsys.readouterr()
    return captured.out.splitlines(), captured.err.splitlines()


def unchanged(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def cut(path):
    os.truncate(path, path.stat().st_size - 1000)


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def test_check_says_what_is_whole_and_touches_nothing(out, capsys):
    before = unchanged(out)
    assert execute(["check", str(out)]) == 0
    said, errors = lines(capsys)
    assert errors == []
    assert all(line.startswith("ok ") for line in said)
    assert "24 jumps, 6 of each of 4 walkers, 1 flows" in said[0]
    assert "run.previous.h5: whole" in said[1]
    assert "config.resolved.toml" in said[2]
    assert unchanged(out) == before


@pytest.mark.parametrize("damage", [cut, flip])
def test_a_damaged_store_is_refused_by_every_command_and_recovered(out, whole, capsys, damage):
    damage(out / "run.h5")
    before = unchanged(out)
    for command, code in (("report", 2), ("fes", 2), ("resume", 2), ("check", 1)):
        assert execute([command, str(out)]) == code
        said, errors = lines(capsys)
        assert "cvflow recover" in "".join(said + errors)
        assert len(errors) == 1
        assert unchanged(out) == before
    assert execute(["recover", str(out)]) == 0
    said, errors = lines(capsys)
    assert errors == []
    assert [line.split(":")[0] for line in said[1:]] == ["kept", "gone"]
    assert "kept: 24 jumps" in said[1]
    assert (out / "run.damaged.h5").read_bytes() == before["run.h5"]
    assert (out / "run.h5").read_bytes() == before["run.previous.h5"]
    assert (out / "run.previous.h5").read_bytes() == before["run.previous.h5"], "it stays, for the next damage"
    assert execute(["check", str(out)]) == 0
    assert execute(["resume", str(out), "--quiet"]) == 0
    assert chain(out) == chain(whole)


def test_a_store_that_is_gone_is_recovered(out, whole, capsys):
    (out / "run.h5").unlink()
    assert execute(["resume", str(out)]) == 2
    assert "run.h5 is gone" in lines(capsys)[1][0]
    assert execute(["check", str(out)]) == 1
    assert execute(["run", str(out.parent / "run.toml"), "--out", str(out)]) == 2
    assert execute(["recover", str(out)]) == 0
    assert chain(out).keys() == chain(whole).keys()
    assert len(read_record(out / "run.h5").turns) == 24


def test_what_is_gone_is_counted(out, capsys):
    """A commit of four turns whose bytes were changed, on top of one that is whole."""
    record = read_record(out / "run.h5")
    shutil.copy(out / "run.h5", out / "kept.h5")
    (out / "run.h5").unlink()
    _store(record, out / "run.h5", 20).close()
    store = _store(record, out / "other.h5", 24)
    store.close()
    os.replace(out / "run.h5", out / "run.previous.h5")
    os.replace(out / "other.h5", out / "run.h5")
    flip(out / "run.h5")
    assert execute(["recover", str(out)]) == 0
    assert "(4 jumps)" in lines(capsys)[0][-1]


def _store(record, path, turns):
    store = HDF5Store(path, record.header, record.pilot, record.commit.frames[0])
    store.append_turns(record.turns[np.argsort(record.turns["jump"], kind="stable")][:turns])
    for flow in record.flows:
        store.append_flow(flow)
    store.commit(record.commit)
    return store


def test_nothing_whole_is_said_and_left_as_it_is(out, capsys):
    flip(out / "run.h5")
    cut(out / "run.previous.h5")
    before = unchanged(out)
    assert execute(["recover", str(out)]) == 2
    said, errors = lines(capsys)
    assert said == []
    assert len(errors) == 1
    assert "nothing whole to go back to" in errors[0]
    assert execute(["check", str(out)]) == 1
    assert unchanged(out) == before


def test_a_folder_that_another_process_holds_is_left_alone(out, capsys):
    flip(out / "run.h5")
    with folder_lock(out):
        before = unchanged(out)
        assert execute(["recover", str(out)]) == 2
        assert "a run is writing here" in lines(capsys)[1][0]
        assert unchanged(out) == before


def test_a_whole_store_is_not_recovered(out, capsys):
    before = unchanged(out)
    assert execute(["recover", str(out)]) == 0
    assert "nothing to recover" in lines(capsys)[0][0]
    assert unchanged(out) == before


@pytest.mark.parametrize("command", ["check", "recover", "resume", "report"])
def test_no_run_is_said(tmp_path, capsys, command):
    assert execute([command, str(tmp_path)]) == 2
    assert "no run here" in lines(capsys)[1][0]
    (tmp_path / "config.resolved.toml").write_text("")
    assert execute([command, str(tmp_path)]) == 2
    assert "start it again" in lines(capsys)[1][0]
    assert list(tmp_path.iterdir()) == [tmp_path / "config.resolved.toml"]


LEARNING = {"run": {"adapt_jumps": 4, "adapt_limit": 1, "jumps": 4}, "proposal": None, "flow": {"retrain_every": 16}}


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A run of a flow that was trained twice, with nothing in its way."""
    folder = tmp_path_factory.mktemp("learned")
    with pytest.MonkeyPatch.context() as patch:
        _shorten(patch)
        begin(folder, **LEARNING)
    return folder / "out"


def _shorten(patch):
    patch.setattr("cvflow.setup.specification.FitSettings", partial(FitSettings, epochs=4))


class _KilledError(BaseException):
    """Nothing that a run would handle."""


def _killed_after(commits):
    """A commit that is the process's last deed."""
    done = []

    def put(*arguments):
        if len(done) == commits:
            raise _KilledError
        done.append(replace(*arguments))

    return put


@pytest.mark.parametrize("commits", [1, 2])
def test_a_run_killed_around_its_first_training_goes_on_as_if_nothing_had_happened(
    learned, tmp_path, monkeypatch, capsys, commits
):
    """The equilibrated starts are the first commit, the first flow the second."""
    _shorten(monkeypatch)
    with monkeypatch.context() as patch:
        patch.setattr("cvflow.store.hdf5.replace", _killed_after(commits))
        with pytest.raises(_KilledError):
            begin(tmp_path, **LEARNING)
    out = tmp_path / "out"
    record = read_record(out / "run.h5")
    assert (len(record.flows), len(record.turns)) == (commits - 1, 0)
    for command in ("report", "fes"):
        assert execute([command, str(out)]) == 2
        assert len(lines(capsys)[1]) == 1
    assert execute(["check", str(out)]) == 0
    assert execute(["run", str(tmp_path / "run.toml"), "--out", str(out)]) == 2
    assert "cvflow resume" in lines(capsys)[1][0]
    run_folder.resume(out, None, lambda progress: None)
    assert chain(out) == chain(learned)
    flows = [read_record(folder / "run.h5").flows for folder in (learned, out)]
    assert [flow.data for flow in flows[0]] == [flow.data for flow in flows[1]]
