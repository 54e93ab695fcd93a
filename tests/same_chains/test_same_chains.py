"""The comparison itself."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.same_chains.differences import differences
from tests.same_chains.making import made
from tests.same_chains.recording import machine, read, write
from tests.same_chains.runs import RUNS
from tests.same_chains.short_run import CONFIG

ROOT = Path(__file__).parents[2]


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
