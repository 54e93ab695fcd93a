"""Paths that are given up, looked at from near: what is held against what, and what is written down."""

import numpy as np
import pytest

from cvflow.core.acceptance import log_acceptance
from cvflow.core.early_rejection import FRACTIONS, KNOTS, PROGRESS, EarlyRejection, PathMonitor, profile_at


def criterion(log_uniform, log_q_old=-1.0, profile=0.0):
    column = np.atleast_1d(np.asarray(log_uniform, dtype=float))
    count = len(column)
    grid = np.broadcast_to(profile, (count, len(PROGRESS))).copy()
    return EarlyRejection(column, np.full(count, log_q_old), np.zeros(count), np.ones(count), grid)


def test_a_profile_is_linear_between_its_points_and_constant_outside():
    profiles = np.array([PROGRESS**2, 3 * PROGRESS])
    middle = 0.5 * (PROGRESS[3] + PROGRESS[4])
    found = profile_at(profiles, np.array([middle, middle]))
    np.testing.assert_allclose(found, [0.5 * (PROGRESS[3] ** 2 + PROGRESS[4] ** 2), 3 * middle])
    np.testing.assert_allclose(profile_at(profiles, np.array([-9.0, 9.0])), [PROGRESS[0] ** 2, 3 * PROGRESS[-1]])


def test_at_the_end_of_the_way_it_is_the_acceptance():
    """With minus log q of the end for the free energy there."""
    at_end = criterion(0.0, log_q_old=-1.2, profile=0.7).log_acceptance(np.array([0]), np.ones(1), np.array([2.5]))
    assert at_end[0] == pytest.approx(log_acceptance(-1.2, -0.7, 2.5))


def test_a_path_ends_where_it_falls_below_its_number():
    monitor = PathMonitor(np.array([40, 40, 40]), criterion([-2.0, -2.0, -np.inf], log_q_old=0.0))
    rows = np.arange(3)
    monitor.look(10, rows, np.full(3, 0.25), np.array([1.0, 1.5, 1.0]))
    assert not monitor.given_up.any()
    monitor.look(20, rows, np.full(3, 0.5), np.array([2.5, 0.5, 9.0]))
    assert monitor.given_up.tolist() == [True, False, False]
    assert monitor.ends.tolist() == [20, 40, 40]
    monitor.look(30, rows, np.full(3, 0.75), np.array([0.0, 9.0, 9.0]))
    assert monitor.ends.tolist() == [20, 30, 40]
    np.testing.assert_allclose(monitor.log_survival, [-2.5, -9.0, 0.0])


def test_a_nan_is_left_to_the_end():
    monitor = PathMonitor(np.array([40]), criterion([-2.0]))
    monitor.look(10, np.array([0]), np.array([0.25]), np.array([np.nan]))
    assert not monitor.given_up.any()
    assert monitor.log_survival[0] == 0.0


def test_works_on_the_way_are_written_down_for_paths_that_are_not_decided():
    monitor = PathMonitor(np.array([64, 64]), criterion([-np.inf, -50.0]))
    for step in (16, 32, 48):
        fraction = np.full(2, step / 64)
        monitor.look(step, np.arange(2), fraction, 8 * fraction)
    interim = monitor.interim(np.array([8.0, 8.0]))
    assert interim.shape == (2, KNOTS)
    np.testing.assert_allclose(interim[0], 8 * FRACTIONS)
    assert np.isnan(interim[1]).all()
