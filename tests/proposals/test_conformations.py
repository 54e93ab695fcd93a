"""Proposals over shapes: normalised, drawn from what they say, learned, and stored."""

import numpy as np
import pytest
from scipy import stats

from cvflow.cv.internal_coordinates import Chain, Shapes
from cvflow.doctor.verify import driven_chain as target
from cvflow.proposals import contaminated_normal, torsion_histograms
from cvflow.proposals.conformations import ConformationLearner, ConformationProposal
from cvflow.proposals.fit import FitSettings
from cvflow.proposals.io import from_bytes, to_bytes
from cvflow.proposals.pair_functions import distances, learn
from tests.proposals.cases import line

CHAIN = target.SHAPES.chain


def exact_points(count: int, seed: int) -> np.ndarray:
    return target.SHAPES.points(target.exact_draws(count, np.random.default_rng(seed))[:, :4])


@pytest.fixture(scope="module")
def learned() -> ConformationProposal:
    chains = [exact_points(500, seed) for seed in range(2)]
    learner = ConformationLearner(target.SHAPES, 0.0)
    training = learner(chains, line(7), np.zeros(7), FitSettings(), None, np.random.default_rng(0))
    assert training.samples == 1000
    assert isinstance(training.proposal, ConformationProposal)
    return training.proposal


def test_a_broad_normal_is_the_density_of_its_draws():
    made = contaminated_normal.fitted(
        np.random.default_rng(1).normal(size=(300, 2)) @ np.array([[1.0, 0.0], [0.7, 0.2]]), 0.2
    )
    grid = np.stack(np.meshgrid(np.linspace(-9, 9, 400), np.linspace(-6, 6, 800)), axis=-1)
    mass = np.exp(made.log_density(grid.reshape(-1, 2))).sum() * (18 / 399) * (12 / 799)
    assert mass == pytest.approx(1.0, abs=1e-3)
    drawn = made.draw(100_000, np.random.default_rng(2))
    widened = 1 + 0.2 * (1.5**2 - 1)
    assert np.allclose(np.cov(drawn.T), widened * made.factor @ made.factor.T, rtol=0.03)


def test_torsions_are_drawn_from_their_density():
    made = torsion_histograms.fitted(np.random.default_rng(3).vonmises(2.8, 2.0, (400, 2)))
    angles = np.linspace(-np.pi, np.pi, 7200, endpoint=False) + 1e-4
    density = np.exp(made.log_density(np.stack([angles, np.zeros_like(angles)], axis=1)))
    wanted = density / density.sum() * torsion_histograms.BINS
    counts = np.histogram(made.draw(100_000, np.random.default_rng(4))[:, 0], torsion_histograms.BINS, (-np.pi, np.pi))[
        0
    ]
    expected = wanted.reshape(torsion_histograms.BINS, -1).sum(axis=1) / torsion_histograms.BINS * 100_000
    assert stats.chisquare(counts, expected).pvalue > 1e-4


def test_learned_functions_give_every_distance_its_distribution():
    rng = np.random.default_rng(5)
    base, wanted = rng.uniform(1, 4, (40_000, 2)), np.clip(rng.normal([2.0, 3.0], 0.3, (50_000, 2)), 1, 4)
    weights = np.exp(learn(wanted, base)(base))
    mean = (weights[:, None] * base).sum(axis=0) / weights.sum()
    spread = np.sqrt((weights[:, None] * (base - mean) ** 2).sum(axis=0) / weights.sum())
    assert np.allclose(mean, wanted.mean(axis=0), atol=0.02)
    assert np.allclose(spread, wanted.std(axis=0), atol=0.03)


