"""What is said of an exception, and what trace it leaves: a user's mistake in one line, a fault of ours in run.log."""

import logging
import re

import pytest

from cvflow.cli.commands import execute
from cvflow.host.faults import UserFunctionError
from cvflow.host.journal import FILE, journal
from cvflow.run import run_folder
from tests.run.valley_run import begin, quick, sample, short, written  # noqa: F401

pytestmark = pytest.mark.usefixtures("short")

FAILING = """
from tests import valley

calls = []


def failing():
    system = valley.valley()

    def energy(x):
        calls.append(x)
        if len(calls) > 60:
            raise ZeroDivisionError("of my own making")
        return system.potential.function(x)

    import cvflow
    from dataclasses import replace
    return replace(system, potential=cvflow.Potential(energy, system.potential.shape))
"""


def run(folder, *before, **sections):
    words = ["run", str(written(folder, **sections)), "--out", str(folder / "out")]
    return execute([*before, *words])


def one_line(capsys):
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]


@pytest.fixture
def our_fault(monkeypatch):
    monkeypatch.setattr("cvflow.sampler.walkers.batch.turn_rows", {}.get)


def test_a_users_function_is_named_in_one_line(tmp_path, capsys):
    (tmp_path / "theirs.py").write_text(FAILING)
    assert run(tmp_path, system={"python": "theirs.py:failing"}, run={"jumps": 1000}) == 1
    line = one_line(capsys)
    assert re.search(r"the run failed: (turn \d+|equilibration): energy \(.*theirs\.py, line 13\) fails: ", line)
    assert "ZeroDivisionError: of my own making" in line
    assert "cvflow resume" in line or "start it again" in line
    assert "in energy" in (tmp_path / "out" / FILE).read_text()


@pytest.mark.usefixtures("our_fault")
def test_a_fault_of_ours_leaves_its_trace(tmp_path, capsys):
    assert run(tmp_path) == 1
    line = one_line(capsys)
    assert "the run failed: TypeError: get expected at most 2 arguments, got 6; the traceback is in" in line
    assert f"{tmp_path / 'out' / FILE}; what is done is committed, go on with `cvflow resume" in line
    log = (tmp_path / "out" / FILE).read_text()
    assert "Traceback (most recent call last)" in log
    assert "in _turned" in log


@pytest.mark.usefixtures("our_fault")
def test_debug_prints_the_trace(tmp_path, capsys):
    assert run(tmp_path, "--debug") == 1
    said = capsys.readouterr().err
    assert "in _turned" in said
    assert said.splitlines()[-1].startswith("cvflow: the run failed: TypeError")


@pytest.mark.usefixtures("our_fault")
def test_python_gets_the_exception_itself(tmp_path):
    with pytest.raises(TypeError, match="get expected"):
        sample(tmp_path)
    assert "in _turned" in (tmp_path / FILE).read_text()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("debug", [False, True])
def test_commands_without_a_run_say_where_to_look(debug, tmp_path, capsys, monkeypatch):
    begin(tmp_path)

    def broken(*arguments):
        raise IndexError("a fault of ours")

    monkeypatch.setattr("cvflow.run.run_folder.write_report", broken)
    capsys.readouterr()
    assert execute([*(["--debug"] if debug else []), "report", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert "cvflow: failed: IndexError: a fault of ours" in said.splitlines()[-1]
    assert ("in broken" in said, "--debug" in said.splitlines()[-1]) == (debug, not debug)


@pytest.mark.usefixtures("quick")
def test_a_faultless_run_notes_its_events(tmp_path, capsys):
    before = logging.getLogger("cvflow").handlers[:]
    begin(tmp_path)
    log = (tmp_path / "out" / FILE).read_text()
    assert [word in log for word in ("cvflow 0", "from jump 0 to 6", "all jumps are done", "Traceback")] == [1, 1, 1, 0]
    assert logging.getLogger("cvflow").handlers == before
    run_folder.resume(tmp_path / "out", 8, lambda progress: None)
    assert "from jump 6 to 8" in (tmp_path / "out" / FILE).read_text()
    assert capsys.readouterr().err == ""


def test_a_log_that_cannot_be_written_ends_nothing(tmp_path, capsys):
    with journal(tmp_path / "nowhere"):
        logging.getLogger("cvflow").info("lost")
    assert capsys.readouterr().err == ""


def test_warnings_reach_the_terminal(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    with journal(tmp_path):
        logging.getLogger("cvflow").warning("a worker process died")
        logging.getLogger("cvflow").info("not this")
    assert capsys.readouterr().err == "cvflow: a worker process died\n"


def test_misuse_within_a_users_function_is_misuse_of_ours():
    """A user's function that fails is a ValueError, as all that users can mend."""
    assert issubclass(UserFunctionError, ValueError)
