"""The label of a CV's unit is that of its values, or none."""

from math import pi

import numpy as np
import pytest

from cvflow.cv import (
    alpha_beta,
    angle,
    anisotropy,
    centre_distance,
    combination,
    coordination,
    distance,
    from_torch,
    gyration,
    helix_content,
    native_contacts,
    path_distance,
    path_progress,
    plane_angle,
    plane_distance,
    puckering_amplitude,
    puckering_coordinate,
    puckering_phase,
    puckering_theta,
    torsion,
)
from cvflow.cv.functions import distance as of_positions

MADE = {
    "nm": [
        lambda unit: puckering_amplitude("q", range(5), unit=unit),
        lambda unit: puckering_coordinate("x", range(5), "x", unit=unit),
        lambda unit: plane_distance("d", [0, 1, 2], [3], unit=unit),
        lambda unit: distance("d", 0, 1, unit=unit),
        lambda unit: gyration("g", [0, 1, 2], unit=unit),
        lambda unit: centre_distance("c", [0], [1, 2], unit=unit),
        lambda unit: combination("s", {distance("a", 0, 1): 1.0, distance("b", 1, 2): -1.0}, unit=unit),
    ],
    "nm^2": [lambda unit: path_distance("z", [0, 1, 2], np.eye(3) * [[[1]], [[2]]], unit=unit)],
    "rad": [
        lambda unit: puckering_phase("p", range(5), unit=unit),
        lambda unit: puckering_theta("t", range(6), unit=unit),
        lambda unit: plane_angle("a", [0, 1, 2], [3, 4, 5], unit=unit),
        lambda unit: angle("a", 0, 1, 2, unit=unit),
        lambda unit: torsion("t", 0, 1, 2, 3, unit=unit),
        lambda unit: combination("s", {torsion("t", 0, 1, 2, 3): 2.0}, unit=unit, period=4 * pi),
    ],
    "": [
        lambda unit: coordination("n", [0], [1], r0=0.3, unit=unit),
        lambda unit: anisotropy("k", [0, 1, 2], unit=unit),
        lambda unit: alpha_beta("h", [[0, 1, 2, 3]], [0.0], unit=unit),
        lambda unit: helix_content("h", [0, 1, 2, 3], unit=unit),
        lambda unit: path_progress("s", [0, 1, 2], np.eye(3) * [[[1]], [[2]]], unit=unit),
        lambda unit: native_contacts("q", [0, 1], [[0, 0, 0], [1, 0, 0]], unit=unit),
    ],
}
CASES = [(own, make) for own, makes in MADE.items() for make in makes]


@pytest.mark.parametrize(("own", "make"), CASES)
def test_the_own_unit_and_none_are_taken(own, make):
    assert make(own).unit == own
    assert make("").unit == ""


@pytest.mark.parametrize(("own", "make"), CASES)
@pytest.mark.parametrize("unit", ["A", "Å", "deg", "kJ/mol"])
def test_another_is_refused_with_the_mend(own, make, unit):
    with pytest.raises(ValueError, match=r"is refused: its values are .* leave unit out") as refused:
        make(unit)
    assert f"unit = {unit!r}" in str(refused.value)
    assert (f"in {own}," if own else "without a unit") in str(refused.value)


def test_labels_are_free_where_nobody_knows_the_unit():
    assert from_torch("t", of_positions, [0, 1], unit="Å").unit == "Å"
    mixed = {distance("d", 0, 1): 10.0, coordination("n", [0], [1], r0=0.3): 1.0}
    assert combination("s", mixed, unit="kT").unit == "kT"
