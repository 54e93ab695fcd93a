"""Standard coordinates, there and back, and the noise that λ has around ξ."""

from math import pi

import numpy as np
import pytest
from scipy import stats

from cvflow.core.cv_space import Domain
from cvflow.proposals.standard_coordinates import BOUND, StandardCoordinates
from tests.proposals.cases import BOX, CIRCLE, LINE, line, space

ALL = space(LINE, CIRCLE, BOX)


def test_no_sample_on_a_line_is_beyond_the_splines():
    """A mode of 1 % lies at ten standard deviations, a normal sample's own tail at four."""
    samples = np.concatenate([np.zeros((99, 2)), np.ones((1, 2))]) + np.random.default_rng(0).normal(0, 1e-3, (100, 2))
    samples[:, 1] = np.random.default_rng(1).normal(3.0, 2.0, 100)
    standard = StandardCoordinates.fitted(samples, line(2), np.zeros(2))
    reach = np.abs(standard.inward(samples)).max(axis=0)
    assert reach[0] == pytest.approx(BOUND)
    assert reach[1] < BOUND
    assert standard.scale[1] == pytest.approx(samples[:, 1].std())


def test_standard_coordinates_of_each_kind():
    rng = np.random.default_rng(0)
    samples = np.column_stack([rng.normal(7, 3, 2000), 3.0 + rng.normal(0, 0.2, 2000), rng.uniform(1, 3.5, 2000)])
    standard = StandardCoordinates.fitted(samples, ALL, np.array([4.0, 0.1, 0.0]))
    assert standard.centre == pytest.approx([7, 3, 2.25], abs=0.3)
    assert standard.scale == pytest.approx([5, 0.2 * pi, 0.25], rel=0.05), "on lines, noise and samples together"
    u = standard.inward(samples)
    assert (np.abs(u[:, 1:]) <= 5).all()
    there = samples.copy()
    there[:, 1] -= np.where(there[:, 1] > pi, 2 * pi, 0)
    np.testing.assert_allclose(standard.outward(u), there, atol=1e-12)
    np.testing.assert_array_equal(standard.lines, [True, False, False])
    assert standard.log_scale == pytest.approx(np.log(standard.scale).sum())


def test_noise_is_normal_and_cut_on_circles():
    """Widths from narrow to wider than the circle: KS against the truncated normal."""
    standard = StandardCoordinates(
        (Domain.LINE, Domain.CIRCLE, Domain.CIRCLE, Domain.BOX), np.zeros(4), np.array([1.0, 0.1, 0.2, 1.0])
    )
    widths = np.array([2.0, 0.05, 3.0, 0.0])
    noise = standard.noise(widths, 20_000, np.random.default_rng(1))
    assert stats.kstest(noise[:, 0], stats.norm(0, 2).cdf).pvalue > 1e-3
    assert stats.kstest(noise[:, 1], stats.truncnorm(-10, 10, scale=0.05).cdf).pvalue > 1e-3
    assert stats.kstest(noise[:, 2], stats.truncnorm(-1 / 3, 1 / 3, scale=3.0).cdf).pvalue > 1e-3
    assert not noise[:, 3].any()


def test_samples_without_a_spread_raise():
    with pytest.raises(ValueError, match="all alike"):
        StandardCoordinates.fitted(np.ones((20, 1)), line(1), np.zeros(1))
