"""`cvflow status`: what it says of a run that goes on, has ended or gets nowhere, and that the run notices nothing."""

import os
from dataclasses import replace

import numpy as np
import pytest

from cvflow.cli.commands import execute
from cvflow.core.frames import Outcome
from cvflow.estimate.summary import summarise
from cvflow.run import folder_lock as locks
from cvflow.run.folder_lock import folder_lock, seen_holder
from cvflow.run.status import _lacking, _rates, _standing, look, status
from cvflow.store import Storing, previous
from tests.run.test_folder_lock import left_by, old
from tests.run.valley_run import begin
from tests.run.valley_run import quick as quick
from tests.run.valley_run import short as short

RUN = {"run": {"jumps": 40}}


def touched(folder):
    """Names, times and bytes of all files; of run.lock no time, by which the run itself gives signs of life."""
    return {
        path.name: (path.name != locks.NAME and path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.iterdir()
        if path.is_file()
    }


@pytest.fixture
def looked(quick, tmp_path):
    """A short run that has ended, as it was found."""
    begin(tmp_path, **RUN)
    return look(tmp_path / "out")


def test_of_a_run_that_goes_on_and_then_ends(quick, tmp_path):
    """Asked at each turn: it says so, and touches nothing."""
    out, heard = tmp_path / "out", []

    def ask(progress):
        before = touched(out)
        heard.append(list(status(out)))
        assert touched(out) == before

    begin(tmp_path, ask, **RUN)
    assert all(f"running: process {os.getpid()} on " in lines[0] for lines in heard)
    assert "nothing is committed yet" in heard[0][0]
    assert any("none has jumped yet" in line for lines in heard for line in lines)
    ended = list(status(out))
    assert ended[0].startswith("finished: all jumps are made; last commit ")
    assert "jumps 40 a walker; asked for: 40 of production" in ended[1]
    assert ended[2].startswith("walkers: 8; now in ")
    assert any(line.startswith("ΔF ") and " kT" in line for line in ended)


def test_warnings_are_those_of_the_summary(quick, tmp_path):
    expected = summarise(begin(tmp_path, run={"jumps": 2})).warnings
    assert expected
    assert [line for line in status(tmp_path / "out") if line.startswith("warning: ")] == [
        f"warning: {text}" for text in expected
    ]


def test_of_a_run_that_was_killed(looked):
    """Its number has been given to another process since."""
    left_by(looked.folder, started="0")
    assert not seen_holder(looked.folder).alive
    found = look(looked.folder)._replace(jumps=50)
    assert _standing(found).startswith("stopped before its end: what is done is committed, go on with `cvflow resume ")
    assert _standing(found._replace(jumps=40)).startswith("finished")


def test_a_holder_elsewhere_is_alive_for_as_long_as_it_gives_signs(tmp_path):
    assert seen_holder(tmp_path) is None
    lock = left_by(tmp_path, host="far", pid=1, since="then", place="elsewhere")
    assert seen_holder(tmp_path) == ("process 1 on far, since then", True)
    old(lock, locks.SILENCE + 5)
    assert seen_holder(tmp_path) == ("process 1 on far, since then", False)


def test_before_the_first_commit(tmp_path, capsys):
    with folder_lock(tmp_path):
        (line,) = status(tmp_path)
        assert line.startswith(f"running: process {os.getpid()} on ")
        assert line.endswith("nothing is committed yet: it equilibrates, or tries settings")
    (tmp_path / "config.resolved.toml").touch()
    assert execute(["status", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"cvflow: {tmp_path}: nothing was committed yet, start it again\n"


def test_where_files_have_no_links_a_commit_is_met_halfway(looked):
    """For a moment the store has the name of the one before alone."""
    store = looked.folder / "run.h5"
    store.replace(previous(store))
    assert list(status(looked.folder))[1:3] == list(status(looked.folder))[1:3]
    assert next(status(looked.folder)).startswith("finished")


def test_a_rate_is_that_of_the_last_minutes(looked):
    rows = len(looked.record.turns)
    commits = Storing(np.array([0, 10, rows - 20, rows]), np.array([50.0, 100.0, 5000.0, 5036.0]))
    (line,) = _rates(looked._replace(commits=commits))
    assert line.startswith("rate: 2,000 jumps an hour by all walkers, ")
    assert line.endswith("in the last 36.0 s; 1 h 23 min of wall time")
    (line,) = _rates(looked._replace(commits=commits, jumps=45))
    assert line.endswith("; about 1 min 12 s of production left")
    (line,) = _rates(looked._replace(commits=Storing(np.array([0]), np.array([5.0]))))
    assert line == "rate: not known yet; 5.0 s of wall time"


def stuck(looked, **columns):
    """The same run with other columns of its turns."""
    turns = looked.record.turns.copy()
    for name, values in columns.items():
        turns[name] = values
    return looked._replace(record=looked.record._replace(turns=turns))


def test_what_a_run_lacks(looked):
    """Two states at 0 and 4; all walkers in the first, where nothing else is said."""
    assert list(_lacking(looked)) == []
    here = {"cv_old": 0.0, "cv_kept": 0.0, "cv": 0.0, "accepted": False, "outcome": Outcome.COMPLETED}
    right = looked.states.names[int(looked.states.assign(np.array([[4.0]]))[0])]
    refused = stuck(looked, **here, centre_new=4.0, work=31.0, log_acceptance=-33.5)
    count = f"none of {len(looked.record.turns)} jumps "
    assert list(_lacking(refused)) == [
        f"no walker has been in {right}",
        f"{count}between states was accepted: their paths' work is 31.0 kT (median), ln A -33.5: longer paths "
        "(path.steps), or what `cvflow scan` finds",
    ]
    failed = stuck(looked, **here | {"outcome": Outcome.DIVERGED}, centre_new=4.0)
    assert list(_lacking(failed))[1] == f"{count}between states was accepted, and no path of them got to its end"
    unproposed = stuck(looked, **here, centre_new=0.0)
    assert list(_lacking(unproposed))[1].startswith(f"{count}was proposed from one state into another")
    adapting = stuck(looked, production=False).record
    adapting = adapting._replace(header=replace(adapting.header, adapt_jumps=20))
    assert "adaptation goes on" in next(_lacking(looked._replace(record=adapting)))


def test_a_run_whose_turns_do_not_end_is_told_from_a_slow_one(looked):
    rows = len(looked.record.turns)
    commits = Storing(np.array([0, rows, rows, rows]), np.array([1.0, 10.0, 700.0, 910.0]))
    live = looked._replace(commits=commits, age=0.0, holder="process 1")
    waiting = stuck(live, path_seconds=60.0, local_seconds=25.0)
    (line,) = _lacking(waiting)
    assert line.startswith("no turn has ended for 15 min 0 s, and the slowest so far took 1 min 25 s: are there ")
    assert list(_lacking(waiting._replace(holder=""))) == []
    slow = stuck(waiting, path_seconds=600.0)
    assert list(_lacking(slow)) == []


def test_a_damaged_store_is_one_line(looked, capsys):
    (looked.folder / "run.h5").write_bytes(b"garbage")
    assert execute(["status", str(looked.folder)]) == 2
    said = capsys.readouterr()
    assert "not a cvflow store" in said.err
    assert len(said.err.splitlines()) == 1
    assert said.out == ""


@pytest.mark.parametrize("where", [".", "nowhere"])
def test_of_no_run(where, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert execute(["status", where]) == 2
    said = "no run here (run.h5 is missing); give the --out folder of a run"
    assert capsys.readouterr().err == f"cvflow: {where}: {said}\n"
    assert list(tmp_path.iterdir()) == []
