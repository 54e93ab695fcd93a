"""The band of a free energy that is zero at its lowest cell, where another cell may be the lowest.

Two wells of three cells each, whose errors are normal and known.
"""

import numpy as np
import pytest
from scipy.stats import norm

from cvflow.estimate import curve, zero
from cvflow.estimate.curve import band
from cvflow.estimate.zero import Zero, zero_of

SHAPE = (8, 50)
BETWEEN, WITHIN = 0.4, 0.02
"""Errors [kT] of the second well's depth, and of each cell."""


@pytest.fixture(autouse=True)
def white(monkeypatch):
    """Series have no memory, so that the zero alone is tested."""
    for module in (curve, zero):
        monkeypatch.setattr(module, "standard_error", lambda series: series.std() / np.sqrt(series.size) or np.nan)


def noise(rng):
    """What each draw adds to ln p of the six cells: what a well shares is the larger part."""
    wells, cells = (rng.standard_normal((n, *SHAPE)) * np.sqrt(np.prod(SHAPE)) for n in (1, 6))
    return BETWEEN * np.where(np.arange(6)[:, None, None] < 3, 0.0, wells) + WITHIN * cells


def exact(depth):
    return np.array([0.0, 0.4, 0.8, depth, depth + 0.4, depth + 0.8])


def as_if_it_were_known(free_energy, influence):
    return Zero(np.where(free_energy == 0, 1.0, 0.0), 0.0)


def its_linear_part_alone(free_energy, influence):
    return zero_of(free_energy, influence)._replace(spread=0.0)


def errors_of(depth):
    """Of both wells' bottoms, the lower one first, and what they are: moments of a normal that is cut off at zero."""
    series = noise(np.random.default_rng(0))
    series -= series.mean(axis=(1, 2), keepdims=True)
    found = band(exact(depth), lambda cell: series[cell])[[0, 3]]
    error = (series[3] - series[0]).std() / np.sqrt(np.prod(SHAPE))
    a = depth / error
    lower = (1 + a**2) * norm.cdf(-a) - a * norm.pdf(a)
    other = norm.cdf(a) - a * norm.pdf(a) + a**2 * norm.cdf(-a)
    return found, error * np.sqrt([lower, other])


@pytest.mark.parametrize("depth", [0.001, 0.2, 0.5, 0.8])
def test_it_is_how_far_the_curve_may_be_from_one_with_a_zero_of_its_own(depth):
    found, right = errors_of(depth)
    assert found == pytest.approx(right, rel=0.06, abs=0.01)


@pytest.mark.parametrize("mutant", [as_if_it_were_known, its_linear_part_alone])
def test_mutants_differ(mutant, monkeypatch):
    monkeypatch.setattr(curve, "zero_of", mutant)
    found, right = errors_of(0.2)
    assert found[0] < 0.8 * right[0]


def test_a_cell_that_is_sure_to_be_the_lowest_has_no_error():
    found, _ = errors_of(3.0)
    assert found[0] == 0
    assert found[1] == pytest.approx(BETWEEN, rel=0.1)


def test_cells_that_were_hardly_visited_do_not_become_the_lowest():
    """An error of 3 kT is that of one event: ln p has no such tail, whatever the normal one would be."""
    series = noise(np.random.default_rng(0))
    found = zero_of(np.append(exact(3.0)[:3], 7.0), lambda cell: 3 / BETWEEN * series[cell])
    assert found.chance[3] == 0


def test_over_wells_of_all_depths_deviations_are_as_large_as_errors(monkeypatch):
    """For one depth they need not be: of two wells that are as deep neither is ever found below the other."""

    def squares():
        rng, rows = np.random.default_rng(0), []
        for _ in range(800):
            series, truth = noise(rng), exact(rng.uniform(-2, 2))
            found = truth - series.mean(axis=(1, 2))
            found -= found.min()
            apart = (found - (truth - truth.min()), band(found, lambda cell, series=series: series[cell]))
            bottoms = [0, 3] if found[0] < found[3] else [3, 0]
            rows.append([(of**2)[bottoms] for of in apart])
        return np.array(rows)

    def excess(rows):
        """Of deviations over errors, of the lower well and of the other one, in standard errors."""
        apart = rows[:, 0] - rows[:, 1]
        return apart.mean(axis=0) / (apart.std(axis=0) / np.sqrt(len(rows)))

    right = excess(squares())
    monkeypatch.setattr(curve, "zero_of", as_if_it_were_known)
    wrong = excess(squares())
    assert (abs(right) < 3).all()
    assert wrong[0] > 4
