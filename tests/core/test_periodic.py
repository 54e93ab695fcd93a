"""Arithmetic on circles: what is wrapped, and averages of points that lie across the edge."""

from math import inf, pi

import numpy as np
import pytest
from scipy import stats

from cvflow.core.periodic import into_period, mean, truncated_normal, variance, wrapped

PERIODS = np.array([2 * pi, inf, 1.0])


def test_what_is_wrapped_lies_in_half_a_period_around_zero():
    values = np.random.default_rng(0).normal(0, 10, (4, 50, 3))
    near = wrapped(values, PERIODS)
    turns = (values - near) / np.where(np.isinf(PERIODS), 1.0, PERIODS)
    assert (np.abs(near[..., [0, 2]]) <= 0.5 * PERIODS[[0, 2]]).all()
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-9)
    np.testing.assert_array_equal(near[..., 1], values[..., 1])
    np.testing.assert_allclose(wrapped(-values, PERIODS), -near, atol=1e-12)
    np.testing.assert_allclose(wrapped(near, PERIODS), near, atol=1e-12)


def cluster(at):
    """Points around a place, and where they would be if nothing were wrapped."""
    unrolled = np.array(at) + np.random.default_rng(1).normal(0, 0.08, (400, 3))
    return wrapped(unrolled, PERIODS), unrolled


@pytest.mark.parametrize("at", [(0.0, 0.0, 0.0), (pi, 50.0, 0.5), (-pi + 0.1, -3.0, -0.49), (3.0, 7.0, 0.4)])
def test_averages_do_not_see_the_edge(at):
    points, unrolled = cluster(at)
    found = mean(points, PERIODS)
    np.testing.assert_allclose(wrapped(found - unrolled.mean(axis=0), PERIODS), 0, atol=1e-12)
    assert (np.abs(found[[0, 2]]) <= 0.5 * PERIODS[[0, 2]]).all()
    np.testing.assert_allclose(variance(points, PERIODS), unrolled.var(axis=0), rtol=1e-10)


def test_on_lines_they_are_the_usual_ones():
    points, lines = np.random.default_rng(2).normal(3, 20, (30, 2)), np.array([inf, inf])
    np.testing.assert_allclose(mean(points, lines), points.mean(axis=0))
    np.testing.assert_allclose(variance(points, lines), points.var(axis=0))


def test_one_point_is_its_own_mean():
    point = np.array([[-pi + 0.01, 4.0, 0.5]])
    np.testing.assert_allclose(wrapped(mean(point, PERIODS) - point[0], PERIODS), 0, atol=1e-12)
    np.testing.assert_allclose(variance(point, PERIODS), 0, atol=1e-24)


def test_opposite_sides_are_as_far_apart_as_can_be():
    assert variance(np.array([[-pi / 2], [pi / 2]]), np.array([2 * pi]))[0] == pytest.approx(pi**2 / 4)


@pytest.mark.parametrize("period", [2 * pi, 3.0])
def test_a_value_is_brought_into_one_period_half_open(period):
    for value in (-7.3, -0.5 * period, 0.1, 0.5 * period, 1.5 * period, 100.0):
        inside = into_period(value, period)
        assert -0.5 * period <= inside < 0.5 * period
        assert (value - inside) / period == pytest.approx(round((value - inside) / period), abs=1e-9)
    assert into_period(100.0, inf) == 100.0


@pytest.mark.parametrize("reach", [0.01, 0.8, 3.0, 40.0, inf])
def test_truncated_normal_numbers_are_its_quantiles(reach):
    uniform = np.array([0.0, 1e-9, 0.02, 0.5, 0.7, 1 - 1e-9])
    drawn = truncated_normal(uniform, reach)
    assert (np.abs(drawn) <= reach).all()
    assert np.isfinite(drawn).all()
    np.testing.assert_allclose(drawn[1:], stats.truncnorm(-reach, reach).ppf(uniform[1:]), rtol=1e-6, atol=1e-9)
