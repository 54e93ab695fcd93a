"""CVs: values by hand, names, ranges, and what is refused."""

import numpy as np
import openmm
import pytest

from cvflow.core.frames import Frame
from cvflow.cv import distance, from_force

FRAME = Frame(np.array([[0.0, 0, 0], [3.0, 4.0, 0], [3.0, 4.0, 12.0]]), np.diag([5.0, 5.0, 5.0]))


def difference():
    force = openmm.CustomCompoundBondForce(3, "distance(p1,p2)-distance(p3,p2)")
    force.addBond([0, 1, 2], [])
    return force


def test_distances_are_of_nearest_images_unless_they_are_told_not_to():
    assert distance("r", 0, 2).evaluate(FRAME) == pytest.approx(np.sqrt(4 + 1 + 4))
    assert distance("r", 0, 2, periodic=False).evaluate(FRAME) == 13.0
    assert distance("r", 2, 1, periodic=False).evaluate(FRAME) == 12.0
    assert distance("r", 0, 2).evaluate(FRAME._replace(box=None)) == 13.0


def test_a_force_s_energy_is_the_cv():
    cv = from_force("s", difference(), unit="nm")
    assert cv.evaluate(FRAME) == pytest.approx(5 - 12, abs=1e-12)
    assert cv.highest_atom == 2
    assert cv.unit == "nm"


def test_the_force_is_copied():
    force = difference()
    cv = from_force("s", force)
    force.addBond([0, 1, 2], [])
    assert cv.evaluate(FRAME) == pytest.approx(-7)


def test_the_range_of_groups_is_seen():
    force = openmm.CustomCentroidBondForce(2, "distance(g1,g2)")
    force.addGroup([0, 1])
    force.addGroup([2, 17])
    force.addBond([0, 1], [])
    assert from_force("d", force).highest_atom == 17


@pytest.mark.parametrize("name", ["", "1r", "r-s", "r s", "and", "not", "time", "r\n"])
def test_names_that_cannot_stand_in_expressions_raise(name):
    with pytest.raises(ValueError, match="name"):
        distance(name, 0, 1)


@pytest.mark.parametrize("atoms", [(0, 0), (-1, 2)])
def test_atoms_that_are_no_pair_raise(atoms):
    with pytest.raises(ValueError, match="two different atoms"):
        distance("r", *atoms)


def test_forces_that_store_code_are_refused():
    force = openmm.PythonForce(lambda state: (0.0, np.zeros((3, 3))), {})
    with pytest.raises(ValueError, match="code, not data"):
        from_force("s", force)
