"""The quick runs against what they left behind when the reference was made, and the comparison itself.

`reference.npz` is made anew, and right to be, where a change is meant to change chains: another use of the random
streams, another algorithm, another meaning of what is stored. The commit that does so says why. Where names or places
change and nothing else, it stays. It is made by

    python -m tests.same_chains --quick --record tests/same_chains/reference.npz .

On the machine and with the packages of the recording the same bits are asked for. Elsewhere the same decisions and
integers are, and floats to a millionth, which short chains keep; not of runs that train a flow, which do not.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.same_chains.differences import differences
from tests.same_chains.making import FailedError, made
from tests.same_chains.recording import machine, read, write
from tests.same_chains.runs import RUNS
from tests.same_chains.short_run import CONFIG
from tests.same_chains.stores import files_in

ROOT = Path(__file__).parents[2]
REFERENCE = Path(__file__).with_name("reference.npz")


PARTS = 4
"""Of the quick runs, so that several of pytest's workers share them; each part imports once."""


def test_the_quick_runs_are_those_of_the_reference():
    old, _ = read(REFERENCE)
    assert set(old) == {name for name, run in RUNS.items() if run.quick}, "make the reference anew: the runs are others"


@pytest.mark.parametrize("part", range(PARTS))
def test_the_quick_runs_are_as_they_were(part):
    old, by = read(REFERENCE)
    exactly = by == machine()
    compared = [name for name in old if RUNS[name].possible and (exactly or RUNS[name].portable)][part::PARTS]
    found = {name: _changed(old[name], left, exactly) for name, left, _ in made(ROOT, compared)}
    assert {name: lines for name, lines in found.items() if lines} == {}
    assert len(found) == len(compared) > 2


def _changed(old, left, exactly):
    return [str(left)] if isinstance(left, FailedError) else differences(old, left, exactly)


TABLE = np.array([(0, True, 1.5, [1.0, np.nan]), (1, False, -0.0, [2.0, 3.0])], "i4, ?, f8, (2,)f8")


def with_(field, row, value):
    other = TABLE.copy()
    other[field][row] = value
    return other


def test_the_same_is_the_same():
    assert differences({"turns": TABLE}, {"turns": TABLE.copy()}) == []


CHANGES = {
    "an integer": ("f0", 2, False),
    "a decision": ("f1", True, False),
    "a digit": ("f2", 1e-300, True),
    "a sign of zero": ("f2", 0.0, True),
    "a last bit": ("f3", [2.0, np.nextafter(3.0, 4.0)], True),
    "a part in a thousand": ("f3", [2.0, 3.003], False),
    "no number": ("f3", [np.nan, 3.0], False),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_changed_is_found_at_its_row(what):
    field, value, near = CHANGES[what]
    other = with_(field, 1, value)
    (line,) = differences({"turns": TABLE}, {"turns": other})
    assert line.startswith(f"turns: {field}: 1 of ")
    assert "first at [1" in line
    assert (differences({"turns": TABLE}, {"turns": other}, exactly=False) == []) == near


def test_what_is_gone_or_new_or_longer_is_found():
    assert differences({"a": np.zeros(2)}, {"b": np.zeros(2)}) == ["a is gone", "b is new"]
    assert differences({"a": np.zeros(2)}, {"a": np.zeros(3)}) == ["a: float64[2] is now float64[3]"]


def test_a_recording_keeps_every_bit(tmp_path):
    write(tmp_path / "one.npz", {"a run": {"turns": TABLE, "kT": np.array(0.1)}})
    runs, by = read(tmp_path / "one.npz")
    assert by == machine()
    assert differences(runs["a run"], {"turns": TABLE, "kT": np.array(0.1)}) == []


def test_a_run_that_fails_leaves_its_last_words(monkeypatch):
    run = replace(RUNS["tunnel, langevin, flow"], files={CONFIG: "system = { name = 'tunel' }"})
    monkeypatch.setitem(RUNS, "refused", run)
    ((_, left, _),) = made(ROOT, ["refused"])
    assert "exit code 2" in str(left)
    assert "tunel" in str(left)


def test_what_lies_behind_a_file_s_end_does_not_count():
    """It is of longer files of earlier commits, and how many of those there were hangs on the clock."""
    rows, lengths = np.array([[1, 2, 9, 9], [1, 9, 9, 8]], np.uint8), np.array([2, 1])
    assert files_in(rows, lengths).tolist() == [[1, 2], [1, 0]]
