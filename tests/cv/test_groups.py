"""CVs of groups: values by other formulas, weights, and what is refused."""

from math import inf

import numpy as np
import pytest

from cvflow.core.frames import Frame
from cvflow.cv import centre_distance, coordination, gyration
from cvflow.cv.gyration import Gyration
from tests.cv.cases import draws

X = draws(1)[0]
FRAME = Frame(X, None)


def test_gyration_is_the_mean_of_pair_distances():
    """Rg² = Σ_ij w_i w_j r_ij²/2, without a centre."""
    atoms, weights = [8, 1, 2, 4], np.array([1.0, 12.0, 3.5, 2.0])
    square = ((X[atoms][:, None] - X[atoms][None]) ** 2).sum(axis=2)
    for given, shares in (((), np.full(4, 0.25)), (tuple(weights), weights / weights.sum())):
        expected = np.sqrt(shares @ square @ shares / 2)
        assert gyration("g", atoms, weights=given).evaluate(FRAME) == pytest.approx(expected, rel=1e-12)


def test_coordination_is_the_rational_switch():
    """By PLUMED's form of it; and where that is 0/0, the limit n/m."""
    r = np.linalg.norm(X[[0, 3]][:, None] - X[[9, 4, 5]][None], axis=2) / 0.4
    expected = ((1 - r**6) / (1 - r**12)).sum()
    cv = coordination("n", [0, 3], [9, 4, 5], r0=0.4)
    assert cv.evaluate(FRAME) == pytest.approx(expected, rel=1e-12)
    pair = Frame(np.array([[0.0, 0, 0], [0.4, 0, 0], [1e5, 0, 0]]), None)
    assert coordination("n", 0, 1, r0=0.4).evaluate(pair) == pytest.approx(0.5)
    assert coordination("n", 0, 2, r0=0.4).evaluate(pair) == pytest.approx(0.0, abs=1e-30)


def test_centres_are_weighted():
    cv = centre_distance("d", [1, 0], [5, 3], weights2=(1.0, 3.0))
    expected = np.linalg.norm((X[5] + 3 * X[3]) / 4 - (X[1] + X[0]) / 2)
    assert cv.evaluate(FRAME) == pytest.approx(expected, rel=1e-12)


def test_ranges_and_atoms():
    assert gyration("g", [1, 7]).range == (0.0, inf)
    assert coordination("n", [0, 3], [9, 4, 5], r0=0.4).range == (0.0, 6.0)
    assert coordination("n", "name A", [9], r0=0.4).range == (0.0, inf)
    assert coordination("n", [0, 3], [9, 4, 5], r0=0.4).highest_atom == 9
    assert centre_distance("d", [1, 0], [5, 3]).highest_atom == 5
    assert gyration("g", [1, 7, 2]).highest_atom == 7


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: gyration("g", []), "needs a group of different atoms"),
        (lambda: gyration("g", [1, 1]), "needs a group of different atoms"),
        (lambda: gyration("g", [1, -2]), "counted from 0"),
        (lambda: gyration("g", 3), "two atoms or more"),
        (lambda: gyration("g", [1, 2], weights=(1.0,)), "1 weights for 2 atoms"),
        (lambda: gyration("g", [1, 2], weights=(1.0, 0.0)), "weights must be positive"),
        (lambda: gyration("g", [1, 2], weights="mass").evaluate(FRAME), "looks the masses up"),
        (lambda: gyration("g", "name C").evaluate(FRAME), "holds selection strings"),
        (lambda: gyration("g r", [1, 2]), "name"),
        (lambda: coordination("n", [1, 2], [2, 3], r0=0.3), "share atoms [2]"),
        (lambda: coordination("n", [1, 2], [3], r0=0.0), "r0 must be a positive number"),
        (lambda: coordination("n", [], [3], r0=0.3), "needs a group"),
        (lambda: centre_distance("d", [1], [], weights=(1.0,)), "needs a group"),
        (lambda: centre_distance("d", [1], [2], weights2=(1.0, 2.0)), "2 weights for 1 atoms"),
    ],
)
def test_misuse_raises(make, words):
    with pytest.raises(ValueError) as error:
        make()
    assert words in str(error.value)


def test_weights_are_kept_as_numbers():
    assert gyration("g", [1, 2], weights=[1, 2]) == Gyration("g", (1, 2), (1.0, 2.0))
