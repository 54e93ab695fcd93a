"""The law of proposals, over all of them: draws follow the density, which is normalised and finite everywhere."""

import numpy as np
import pytest
from scipy import stats

from cvflow.flow import GaussianMixture
from cvflow.flow.fit import FitSettings, fit
from cvflow.flow.io import from_bytes, to_bytes
from cvflow.flow.learned import LearnedProposal

SETTINGS = FitSettings(epochs=60)


def two_modes(count, rng, cvs=1):
    """Asymmetric data: weights .7 and .3, widths .2 and .35, 2.2 apart."""
    second = rng.random(count) < 0.3
    data = np.where(second, 5.7, 3.5)[:, None] + np.where(second, 0.35, 0.2)[:, None] * rng.normal(size=(count, cvs))
    return data + np.arange(cvs)


def learned(cvs=1, seed=0):
    rng = np.random.default_rng(seed)
    return fit(two_modes(1500, rng, cvs), np.full(cvs, 0.05), SETTINGS, None, rng).proposal


PROPOSALS = {
    "mixture": GaussianMixture(((3.5,), (5.7,)), ((0.2,), (0.35,)), (0.7, 0.3)),
    "learned": learned(),
}


@pytest.mark.parametrize("name", PROPOSALS)
def test_the_density_is_normalised(name):
    grid = np.linspace(-10, 20, 60_001)
    density = np.exp(PROPOSALS[name].log_density(grid[:, None]))
    assert np.trapezoid(density, grid) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("name", PROPOSALS)
def test_draws_follow_the_density(name):
    proposal = PROPOSALS[name]
    draws = proposal.draw(50_000, np.random.default_rng(1))[:, 0]
    grid = np.linspace(-10, 20, 60_001)
    cumulative = np.cumsum(np.exp(proposal.log_density(grid[:, None]))) * (grid[1] - grid[0])
    assert stats.kstest(draws, lambda x: np.interp(x, grid, cumulative)).pvalue > 1e-3


@pytest.mark.parametrize("cvs", [2, 3])
def test_draws_of_several_dimensions_follow_the_density(cvs):
    """E_q[r/q] = 1 for a density r that q covers: wrong Jacobians or orders of dimensions show."""
    proposal = learned(cvs)
    draws = proposal.draw(20_000, np.random.default_rng(2))
    reference = stats.multivariate_normal(3.5 + np.arange(cvs), 0.04 * np.eye(cvs))
    ratio = np.exp(reference.logpdf(draws) - proposal.log_density(draws))
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / np.sqrt(len(ratio))


def test_far_away_it_is_still_finite():
    points = np.array([[-30.0], [0.0], [40.0]])
    assert np.isfinite(PROPOSALS["learned"].log_density(points)).all()


def test_the_same_seed_draws_the_same():
    first, second = (PROPOSALS["learned"].draw(10, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", PROPOSALS)
def test_a_saved_proposal_has_the_same_density(name):
    proposal = PROPOSALS[name]
    again = from_bytes(to_bytes(proposal, ["r"]))
    points = np.linspace(0, 9, 101)[:, None]
    np.testing.assert_array_equal(again.log_density(points), proposal.log_density(points))
    assert again.version == proposal.version


@pytest.mark.parametrize("damage", [lambda d: b"", lambda d: d[:40], lambda d: b"x" * 100, lambda d: d[:-8]])
def test_damaged_data_is_refused(damage):
    with pytest.raises(ValueError, match="flow: "):
        from_bytes(damage(to_bytes(PROPOSALS["learned"], ["r"])))


def test_training_finds_the_modes_and_their_weights():
    rng = np.random.default_rng(3)
    training = fit(two_modes(3000, rng), np.array([0.05]), FitSettings(), None, rng)
    draws = training.proposal.draw(50_000, rng)[:, 0]
    assert np.mean(draws > 4.6) == pytest.approx(0.3, abs=0.04)
    fresh = two_modes(20_000, rng)
    exact = np.logaddexp(
        np.log(0.7) + stats.norm(3.5, np.hypot(0.2, 0.05)).logpdf(fresh[:, 0]),
        np.log(0.3) + stats.norm(5.7, np.hypot(0.35, 0.05)).logpdf(fresh[:, 0]),
    )
    assert exact.mean() - training.proposal.log_density(fresh).mean() < 0.15
    assert training.samples == 3000


def test_training_is_reproducible_and_warm_starts():
    data = two_modes(400, np.random.default_rng(4))
    results = [fit(data, np.array([0.05]), SETTINGS, None, np.random.default_rng(5)) for _ in range(2)]
    points = np.linspace(2, 7, 50)[:, None]
    np.testing.assert_array_equal(*(result.proposal.log_density(points) for result in results))
    first = results[0].proposal
    before = first.log_density(points)
    later = fit(data, np.array([0.05]), FitSettings(epochs=1), first, np.random.default_rng(6)).proposal
    assert (first.version, later.version) == (0, 1)
    np.testing.assert_array_equal(first.log_density(points), before)
    np.testing.assert_allclose(later.log_density(points), before, atol=0.5)


def test_training_stops_on_the_held_out_part():
    """Few samples, many epochs: without the rule the flow learns them by heart."""
    rng = np.random.default_rng(8)
    training = fit(rng.normal(size=(30, 1)), np.array([1e-6]), FitSettings(epochs=2000, patience=20), None, rng)
    assert training.epochs < 500


def test_training_leaves_torch_s_generator_alone():
    import torch

    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    learned(seed=9)
    assert torch.equal(torch.rand(1), expected)


def test_too_few_samples_raise():
    with pytest.raises(ValueError, match="at least 10 samples"):
        fit(np.zeros((9, 1)), np.ones(1), SETTINGS, None, np.random.default_rng(0))


@pytest.mark.parametrize("wrong", [{"epsilon": 0.0}, {"epsilon": 1.0}, {"transforms": 0}, {"holdout": 1.0}])
def test_settings_out_of_range_raise(wrong):
    with pytest.raises(ValueError, match="flow: "):
        FitSettings(**wrong)


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


def test_a_learned_proposal_is_stored_as_data():
    data = to_bytes(PROPOSALS["learned"], ["r"])
    assert isinstance(PROPOSALS["learned"], LearnedProposal)
    assert b"pickle" not in data
    assert b'"cvs\\": [\\"r\\"]' in data
