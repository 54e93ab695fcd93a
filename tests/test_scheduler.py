"""Runs on a Dask scheduler's workers: the same chain, bit by bit, whatever becomes of the workers."""

import os
import signal
import sys
from pathlib import Path

import pytest

import cvflow
from cvflow.cli.commands import execute
from cvflow.engines.base import EngineSpec
from cvflow.host.dask_cluster import DaskExecutor, dask_executor
from tests.clusters import cluster, needs_dask
from tests.figures import undrawn
from tests.run.valley_run import chain
from tests.test_executor import pair

needs_dask()


@pytest.fixture(scope="module", autouse=True)
def without_pictures():
    with undrawn():
        yield


def killed_at_first(mark, function, *arguments):
    """Killed by the machine, as one that takes too much memory is, unless somebody has been here before."""
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return function(*arguments)


class Deadly(DaskExecutor):
    """The worker that gets the tenth task is killed at it."""

    def __init__(self, client, mark):
        super().__init__(client, EngineSpec)
        self._mark, self._tasks = mark, 0

    def submit(self, function, /, *arguments):
        self._tasks += 1
        if self._tasks == 10:
            return super().submit(killed_at_first, self._mark, function, *arguments)
        return super().submit(function, *arguments)


def test_a_killed_worker_and_another_number_of_them_change_no_bit(tmp_path):
    """Two workers, of which one is killed in adaptation; then two again, one of them new, go on from there."""
    expected = pair(tmp_path / "processes", jumps=8)
    with cluster(tmp_path) as made:
        made.join()
        made.join()
        with dask_executor(str(made.file), EngineSpec) as joined:
            made.there(joined._client, 2)
            pair(tmp_path / "out", executor=Deadly(joined._client, tmp_path / "mark"))
            assert (tmp_path / "mark").exists()
            assert joined.workers == 1
            made.join()
            made.there(joined._client, 2)
        cvflow.resume(tmp_path / "out", jumps=8, scheduler=str(made.file), quiet=True)
    assert chain(tmp_path / "out") == expected


CONFIG = """
run = {walkers = 2, adapt_jumps = 2, adapt_limit = 1, jumps = 3, local_steps = 20}
system = {name = "polymer"}
path = {steps = 40}
"""


def test_the_command_line_runs_and_goes_on_there(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("run.toml").write_text(CONFIG)
    assert execute(["run", "run.toml", "--out", "here", "--quiet", "--set", "run.jumps=5"]) == 0
    with cluster(tmp_path) as made:
        made.join()
        there = ["--quiet", "--scheduler", str(made.file)]
        assert execute(["run", "run.toml", "--out", "there", *there]) == 0
        assert execute(["resume", "there", "--jumps", "5", *there]) == 0
    assert chain(tmp_path / "there") == chain(tmp_path / "here")
    assert "worker" in (tmp_path / "there" / "run.log").read_text()
    assert capsys.readouterr().err == ""


BATCH = """
run = {walkers = 4}
system = {name = "gaussian_tunnel"}
engine = {name = "batch"}
path = {kernel = "langevin", steps = 5}
"""
MISUSE = {
    "no scheduler there": (["run", "run.toml", "--scheduler", "tcp://127.0.0.1:9"], "no Dask scheduler answers"),
    "no address": (["run", "run.toml", "--scheduler", "here"], "neither the address"),
    "of polymer": (["polymer", "--scheduler", "here"], "neither the address"),
    "of check": (["check", "run.toml", "--scheduler", "here"], "neither the address"),
    "of a folder": (["check", ".", "--scheduler", "here"], "for a config"),
    "workers, too": (["run", "run.toml", "--scheduler", "tcp://a:1", "--workers", "2"], "workers of its own"),
    "no Dask": (["run", "run.toml", "--scheduler", "tcp://127.0.0.1:9"], "pip install 'cvflow[cluster]'"),
}


@pytest.mark.parametrize("what", MISUSE)
def test_misuse_is_one_line_and_touches_nothing(what, tmp_path, monkeypatch, capsys):
    arguments, words = MISUSE[what]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("cvflow.host.dask_cluster.ANSWERS_WITHIN", 0.5)
    if what == "no Dask":
        monkeypatch.setitem(sys.modules, "distributed", None)
    Path("run.toml").write_text(CONFIG)
    assert execute(arguments) == 2
    said = capsys.readouterr().err
    assert words in said
    assert len(said.splitlines()) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["run.toml"]


def test_a_batch_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("batch.toml").write_text(BATCH)
    with cluster(tmp_path) as made:
        assert execute(["run", "batch.toml", "--out", "out", "--scheduler", str(made.file)]) == 2
    assert "chains of the batch engine stay in this process" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