@pytest.mark.parametrize("made", ["bad", "learned"])
def test_draws_follow_the_density(made, learned):
    """Reweighted from the untilted draws, the density has the mean of its own draws, and the mass one."""
    proposal = target.bad_proposal() if made == "bad" else learned
    rng = np.random.default_rng(6)
    base = proposal.untilted.draw(200_000, rng)
    base = base[CHAIN.exists(base)]
    points = target.SHAPES.points(CHAIN.beads_at(base))
    ratio = np.exp(
        proposal.log_density(points) + CHAIN.log_volume(base) - proposal.untilted.log_density(base) + proposal.log_mass
    )
    drawn = proposal.draw(20_000, rng)
    expected = np.stack([points[:, 0], np.cos(points[:, -1]), points[:, 4]], axis=1)
    seen = np.stack([drawn[:, 0], np.cos(drawn[:, -1]), drawn[:, 4]], axis=1)
    mean = (ratio[:, None] * expected).sum(axis=0) / ratio.sum()
    error = seen.std(axis=0) / np.sqrt(len(seen)) + expected.std(axis=0) / np.sqrt(0.2 * len(base))
    assert (np.abs(seen.mean(axis=0) - mean) < 5 * error).all()


def test_learning_gains_on_points_it_has_not_seen(learned):
    held_out = exact_points(2000, 9)
    ours = learned.log_density(held_out) + CHAIN.log_volume(target.SHAPES.internal(held_out))
    untilted = learned.untilted.log_density(target.SHAPES.internal(held_out))
    assert ours.mean() > untilted.mean() - 0.02
    bad = target.bad_proposal().log_density(held_out) + CHAIN.log_volume(target.SHAPES.internal(held_out))
    assert ours.mean() > bad.mean() + 0.5


def test_a_blurred_learner_sees_blurred_positions():
    learner = ConformationLearner(target.SHAPES, 0.3)
    chains = [exact_points(400, seed) for seed in range(2)]
    proposal = learner(chains, line(7), np.zeros(7), FitSettings(), None, np.random.default_rng(0)).proposal
    assert isinstance(proposal, ConformationProposal)
    assert proposal.untilted.lengths.factor[0, 0] > 0.3


def test_a_stored_proposal_is_the_same(learned):
    again = from_bytes(to_bytes(learned, ["r"]))
    points = exact_points(20, 11)
    assert np.abs(again.log_density(points) - learned.log_density(points)).max() == 0.0
    assert (again.draw(5, np.random.default_rng(0)) == learned.draw(5, np.random.default_rng(0))).all()


def test_pairs_are_at_least_three_places_apart():
    x = target.exact_draws(3, np.random.default_rng(12))[:, :4]
    assert np.allclose(distances(x)[:, 0], np.linalg.norm(x[:, 3] - x[:, 0], axis=1))


SIX = Shapes(Chain("six", tuple(range(6))), ((0, 5),))


def six(count: int, seed: int, lean: float, shift: float) -> np.ndarray:
    """Points of a chain of six; leaning torsions tell it from its mirror image, a shifted bond from its reverse."""
    rng = np.random.default_rng(seed)
    near = rng.normal([1 + shift, 1, 1, 1, 1], 0.03, (count, 5))
    torsions = rng.vonmises(lean, 2.0, (count, 3)) * (1.0 if lean else rng.choice([-1, 1], (count, 1)))
    return SIX.points(SIX.chain.beads_at(np.hstack([near, rng.normal(1.6, 0.03, (count, 4)), torsions])))


@pytest.mark.parametrize(("lean", "shift"), [(0.0, 0.0), (0.0, 0.2), (1.0, 0.0), (1.0, 0.2)])
def test_images_are_learned_from_where_they_are_as_likely(lean, shift):
    chains = [six(200, seed, lean, shift) for seed in range(2)]
    learner = ConformationLearner(SIX, 0.0)
    made = learner(chains, line(13), np.zeros(13), FitSettings(), None, np.random.default_rng(0)).proposal
    assert isinstance(made, ConformationProposal)
    fresh = SIX.internal(six(1000, 9, lean, shift))
    mirrored = SIX.points(SIX.chain.beads_at(SIX.chain.mirrored(fresh)))
    gap = made.log_density(SIX.points(SIX.chain.beads_at(fresh))) - made.log_density(mirrored)
    ends = made.untilted.lengths.mean[[0, 4]]
    if lean:
        assert gap.mean() > 1
    else:
        assert np.abs(gap).max() < 1e-6
    if shift:
        assert ends[0] - ends[1] > 0.15
    else:
        assert ends[0] == pytest.approx(ends[1], abs=1e-12)
