"""The evaluator in C++ is the density in Python: log q, its gradient and draws from the same numbers, in float64."""

import numpy as np
import pytest
import torch
from scipy import stats

from cvflow.proposals.export import to_cvf
from tests.plumed.cases import LEARNED, WHERE, cvf, proposal
from tests.proposals.test_document import scattered

EACH = pytest.mark.parametrize("name", WHERE)


@EACH
def test_log_q_is_that_of_python(harness, name):
    points = scattered(WHERE[name], np.random.default_rng(1), 10_000)
    mine, _ = harness.log_q(cvf(name), points)
    theirs = proposal(name).log_density(points)
    np.testing.assert_array_equal(np.isneginf(mine), np.isneginf(theirs))
    found = np.isfinite(theirs)
    assert found.mean() > 0.9
    np.testing.assert_allclose(mine[found], theirs[found], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", LEARNED)
def test_the_gradient_is_that_of_autograd(harness, name):
    points = scattered(WHERE[name], np.random.default_rng(2), 3000)
    _, mine = harness.log_q(cvf(name), points)
    flow, standard = proposal(name), proposal(name).standard
    u = torch.from_numpy(standard.inward(points)).requires_grad_()
    broad = torch.where(torch.from_numpy(standard.lines), -0.5 * (u / 1.5) ** 2 - np.log(1.5 * np.sqrt(2 * np.pi)),
                        -np.log(10)).sum(dim=1)  # fmt: skip
    mixed = torch.logaddexp(flow.flow.log_density(u) + np.log(1 - flow.epsilon), broad + np.log(flow.epsilon))
    (theirs,) = torch.autograd.grad(mixed.sum(), u)
    edges = np.abs(points - standard.centre) / standard.scale >= 5 - 1e-6
    inside = ~(edges & np.array([axis.value == "box" for axis in standard.domains])).any(axis=1)
    assert inside.mean() > 0.8
    np.testing.assert_allclose(mine[inside], (theirs.numpy() / standard.scale)[inside], rtol=1e-8, atol=1e-8)


@EACH
def test_the_gradient_is_that_of_its_own_value(harness, name):
    """Central differences, where no knot lies between the two points."""
    points, step = proposal(name).draw(200, np.random.default_rng(3)), 1e-5
    _, gradient = harness.log_q(cvf(name), points)
    for i in range(points.shape[1]):
        shift = step * np.eye(points.shape[1])[i]
        rise = harness.log_q(cvf(name), points + shift)[0] - harness.log_q(cvf(name), points - shift)[0]
        error = np.abs(rise / (2 * step) - gradient[:, i]) / (1 + np.abs(gradient[:, i]))
        assert np.mean(error < 1e-4) > 0.95


@pytest.mark.parametrize("name", LEARNED)
def test_draws_are_those_of_python(harness, name):
    rng, cvs = np.random.default_rng(4), len(WHERE[name].periods)
    normal, uniform = rng.standard_normal((2000, cvs)), rng.uniform(-5, 5, (2000, cvs))
    mine = harness.draw(cvf(name), rng.random((2000, 1)), normal, uniform)
    np.testing.assert_allclose(mine, proposal(name).draw(2000, np.random.default_rng(4)), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["mixture", "wrapped"])
def test_draws_of_mixtures_are_those_of_python(harness, name):
    rng = np.random.default_rng(5)
    choice, normal = rng.random((2000, 1)), rng.standard_normal((2000, 2))
    mine = harness.draw(cvf(name), choice, normal, np.zeros((2000, 2)))
    np.testing.assert_allclose(mine, proposal(name).draw(2000, np.random.default_rng(5)), rtol=1e-12, atol=1e-12)


def test_draws_by_labels_are_those_of_the_states(harness):
    """Each from the state that the first number falls to, with what is left of it."""
    rng, whole = np.random.default_rng(6), proposal("labelled")
    choice, normal, uniform = rng.random((4000, 1)), rng.standard_normal((4000, 2)), rng.uniform(-5, 5, (4000, 2))
    choice[:3] = 0.9995  # the rare state's
    mine, before = harness.draw(cvf("labelled"), choice, normal, uniform), 0.0
    for part, weight in zip(whole.parts, whole.weights, strict=True):
        own = (choice[:, 0] >= before) & (choice[:, 0] < before + weight)
        assert own.any()
        alone = to_cvf(part, ["s0", "s1"], ["rad", "rad"])
        theirs = harness.draw(alone, (choice[own] - before) / weight, normal[own], uniform[own])
        np.testing.assert_allclose(mine[own], theirs, rtol=1e-12, atol=1e-12)
        before += weight


@pytest.mark.parametrize(("width", "period"), [(0.3, np.inf), (0.3, 2 * np.pi), (2.5, 2 * np.pi)])
def test_centres_are_normal_and_on_circles_truncated(harness, width, period):
    """Not wrapped: at 2.5 rad the two differ by 0.06 in the distribution function, the test sees 0.01."""
    done = harness("centre", width, period, 100_000, 7)
    offsets, reach = np.frombuffer(done.stdout), 0.5 * period / width
    assert np.abs(offsets).max() <= 0.5 * period
    assert stats.kstest(offsets / width, stats.truncnorm(-reach, reach).cdf).pvalue > 1e-4


def test_a_seed_says_it_all(harness):
    first, again, other = (harness("centre", 1.0, np.inf, 100, seed).stdout for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_consecutive_seeds_are_independent(harness):
    """The first numbers of seeds in a row: a driver that counts its jumps must not get a lattice."""
    first = np.array([np.frombuffer(harness("centre", 1.0, np.inf, 1, seed).stdout)[0] for seed in range(300)])
    assert stats.kstest(first, stats.norm.cdf).pvalue > 1e-4
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 4 / np.sqrt(300)
    assert abs(np.corrcoef(first[2:], first[:-2])[0, 1]) < 4 / np.sqrt(300)
