"""Distances, angles and torsions: values by other formulas, signs, ranges, and what is refused."""

from math import inf, pi

import numpy as np
import pytest
from MDAnalysis.lib.distances import calc_angles, calc_dihedrals

from cvflow.core.frames import Frame
from cvflow.cv import Angle, Torsion, angle, distance, torsion
from tests.cv.cases import draws


def test_values_are_those_of_mdanalysis():
    for x in draws(20):
        a, b, c, d = x[[4, 1, 0, 7]]
        assert angle("a", 4, 1, 0).evaluate(Frame(x, None)) == pytest.approx(calc_angles(a, b, c), abs=1e-6)
        assert torsion("phi", 4, 1, 0, 7).evaluate(Frame(x, None)) == pytest.approx(
            calc_dihedrals(a, b, c, d), abs=1e-6
        )


def test_a_torsion_has_plumed_s_sign():
    """Seen along the middle bond, a far bond turned clockwise from the near one is positive."""
    x = np.array([[0.0, 1, 0], [0, 0, 0], [0, 0, 1], [1.0, 1, 1]])
    # Looking along z with y up, x is on the left: half a right angle against the clock.
    assert torsion("phi", 0, 1, 2, 3).evaluate(Frame(x, None)) == pytest.approx(-pi / 4)


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_a_planar_trans_molecule_is_at_minus_pi(zero):
    x = np.array([[1.0, 0, 0], [0, 0, 0], [0, 0, 1], [-1.0, zero, 1]])
    assert torsion("phi", 0, 1, 2, 3).evaluate(Frame(x, None)) == -pi


def test_periods_and_ranges():
    assert (distance("r", 0, 1).period, distance("r", 0, 1).range) == (inf, (0.0, inf))
    assert (angle("a", 0, 1, 2).period, angle("a", 0, 1, 2).range) == (inf, (0.0, pi))
    assert (torsion("t", 0, 1, 2, 3).period, torsion("t", 0, 1, 2, 3).range) == (2 * pi, (-pi, pi))


def test_atoms_come_one_by_one_or_as_a_list():
    assert torsion("t", 4, 6, 8, 14) == torsion("t", [4, 6, 8, 14]) == torsion("t", np.array([4, 6, 8, 14]))
    assert torsion("t", "name C", 6, 8, 14).atoms == ("name C", 6, 8, 14)
    assert torsion("t", [4, 6, 8, 14]).highest_atom == 14
    assert angle("t", [4, 16, 8]).highest_atom == 16


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: angle("a", 0, 1), "an angle needs three different atoms counted from 0, got (0, 1)"),
        (lambda: angle("a", 0, 1, 0), "an angle needs three"),
        (lambda: torsion("t", 0, 1, 2, -1), "a torsion needs four"),
        (lambda: torsion("t", [0, 1, 2]), "a torsion needs four"),
        (lambda: torsion("t r", 0, 1, 2, 3), "name"),
        (lambda: Angle("1", (0, 1, 2)), "name"),
        (lambda: Torsion("t", (0, 1, 2, 2)), "a torsion needs four"),
    ],
)
def test_misuse_raises(make, words):
    with pytest.raises(ValueError) as error:
        make()
    assert words in str(error.value)


def test_fractions_of_atoms_raise():
    with pytest.raises((TypeError, ValueError)):  # of the signature where types are checked at calls, and for users
        distance("r", 0.5, 1)
