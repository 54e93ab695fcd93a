"""The width of one well, from samples of a state that may have several: known answers on circles and lines."""

from math import inf, pi

import numpy as np
import pytest

from cvflow.core.periodic import variance
from cvflow.setup.wells import well_variance

WIDTH = 0.25
"""Standard deviation of every well here."""

CASES = 30
"""Of each kind, with seeds of their own."""


def visited(rng, centres, weights, count=48):
    """Samples of several wells on a circle, independent of each other."""
    values = rng.choice(centres, count, p=weights) + WIDTH * rng.normal(size=count)
    return (values + pi) % (2 * pi) - pi


def variances(centres, weights, count=48):
    """In those of one well, of cases that differ by their random numbers."""
    cases = (visited(np.random.default_rng(seed), centres, weights, count) for seed in range(CASES))
    return np.array([well_variance(case[:, None], np.array([2 * pi]))[0] for case in cases]) / WIDTH**2


@pytest.mark.parametrize(
    ("centres", "weights"),
    [
        ([2.6, -0.6], [0.5, 0.5]),
        ([2.6, -0.6], [0.9, 0.1]),
        ([pi, 0.0], [0.6, 0.4]),
        ([-1.0, 1.0], [0.5, 0.5]),
        ([-2 * pi / 3, 0.0, 2 * pi / 3], [0.4, 0.3, 0.3]),
    ],
)
def test_of_several_wells_on_a_circle_it_is_that_of_one(centres, weights):
    """The pooled variance is 16 to 48 times as large."""
    assert np.median(variances(centres, weights)) == pytest.approx(1.0, abs=0.4)
    assert (variances(centres, weights) < 3).mean() > 0.9


@pytest.mark.parametrize("centre", [0.3, pi])
def test_of_one_well_it_is_the_variance(centre):
    found = variances([centre], [1.0])
    assert np.median(found) == pytest.approx(1.0, abs=0.2)
    assert found.min() > 0.3


def test_a_well_that_is_broad_stays_whole():
    """Of a flat well, of a circle that is visited all around, and of one that walkers diffuse in."""
    rng = np.random.default_rng(0)
    flat, around = rng.uniform(2.0, 5.0, (400, 1)), rng.uniform(-pi, pi, (400, 1))
    slow = np.cumsum(rng.normal(size=(8, 24)), axis=1).reshape(-1, 1)
    for points, period in ((flat, inf), (around, 2 * pi), (slow, inf)):
        np.testing.assert_array_equal(well_variance(points, np.array([period])), variance(points, np.array([period])))


def test_each_cv_has_its_own_unit_and_its_own_wells():
    """A circle in degrees with two wells, and a distance in one: scaled and shifted, the answers scale."""
    rng = np.random.default_rng(1)
    angle = np.degrees(visited(rng, [2.6, -0.6], [0.5, 0.5], 96))
    points = np.stack([angle, 300.0 + 1e-3 * rng.normal(size=96)], axis=1)
    found = well_variance(points, np.array([360.0, inf]))
    np.testing.assert_allclose(found, [np.degrees(WIDTH) ** 2, 1e-6], rtol=0.4)
    turned = (points + np.array([170.0 + 180.0, 7.0])) % [360.0, 1e9] - [180.0, 0.0]
    np.testing.assert_allclose(well_variance(turned, np.array([360.0, inf])), found, rtol=0.2)


def test_one_sample_of_each_of_many_walkers_will_do():
    shuffled = visited(np.random.default_rng(2), [2.6, -0.6], [0.7, 0.3], 1024)
    in_order = np.sort(shuffled)
    found = [well_variance(each[:, None], np.array([2 * pi])) for each in (shuffled, in_order)]
    np.testing.assert_allclose(found, WIDTH**2, rtol=0.15)


def test_what_does_not_move_has_none():
    assert well_variance(np.full((24, 1), 1.5), np.array([2 * pi])) == 0
