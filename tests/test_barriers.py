"""Profiles and forecasts from pilot paths whose statistics are known."""

from math import erfc, inf, sqrt

import numpy as np
import pytest

from cvflow.barriers import Barriers, axes_between, estimated, unknown
from cvflow.prospect import NOTHING, loosened, prospect
from cvflow.stakes import FRACTIONS, PROGRESS
from cvflow.states import States
from cvflow.store import turn_type

STATES = States({"low": "z < 2", "high": "z >= 2"}, ["z"])
SAMPLES = np.array([[-0.1], [0.1], [3.9], [4.1]])
AXES = axes_between(STATES, SAMPLES, np.ones(1), np.full(1, inf))
HEIGHT, DIFFERENCE = 6.0, 1.0


def free_energy(z):
    """A hump between 0 and 4, and the difference of the two ends."""
    s = z / 4
    return 4 * HEIGHT * s * (1 - s) + DIFFERENCE * s


def pilots(count, dissipated, steps=320, seed=0):
    """Rows of paths from 0 to 4 and back whose works are normal and obey Crooks' relation, for a proposal exp(-F)."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(2 * count, dtype=turn_type(1))
    rows["centre_old"][:count], rows["centre_new"][:count] = 0.0, 4.0
    rows["centre_old"][count:], rows["centre_new"][count:] = 4.0, 0.0
    increments = rng.normal(dissipated / 16, sqrt(2 * dissipated / 16), (2 * count, 16))
    lost = np.concatenate([np.zeros((2 * count, 1)), increments.cumsum(axis=1)], axis=1)
    start, end = rows["centre_old"], rows["centre_new"]
    rows["interim"] = free_energy(start + (end - start) * FRACTIONS) - free_energy(start) + lost
    rows["work"] = rows["interim"][:, -1]
    rows["log_q_old"], rows["log_q_new"] = -free_energy(start)[:, 0], -free_energy(end)[:, 0]
    rows["steps"] = steps
    return rows


def test_the_profile_is_the_free_energy_up_to_a_constant():
    barriers = estimated(pilots(400, 2.0), AXES)
    assert barriers.known.tolist() == [[False, True], [True, False]]
    inside = (PROGRESS >= 0) & (PROGRESS <= 1)
    apart = barriers.heights[0, 1][inside] - free_energy(4 * PROGRESS[inside])
    assert np.abs(apart - 1.0).max() < 0.35  # half of what is dissipated; medians of 400 have an error of 0.1
    np.testing.assert_array_equal(barriers.heights[1, 0], barriers.heights[0, 1][::-1])


def test_progress_is_the_same_place_from_both_sides():
    points = np.array([[1.0]])
    there, back = (AXES.progress(points, np.array([a]), np.array([b]))[0] for a, b in ((0, 1), (1, 0)))
    assert there == pytest.approx(0.25)
    assert there + back == pytest.approx(1.0)


def test_without_early_rejection_the_forecast_is_the_mean_acceptance():
    """Crooks with normal works: the acceptance is erfc(√D/2)."""
    rows = pilots(2000, 2.0)
    found = prospect(rows, estimated(rows, AXES), gives_up=False, seed=0)
    assert found.acceptance == pytest.approx(erfc(sqrt(2.0) / 2), abs=0.02)
    assert found.steps == 320
    assert found.steps_per_mode_change == pytest.approx(320 / erfc(sqrt(2.0) / 2), rel=0.07)


def test_giving_up_early_costs_less_than_running_on():
    rows = pilots(2000, 3.0)
    barriers = loosened(rows, estimated(rows, AXES))
    early, whole = (prospect(rows, barriers, gives_up, seed=0) for gives_up in (True, False))
    assert early.acceptance < whole.acceptance
    assert early.steps_per_mode_change < 0.8 * whole.steps_per_mode_change


def test_a_proposal_with_wrong_weights_promises_the_same():
    """Training will mend the weights, so that pilots must not pay for them."""
    rows = pilots(2000, 2.0)
    wrong = rows.copy()
    for name in ("log_q_old", "log_q_new"):
        wrong[name] += np.where(wrong["centre_" + name[6:]][:, 0] < 2, 1.5, 0.0)
    right, other = (prospect(r, estimated(r, AXES), gives_up=False, seed=0) for r in (rows, wrong))
    assert other.steps_per_mode_change == pytest.approx(right.steps_per_mode_change, rel=1e-6)


def test_the_forecast_s_error_is_its_spread():
    found = [prospect(pilots(40, 2.0, seed=seed), unknown_known(), gives_up=False, seed=0) for seed in range(20)]
    spread = np.std([each.steps_per_mode_change for each in found])
    assert 0.5 < np.mean([each.stderr for each in found]) / spread < 2.0


def unknown_known() -> Barriers:
    rows = pilots(400, 2.0, seed=99)
    return estimated(rows, AXES)


def test_too_few_paths_tell_nothing():
    rows = pilots(7, 2.0)
    barriers = estimated(rows, AXES)
    assert not barriers.known.any()
    assert prospect(rows, barriers, gives_up=True, seed=0) == NOTHING
    decided = unknown(AXES).stakes(np.zeros((1, 1)), np.full((1, 1), 4.0), np.zeros(1), np.full(1, -1.0))
    assert decided.log_uniform[0] == -inf
