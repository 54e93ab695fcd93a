from dataclasses import replace

import pytest

from cvflow.report.regions import state_intervals


def test_states_are_intervals_of_their_cv(record):
    compact, extended = state_intervals(record.header, "r", 3.0, 6.0)
    assert (compact.state, extended.state) == ("compact", "extended")
    assert (compact.low, extended.high) == (3.0, 6.0)
    assert compact.high == extended.low == pytest.approx(4.62, abs=0.002)


def test_a_state_of_two_stretches_and_gaps_between(record):
    header = replace(record.header, states={"outer": "r < 3.5 or r > 5", "inner": "4 < r < 4.5"})
    found = state_intervals(header, "r", 3.0, 6.0)
    assert [interval.state for interval in found] == ["outer", "inner", "outer"]
    assert found[0].high < found[1].low < found[1].high < found[2].low


def test_states_of_other_cvs_are_left_out(three):
    header = replace(three.header, states={"a": "phi < 0", "b": "phi > 0 and psi > 0"})
    assert [interval.state for interval in state_intervals(header, "phi", -1.0, 1.0)] == ["a"]
    assert state_intervals(header, "psi", -1.0, 1.0) == []
