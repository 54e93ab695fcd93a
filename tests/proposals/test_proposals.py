"""The law of proposals, over all of them: draws follow the density, which is normalised and finite everywhere."""

from functools import cache

import numpy as np
import pytest
from scipy import stats

from cvflow.core.periodic import wrapped
from cvflow.proposals import GaussianMixture
from cvflow.proposals.labelled import LabelledProposal
from tests.proposals.cases import SPACES, grid, learned, samples

FIXED = GaussianMixture(((3.5,), (5.7,)), ((0.2,), (0.35,)), (0.7, 0.3))
NARROW = GaussianMixture(((3.4,),), ((0.25,),), (1.0,))
LABELLED = LabelledProposal(("low", "high"), (NARROW, learned("line")), (0.8, 0.2), False, 0)
PROPOSALS = {
    "mixture": (FIXED, SPACES["line"]),
    "labelled": (LABELLED, SPACES["line"]),
    **{name: (learned(name), where) for name, where in SPACES.items()},
}
EACH = pytest.mark.parametrize("name", PROPOSALS)
GRIDDED = pytest.mark.parametrize("name", [name for name in PROPOSALS if name != "three"])
CELLS = {1: 12_000, 2: 300}
"""Along each axis of a grid, by dimension."""


@cache
def masses(name):
    """Probability of each cell of a grid, as an array with an axis a CV."""
    proposal, where = PROPOSALS[name]
    cvs = len(where.periods)
    points, cell = grid(where, CELLS[cvs], reach=(-2.0, 12.0))
    return (np.exp(proposal.log_density(points)) * cell).reshape((CELLS[cvs],) * cvs)


@GRIDDED
def test_the_density_is_normalised(name):
    assert masses(name).sum() == pytest.approx(1, abs=1e-3)


@GRIDDED
def test_draws_follow_the_density(name):
    """Chi-square over boxes of a grid; all CVs at once, so a wrong order of dimensions shows."""
    proposal, where = PROPOSALS[name]
    cvs, coarse = len(where.periods), {1: 60, 2: 15}[len(where.periods)]
    draws = proposal.draw(30_000, np.random.default_rng(1))
    points, _ = grid(where, coarse, reach=(-2.0, 12.0))
    edges = [np.append(axis - (axis[1] - axis[0]) / 2, axis[-1] + (axis[1] - axis[0]) / 2) for axis in _axes(points)]
    found, _ = np.histogramdd(draws, bins=edges)
    parts = masses(name).reshape([size for _ in range(cvs) for size in (coarse, CELLS[cvs] // coarse)])
    expected = len(draws) * parts.sum(axis=tuple(range(1, 2 * cvs, 2)))
    enough = expected > 10
    assert enough.sum() > 15
    squared = ((found - expected)[enough] ** 2 / expected[enough]).sum()
    assert stats.chi2(int(enough.sum())).sf(squared) > 1e-4


def test_draws_of_three_kinds_at_once_follow_the_density():
    """E_q[r/q] is the integral of r, for functions r that q covers: uniform in places, over all CVs at once."""
    proposal, where = PROPOSALS["three"]
    draws = proposal.draw(20_000, np.random.default_rng(2))
    density = np.exp(proposal.log_density(draws))
    known = samples(20_000, np.random.default_rng(3), where)
    for corner in known[:5]:
        inside = (np.abs(wrapped(draws - corner, np.array(where.periods))) < 0.3).all(axis=1)
        ratio = inside / density
        # A box's edge cuts the neighbourhood of its points.
        volume = 0.36 * (min(corner[0] + 0.3, 3.5) - max(corner[0] - 0.3, 1.0))
        assert inside.sum() > 50
        assert abs(ratio.mean() - volume) < 4 * ratio.std() / np.sqrt(len(ratio))


def _axes(points):
    return [np.unique(column) for column in points.T]


@pytest.mark.parametrize("name", SPACES)
def test_draws_lie_where_the_cvs_can_be(name):
    proposal, where = PROPOSALS[name]
    draws = proposal.draw(20_000, np.random.default_rng(2))
    for column, period, (low, high) in zip(draws.T, where.periods, where.ranges, strict=True):
        assert (np.abs(column) <= period / 2).all()
        assert ((column >= low - 1e-12) & (column <= high + 1e-12)).all()
    assert np.isfinite(proposal.log_density(draws)).all()


@pytest.mark.parametrize("name", ["circle", "torus", "mixed", "three"])
def test_it_is_continuous_across_the_ends_of_circles(name):
    """In every periodic dimension, wherever the other CVs are; and a turn changes nothing."""
    proposal, where = PROPOSALS[name]
    rngs = np.random.default_rng(3), np.random.default_rng(4)
    points = np.concatenate([samples(500, rngs[0], where), proposal.draw(500, rngs[1])])
    for i in np.flatnonzero(np.isfinite(where.periods)):
        before, after, turned = points.copy(), points.copy(), points.copy()
        before[:, i], after[:, i] = np.pi - 1e-6, -np.pi + 1e-6
        turned[:, i] += 2 * np.pi
        assert np.abs(proposal.log_density(before) - proposal.log_density(after)).max() < 1e-3
        np.testing.assert_allclose(proposal.log_density(turned), proposal.log_density(points), atol=1e-9)
    near = np.exp(proposal.log_density(before)).max()
    assert near > 0.01, "there is something to be continuous about"


def test_a_box_is_finite_up_to_its_edges_and_nothing_beyond():
    proposal, _ = PROPOSALS["box"]
    inside = np.array([[1.0], [3.5], [1.0 - 1e-7], [3.5 + 1e-7], [2.0]])
    assert np.isfinite(proposal.log_density(inside)).all()
    np.testing.assert_array_equal(proposal.log_density(np.array([[0.99], [3.51], [-50.0]])), -np.inf)


def test_far_out_on_a_line_it_is_finite():
    points = np.array([[-30.0], [0.0], [40.0], [1e4]])
    assert np.isfinite(PROPOSALS["line"][0].log_density(points)).all()
    mixed = np.column_stack([np.zeros(4), points])
    assert np.isfinite(PROPOSALS["mixed"][0].log_density(mixed)).all()


@EACH
def test_the_same_seed_draws_the_same(name):
    first, second = (PROPOSALS[name][0].draw(10, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("means", "sigmas", "weights"),
    [
        (((0.0,),), ((1.0,),), (0.9,)),
        (((0.0,),), ((-1.0,),), (1.0,)),
        (((0.0,), (1.0,)), ((1.0,),), (1.0,)),
        (((0.0,), (1.0,)), ((1.0,), (1.0,)), (1.5, -0.5)),
    ],
)
def test_mixtures_that_are_none_raise(means, sigmas, weights):
    with pytest.raises(ValueError, match="mixture"):
        GaussianMixture(means, sigmas, weights)
