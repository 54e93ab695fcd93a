"""The mixture: a density on circles and lines, checked against the wrapped normal's Fourier series."""

from math import inf, pi

import numpy as np
import pytest
from scipy import stats

from cvflow.proposals import GaussianMixture, Proposal
from cvflow.proposals.io import from_bytes, to_bytes

CIRCLES = {
    "across ±π": GaussianMixture(((3.0,), (-1.0,)), ((0.5,), (0.3,)), (0.7, 0.3), (2 * pi,)),
    "as wide as can be": GaussianMixture(((2.0,),), ((0.8 * pi,),), (1.0,), (2 * pi,)),
    "centred a turn away": GaussianMixture(((3 + 2 * pi,), (-1 - 2 * pi,)), ((0.5,), (0.3,)), (0.7, 0.3), (2 * pi,)),
    "another period": GaussianMixture(((0.45,),), ((0.1,),), (1.0,), (1.0,)),
}
BESIDE_A_LINE = GaussianMixture(
    ((3.0, 12.0), (-1.0, -7.0)), ((0.5, 2.0), (0.3, 1.0)), (0.6, 0.4), (2 * pi, inf), version=3
)
EACH = pytest.mark.parametrize("name", CIRCLES)


def density(mixture, x):
    return np.exp(mixture.log_density(np.asarray(x, dtype=float)[:, None]))


def series(mixture, x):
    """Σ_k w_k (1/L) [1 + 2 Σ_n e^(-n²s²/2) cos n(θ - μ)] in units of the angle θ = 2π x/L."""
    (period,), total = mixture.periods, 0.0
    unit, n = 2 * pi / period, np.arange(1, 200)[:, None]
    for (mean,), (sigma,), weight in zip(mixture.means, mixture.sigmas, mixture.weights, strict=True):
        waves = np.exp(-0.5 * (n * unit * sigma) ** 2) * np.cos(n * unit * (x - mean))
        total = total + weight * (1 + 2 * waves.sum(axis=0)) / period
    return total


@EACH
def test_one_period_holds_it_all(name):
    mixture = CIRCLES[name]
    grid = np.linspace(-0.5, 0.5, 2001)[:-1] * mixture.periods[0]
    assert density(mixture, grid).mean() * mixture.periods[0] == pytest.approx(1, abs=1e-12)


@EACH
def test_it_is_the_wrapped_normal(name):
    mixture = CIRCLES[name]
    grid = np.linspace(-0.5, 0.5, 501) * mixture.periods[0]
    np.testing.assert_allclose(density(mixture, grid), series(mixture, grid), rtol=1e-10, atol=1e-13)


@EACH
def test_it_is_continuous_across_the_edge(name):
    mixture = CIRCLES[name]
    half = 0.5 * mixture.periods[0]
    left, right, before, after = density(mixture, [-half, half, half - 1e-7, -half + 1e-7])
    assert left == pytest.approx(right, rel=1e-12)
    assert before == pytest.approx(after, rel=1e-4)
    assert before == pytest.approx(right, rel=1e-4)


@EACH
def test_a_turn_changes_nothing(name):
    mixture = CIRCLES[name]
    x = np.linspace(-0.4, 0.4, 9) * mixture.periods[0]
    np.testing.assert_allclose(density(mixture, x + mixture.periods[0]), density(mixture, x), rtol=1e-10)


@EACH
def test_draws_follow_the_density(name):
    """Counts in 24 bins, each within four binomial errors, and all together by chi-square."""
    mixture, count = CIRCLES[name], 40_000
    draws = mixture.draw(count, np.random.default_rng(1))[:, 0]
    edges = np.linspace(-0.5, 0.5, 25) * mixture.periods[0]
    assert draws.min() >= edges[0]
    assert draws.max() <= edges[-1]
    fine = np.linspace(edges[0], edges[-1], 24 * 40 + 1)
    masses = 0.5 * (density(mixture, fine[:-1]) + density(mixture, fine[1:])) * np.diff(fine)
    expected = count * masses.reshape(24, 40).sum(axis=1)
    found, _ = np.histogram(draws, edges)
    likely = expected > 20
    errors = np.sqrt(expected * (1 - expected / count))
    assert (np.abs(found - expected)[likely] < 4 * errors[likely]).all()
    rest = max(float(expected[~likely].sum()), 1e-9)
    squared = ((found - expected)[likely] ** 2 / expected[likely]).sum() + (found[~likely].sum() - rest) ** 2 / (
        1 + rest
    )
    assert stats.chi2(likely.sum()).sf(squared) > 1e-4


