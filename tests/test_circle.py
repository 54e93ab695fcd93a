"""Arithmetic on circles: what is wrapped, and averages of points that lie across the edge."""

from math import inf, pi

import numpy as np
import pytest

from cvflow.circle import mean, variance, wrapped

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
