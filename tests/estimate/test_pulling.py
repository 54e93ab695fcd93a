"""F by paths through stages: particles on a slope of 50 kT with waves, from exact starts; what is wrong is caught."""

from itertools import pairwise

import numpy as np
import pytest
from pymbar import bar

from cvflow.estimate import pulling
from cvflow.estimate.bennett import difference
from cvflow.estimate.grid import Axis
from cvflow.estimate.pulling import PulledPaths, pulled_profile

MASS = 16.0
GRID = np.linspace(-0.5, 2.5, 60_001)
EDGES = np.linspace(0.5, 1.4, 31)
CENTRES = (0.5, 1.5)


def potential(z):
    """In kT."""
    return 50 * (z - 0.5) + 3 * np.sin(12.5 * z)


def exact():
    fine = np.linspace(EDGES[0], EDGES[-1], 50 * (len(EDGES) - 1) + 1)
    return -np.log(np.exp(-potential(0.5 * (fine[1:] + fine[:-1]))).reshape(-1, 50).mean(axis=1))


def draws(centre, kappa, count, rng):
    energy = potential(GRID) + 0.5 * kappa * (GRID - centre) ** 2
    cumulative = np.cumsum(np.exp(energy.min() - energy))
    return np.interp(rng.random(count), cumulative / cumulative[-1], GRID)


def paths(x, start, end, kappa, duration, rng):
    """Work and positions at seven moments of a hundred Verlet steps, both ends among them."""
    steps, dt = 100, duration / 100
    v = rng.standard_normal(len(x)) / np.sqrt(MASS)

    def energy(x, v, centre):
        return potential(x) + 0.5 * kappa * (x - centre) ** 2 + 0.5 * MASS * v * v

    def force(x, centre):
        return -(50 + 37.5 * np.cos(12.5 * x) + kappa * (x - centre)) / MASS

    before, works, places = energy(x, v, start), [np.zeros(len(x))], [x]
    v = v + 0.5 * dt * force(x, start)
    for step in range(1, steps + 1):
        x = x + dt * v
        centre = start + (end - start) * step / steps
        kick = force(x, centre)
        v = v + dt * kick
        if step in (17, 33, 50, 67, 83, 100):
            works.append(energy(x, v - 0.5 * dt * kick, centre) - before)
            places.append(x)
    return np.array(works).T, np.array(places).T


def staged(seed, count=40, kappa=1600.0, duration=2.0, stages=10, both=True):
    """As the run gives them: paths there, then those that came back, turned round."""
    rng, found = np.random.default_rng(seed), []
    windows = np.linspace(*CENTRES, stages + 1)
    starts = [draws(centre, kappa, count, rng) for centre in windows]
    moments = np.array([0, 17, 33, 50, 67, 83, 100]) / 100
    for k, (low, high) in enumerate(pairwise(windows)):
        work, z = paths(starts[k], low, high, kappa, duration, rng)
        onward = np.ones(count, dtype=bool)
        if both:
            back, there = paths(starts[k + 1], high, low, kappa, duration, rng)
            work = np.concatenate([work, (back - back[:, -1:])[:, ::-1]])
            z, onward = np.concatenate([z, there[:, ::-1]]), np.repeat([True, False], count)
        found.append(PulledPaths(onward, low + moments * (high - low), work, z))
    return found


def scores(stages, kappa=1600.0, seed=1, stderr=None):
    """z of the bins, in units of their own errors or of given ones."""
    curve = pulled_profile(stages, kappa**-0.5, Axis("z", EDGES, np.inf), seed).curve
    curve = curve._replace(stderr=curve.stderr if stderr is None else stderr)
    known = (curve.stderr > 0) & np.isfinite(curve.free_energy)
    assert known.mean() > 0.8
    apart = curve.free_energy - exact()
    return ((apart - apart[np.nanargmin(curve.free_energy)]) / np.where(known, curve.stderr, np.nan))[known]


@pytest.mark.parametrize("both", [True, False], ids=["both ways", "one way"])
def test_errors_of_the_curve_hold(both, monkeypatch):
    monkeypatch.setattr(pulling, "_BOOTSTRAPS", 30)
    found = np.concatenate([scores(staged(seed, both=both)) for seed in range(8)])
    assert abs(found.mean()) < 0.5
    assert 0.75 < np.sqrt(np.mean(found**2)) < 1.3
    assert np.abs(found).max() < 5


def test_differences_are_bennett_s_and_jarzynski_s():
    stage = staged(3, count=200, duration=0.7)[4]
    there, back = stage.work[stage.onward, -1], -stage.work[~stage.onward, -1]
    assert difference(stage.work[:, -1], stage.onward) == pytest.approx(bar(there, back)["Delta_f"], abs=1e-5)
    one_way = stage.only(np.flatnonzero(stage.onward))
    assert difference(one_way.work[:, -1], one_way.onward) == pytest.approx(-np.log(np.mean(np.exp(-there))))


def test_a_bin_far_above_the_lowest_is_known_as_well():
    """Forty kT are e^-40 of the whole, of which sums that run over all bins know nothing."""
    curve = pulled_profile(staged(4), 1600.0**-0.5, Axis("z", EDGES, np.inf), 1).curve
    assert np.nanmax(curve.free_energy) > 40
    assert np.isfinite(curve.free_energy).all()


HASTY = {"count": 150, "kappa": 400.0, "duration": 0.7, "stages": 5}
"""Paths that lose one or two kT in some stages, so that the two ways differ."""


@pytest.fixture(scope="module")
def hasty():
    return staged(7, **HASTY)


def hasty_z(stages):
    return float(np.abs(scores(stages, HASTY["kappa"])).max())


def test_both_ways_together_find_it_where_each_loses_much(hasty):
    found = pulled_profile(hasty, HASTY["kappa"] ** -0.5, Axis("z", EDGES, np.inf), 1)
    assert max(stage.loss for stage in found.stages) > 1.5
    assert hasty_z(hasty) < 5


def test_one_way_counted_as_both_is_caught(hasty, monkeypatch):
    stderr = pulled_profile(hasty, HASTY["kappa"] ** -0.5, Axis("z", EDGES, np.inf), 1).curve.stderr
    monkeypatch.setattr(pulling, "log_weights", lambda stage, ends: -stage.work)
    assert np.abs(scores(hasty, HASTY["kappa"], stderr=stderr)).max() > 8


def test_works_that_come_back_as_they_are_are_caught(hasty):
    wrong = [
        stage._replace(work=np.where(stage.onward[:, None], stage.work, stage.work - stage.work[:, -1:]))
        for stage in hasty
    ]
    assert hasty_z(wrong) > 8


def test_a_restraint_whose_energy_is_forgotten_is_caught(hasty):
    assert np.abs(scores(hasty, 0.01 * HASTY["kappa"])).max() > 8
