"""log Z and averages by importance sampling: right with errors that are, and a word where the weights are not."""

import numpy as np
import pytest
from scipy.stats import norm

from cvflow.estimate.importance import log_normalisation, pareto_shape, weighted_mean
from tests.estimate.targets import LOG_Z, TARGET, WIDER, energy, right

RIGHT_HALF = 0.8 * norm.cdf(-2.0 / 0.6) + 0.2 * norm.cdf(2.0 / 0.9)
"""Of the target."""


def log_weights(seed, draws=300):
    points = WIDER.draw(draws, np.random.default_rng(seed))
    return points, (-energy(points) - WIDER.log_density(points))[None]


@pytest.fixture(scope="module")
def samples():
    return [log_weights(seed) for seed in range(300)]


def test_log_z_and_its_error_are_right(samples):
    found = [log_normalisation(weights) for _, weights in samples]
    value, stderr, effective = np.array([one[:3] for one in found]).T
    assert right((value - LOG_Z) / stderr)
    assert not any(one.caution for one in found)
    assert not right((value - LOG_Z) * np.sqrt(effective)), "the mutant: as if equal weights had an error"
    missing = [log_normalisation(-energy(points)[None]).value for points, _ in samples[:50]]
    assert abs(np.mean(missing) - LOG_Z) > 1, "the mutant: without log q"


def test_an_average_and_its_error_are_right(samples):
    inside = [(points[:, 0] > 0)[None].astype(float) for points, _ in samples]
    found = [weighted_mean(values, weights) for values, (_, weights) in zip(inside, samples, strict=True)]
    value, stderr = np.array([one[:2] for one in found]).T
    assert right((value - RIGHT_HALF) / stderr)
    bare = np.array([values.mean() for values in inside])
    assert abs(bare.mean() - RIGHT_HALF) > 0.2, "the mutant: without weights"


def test_a_common_factor_of_the_weights_goes_to_log_z_alone(samples):
    points, weights = samples[0]
    values = points[:, :1].T
    assert log_normalisation(weights + 900.0).value == pytest.approx(log_normalisation(weights).value + 900.0)
    assert weighted_mean(values, weights + 900.0)[:3] == pytest.approx(weighted_mean(values, weights)[:3])


def narrow(scale, seed, draws=1000):
    """Weights of a normal density that is too narrow in two dimensions: their tail has k = 1 - scale²."""
    points = scale * np.random.default_rng(seed).standard_normal((draws, 2))
    return (-0.5 * (1 - scale**-2) * (points**2).sum(axis=1) + 2 * np.log(scale))[None]


def test_weights_with_heavy_tails_are_told_and_have_no_error():
    found = [log_normalisation(narrow(0.3, seed)) for seed in range(100)]
    told = [one for one in found if one.caution]
    assert len(told) > 95
    assert all(np.isnan(one.stderr) for one in told)
    assert all("cannot be trusted: the tail of 1,000 has Pareto k" in one.caution for one in told)
    values = np.array([one.value for one in found])
    weights = [np.exp(narrow(0.3, seed)) for seed in range(100)]
    errors = np.array([w.std() / w.mean() / np.sqrt(w.size) for w in weights])
    assert not right(values / errors), "what the caution keeps from the reader"


def test_light_tails_are_trusted():
    told = [bool(log_normalisation(narrow(0.9, seed)).caution) for seed in range(100)]
    assert sum(told) <= 2


def test_the_tails_shape_is_the_one_in_closed_form():
    for scale in (0.8, 0.5):
        shapes = [pareto_shape(narrow(scale, seed, 20_000)[0]) for seed in range(20)]
        assert np.mean(shapes) == pytest.approx(1 - scale**2, abs=0.06)


def one_state_of_two(apart):
    """Weights of a density that is the first of two normal states, with 0.8 of the whole."""
    points = np.random.default_rng(0).standard_normal(1000)
    return np.logaddexp(np.log(0.8), np.log(0.2) + norm.logpdf(points, apart) - norm.logpdf(points))[None]


def test_a_state_that_is_hardly_drawn_shows_in_the_tail_and_not_in_the_effective_number():
    found = log_normalisation(one_state_of_two(apart=4.5))
    assert found.effective > 900
    assert "misses a part of the target" in found.caution


def test_what_a_density_never_draws_no_weight_shows():
    """The limit of all importance sampling: the second state is missing, and nothing says so."""
    found = log_normalisation(one_state_of_two(apart=60.0))
    assert not found.caution
    assert found.value == pytest.approx(np.log(0.8))


def test_few_draws_tell_nothing():
    found = log_normalisation(np.linspace(-1, 0, 20)[None])
    assert "20 draws are too few" in found.caution
    assert np.isnan(found.stderr)


def test_equal_weights_are_the_best_there_are():
    found = log_normalisation(np.full((1, 100), 2.0))
    assert (found.value, found.effective, found.caution) == (pytest.approx(2.0), pytest.approx(100.0), "")


def test_some_weights_may_be_zero():
    weights = np.zeros((1, 400))
    weights[0, ::2] = -np.inf
    assert log_normalisation(weights).value == pytest.approx(np.log(0.5))


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_is_no_weight_is_refused(wrong):
    weights = np.zeros((1, 100))
    weights[0, 3] = wrong
    for refused in (weights, np.full((1, 100), -np.inf)):
        with pytest.raises(ValueError, match="importance: log weights must be numbers"):
            log_normalisation(refused)


def test_the_target_has_the_populations_that_are_said():
    points = TARGET.draw(200_000, np.random.default_rng(1))
    assert (points[:, 0] > 0).mean() == pytest.approx(RIGHT_HALF, abs=0.004)
