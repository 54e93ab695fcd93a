"""Steps per mode change, from counts and from records."""

import math

import pytest

from cvflow.estimate.cost import Cost, cost
from cvflow.estimate.summary import summarise
from tests.report.synthetic import Lengths, all_failed, fake_record


def test_the_cost_is_steps_over_changes_with_the_error_of_a_count():
    found = Cost(acceptance=0.3, acceptance_stderr=0.02, mode_changes=25, path_steps=10_000)
    assert found.steps_per_mode_change == 400
    assert found.stderr == 80, "a fifth: one over the root of 25"


def test_without_a_change_it_is_infinite():
    found = Cost(0.0, 0.0, 0, 10_000)
    assert found.steps_per_mode_change == math.inf
    assert math.isnan(found.stderr)


def test_a_record_costs_what_its_summary_says():
    record = fake_record()
    found, summary = cost(record), summarise(record)
    between = summary["jumps"]["between_states"]
    assert found.steps_per_mode_change == pytest.approx(summary["steps_per_mode_change"])
    assert found.mode_changes == summary["mode_changes"] > 50
    assert found.acceptance == between["acceptance"]
    rate, proposed = between["acceptance"], between["proposed"]
    assert found.acceptance_stderr == between["acceptance_stderr"]
    assert found.acceptance_stderr == pytest.approx(math.sqrt(rate * (1 - rate) / proposed), rel=0.3), "nearly binomial"
    made = record.turns[record.turns["production"]]
    assert found.path_steps == made["steps"].sum() < record.turns["steps"].sum(), "those of production alone"


def test_where_all_paths_fail_there_is_no_change():
    found = cost(all_failed(fake_record(lengths=Lengths(2, 5, 20))))
    assert (found.acceptance, found.mode_changes, found.steps_per_mode_change) == (0.0, 0, math.inf)
    assert math.isnan(found.acceptance_stderr), "none accepted: a bound, and no error"


def test_where_nothing_is_proposed_between_states_the_acceptance_is_unknown():
    record = fake_record(lengths=Lengths(2, 5, 20), states={"all": "r > -100"})
    found = cost(record)
    assert math.isnan(found.acceptance)
    assert math.isnan(found.acceptance_stderr)


def test_production_is_needed():
    with pytest.raises(ValueError, match="no production turns yet"):
        cost(fake_record(lengths=Lengths(2, 5, 0)))