def test_a_line_beside_a_circle():
    """The joint density, on a grid over one period and all of the line; the line is not wrapped."""
    angle, line = np.linspace(-pi, pi, 200, endpoint=False), np.linspace(-15, 25, 401)
    grid = np.stack(np.meshgrid(angle, line, indexing="ij"), axis=-1).reshape(-1, 2)
    joint = np.exp(BESIDE_A_LINE.log_density(grid)).reshape(200, 401)
    cell = (2 * pi / 200) * 0.1
    assert joint.sum() * cell == pytest.approx(1, abs=1e-9)
    exact = 0.6 * stats.norm(12, 2).pdf(line) + 0.4 * stats.norm(-7, 1).pdf(line)
    np.testing.assert_allclose(joint.sum(axis=0) * (2 * pi / 200), exact, atol=1e-12)
    draws = BESIDE_A_LINE.draw(20_000, np.random.default_rng(2))
    assert (np.abs(draws[:, 0]) <= pi).all()
    first = draws[:, 1] > 2
    assert abs(first.mean() - 0.6) < 4 * np.sqrt(0.24 / 20_000)
    assert abs(draws[first, 1].mean() - 12) < 4 * 2 / np.sqrt(first.sum())
    turned = np.abs(np.exp(1j * draws[first, 0]).mean() - np.exp(3j - 0.125))
    assert turned < 4 / np.sqrt(first.sum()), "the angle goes with its component"


def test_on_lines_it_is_the_sum_of_its_gaussians():
    parts = (((0.0, 1.0), (0.4, 2.0)), ((0.05, 0.5), (0.1, 0.5)), (0.3, 0.7))
    x = np.random.default_rng(3).normal(0, 0.3, (50, 2))
    exact = sum(
        weight * stats.norm(mean, sigma).pdf(x).prod(axis=1) for mean, sigma, weight in zip(*parts, strict=True)
    )
    np.testing.assert_allclose(GaussianMixture(*parts).log_density(x), np.log(exact), rtol=1e-12)
    assert GaussianMixture(*parts, (inf, inf)) == GaussianMixture(*parts)


def test_the_same_seed_draws_the_same():
    first, second = (BESIDE_A_LINE.draw(10, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("mixture", [BESIDE_A_LINE, CIRCLES["across ±π"]])
def test_a_saved_one_is_the_same(mixture):
    names = ["phi", "r"][: len(mixture.periods)]
    data = to_bytes(mixture, names)
    assert from_bytes(data) == mixture
    points = np.random.default_rng(4).normal(0, 4, (30, len(names)))
    np.testing.assert_array_equal(from_bytes(data).log_density(points), mixture.log_density(points))
    assert b'"topology\\": \\"mixed\\"' in data


@pytest.mark.parametrize(
    "damage", [lambda d: b"", lambda d: d[:40], lambda d: d[:-8], lambda d: d.replace(b"periods", b"seconds")]
)
def test_damaged_data_is_refused(damage):
    with pytest.raises(ValueError, match="flow: "):
        from_bytes(damage(to_bytes(BESIDE_A_LINE, ["phi", "r"])))


def test_a_proposal_without_a_stored_form_is_refused():
    class Own(Proposal):
        version = 0

        def draw(self, count, rng):
            return np.zeros((count, 1))

        def log_density(self, points):
            return np.zeros(len(points))

    with pytest.raises(TypeError, match="no stored form of Own"):
        to_bytes(Own(), ["r"])


@pytest.mark.parametrize(
    ("means", "sigmas", "weights", "periods", "said"),
    [
        (((0.0,),), ((1.0,),), (1.0,), (2 * pi, inf), "one period for each"),
        (((0.0, 0.0),), ((1.0, 1.0),), (1.0,), (2 * pi,), "one period for each"),
        (((0.0,),), ((0.81 * pi,),), (1.0,), (2 * pi,), "at most 0.4 of the period"),
        (((0.0,),), ((1.0,),), (0.9,), (2 * pi,), "weights"),
        (((0.0,),), ((0.0,),), (1.0,), (2 * pi,), "positive"),
        (((0.0,), (1.0,)), ((1.0,),), (1.0,), (2 * pi,), "one weight a component"),
    ],
)
def test_mixtures_that_are_none_raise(means, sigmas, weights, periods, said):
    with pytest.raises(ValueError, match=said):
        GaussianMixture(means, sigmas, weights, periods)
