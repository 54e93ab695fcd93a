"""Runs that are stopped from outside: by signals, by their wall time, by a file; and how they go on."""

import os
import signal
import time
from concurrent.futures import Executor, Future

import pytest

from cvflow.cli.commands import execute
from cvflow.host.stopping import EXIT, PausedError, Stopping, seconds_of, stopping
from cvflow.run import run_folder
from cvflow.store import MemoryStore
from tests.run.valley_run import begin, chain, made, quick, sample, short, written  # noqa: F401

LONG = {"jumps": 5000}


@pytest.fixture
def acting(monkeypatch):
    """Have something done after some turns of a run on the command line."""

    def after(turns, act):
        seen = []

        def progress(self):
            seen.append(self)
            if len(seen) == turns:
                act()
            return

        monkeypatch.setattr("cvflow.sampler.loop.Run._progress", progress)
        monkeypatch.setattr("cvflow.run.progress._plain_lines", lambda: lambda event: None)

    return after


def run(folder, *arguments, **sections):
    return execute(["run", str(written(folder, **sections)), "--out", str(folder / "out"), *arguments])


def one_line(capsys, *words):
    line = capsys.readouterr().err
    assert len(line.splitlines()) == 1
    assert line.startswith("cvflow: ")
    for word in words:
        assert word in line
    return line


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGTERM, 143, "SIGTERM"), (signal.SIGHUP, 129, "SIGHUP"), (signal.SIGINT, 130, "")],
)
def test_signals_commit_and_say_how_to_go_on(number, code, word, tmp_path, acting, capsys, monkeypatch):
    acting(5, lambda: os.kill(os.getpid(), number))
    before = signal.getsignal(number)
    assert run(tmp_path, run=LONG) == code
    assert signal.getsignal(number) is before
    one_line(capsys, word, f"go on with `cvflow resume {tmp_path / 'out'}`")
    monkeypatch.setattr("cvflow.sampler.loop.Run._progress", lambda self: None)
    done = begin(tmp_path / "whole").turns
    run_folder.resume(tmp_path / "out", 6, lambda progress: None)
    assert len(done) == 48
    assert chain(tmp_path / "out") == chain(tmp_path / "whole" / "out")


@pytest.mark.usefixtures("quick")
def test_a_signal_before_the_first_jump(tmp_path, capsys, monkeypatch):
    ended = lambda *_: os.kill(os.getpid(), signal.SIGTERM) or 1 / 0  # noqa: E731
    monkeypatch.setattr("cvflow.sampler.walkers.batch.BatchGroup._equilibrated", ended)
    assert run(tmp_path) == 143
    one_line(capsys, "nothing was committed yet")


@pytest.mark.usefixtures("quick")
def test_nohup_is_respected(tmp_path, acting):
    """SIGHUP that is ignored stays ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        acting(3, lambda: os.kill(os.getpid(), signal.SIGHUP))
        begin(tmp_path)
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("quick")
def test_a_file_stops_a_run_softly(tmp_path, acting, capsys, monkeypatch):
    """Once: the run that goes on is not stopped by it."""
    sign = tmp_path / "out" / EXIT
    acting(5, sign.touch)
    assert run(tmp_path, run=LONG) == 75
    one_line(capsys, str(sign), f"go on with `cvflow resume {tmp_path / 'out'}`")
    assert not sign.exists()
    sign.touch()
    monkeypatch.setattr("cvflow.sampler.loop.Run._progress", lambda self: None)
    run_folder.resume(tmp_path / "out", 7, lambda progress: None)
    assert not sign.exists()


@pytest.mark.usefixtures("quick")
def test_the_wall_time_ends_a_run(tmp_path, acting, capsys, monkeypatch):
    over = []
    monkeypatch.setattr("cvflow.host.stopping.Stopping.overdue", lambda self, seconds: bool(over))
    acting(5, lambda: over.append(True))
    assert run(tmp_path, "--wall-time", "11:30:00", run=LONG) == 75
    one_line(capsys, "the wall time is nearly over", f"go on with `cvflow resume {tmp_path / 'out'}`")


class _ThirdTurn(Executor, Stopping):
    """Does two turns at once; the third is under way when the run is asked to stop, and ends if it is waited for."""

    def __init__(self, hard):
        self.__dict__ |= {"hard": hard, "given": 0, "third": None}

    def submit(self, function, *arguments):
        future = Future()
        third = lambda: future.set_result(function(*arguments))  # noqa: E731
        self.__dict__ |= {"given": self.given + 1, "third": third}
        if self.given < 3:
            self.third()
        return future

    def wanted(self, seconds):
        assert seconds > 0
        return "now" if self.given == 3 else None

    def overdue(self, seconds):
        if not self.hard:
            self.third()
        return self.hard


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("hard", "kept"), [(False, 3), (True, 2)])
def test_turns_under_way_are_waited_for_while_there_is_time(hard, kept, tmp_path):
    run, executor = made(tmp_path, MemoryStore, lambda progress: None)
    stop = _ThirdTurn(hard)
    with executor, pytest.raises(PausedError, match="now"):
        run.go(stop, stop)
    assert stop.given == 3
    assert set(run._store.record().turns["jump"]) == set(range(kept))


def test_the_wall_time_ends_what_does_not_look_at_the_clock(tmp_path, monkeypatch):
    monkeypatch.setattr("cvflow.host.stopping.LAST_SECONDS", 0.1)
    with pytest.raises(PausedError), stopping(tmp_path, time.monotonic() + 0.3):
        time.sleep(60)
    with stopping(tmp_path, time.monotonic() + 0.3):
        pass
    time.sleep(0.5)


def test_a_run_asks_for_the_time_it_needs(tmp_path):
    stop = Stopping(time.monotonic() + 100.0, tmp_path / EXIT)
    assert stop.wanted(50.0) is None
    assert "wall time" in stop.wanted(150.0)
    assert (stop.overdue(50.0), stop.overdue(150.0)) == (False, True)


TIMES = {"11:30:00": 41400, "45:00": 2700, "2-00:00:00": 172800, "1-6": 108000, "0-01:30": 5400, "100:00:00": 360000}


@pytest.mark.parametrize("text", TIMES)
def test_wall_times_are_those_of_schedulers(text):
    assert seconds_of(text) == TIMES[text]


@pytest.mark.parametrize("text", ["90", "", "1:2:3:4", "00:75:00", "ten", "-1:00", "00:00:05", "1e3"])
def test_other_wall_times_are_misuse(text, tmp_path, capsys):
    assert execute(["resume", str(tmp_path), f"--wall-time={text}"]) == 2
    one_line(capsys, "wall time")


@pytest.mark.usefixtures("quick")
def test_ctrl_c_in_python_says_how_to_go_on(tmp_path, acting):
    acting(2, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt) as caught:
        sample(tmp_path / "memory")
    assert "in no file" in caught.value.__notes__[0]
