"""CVs that are geometry of a few atoms.

In a periodic box each atom is taken in the image beside the one before it, as OpenMM's bonds, angles and torsions do;
atoms of one molecule as they lie, since a chain may be longer than half the box.
"""

from dataclasses import dataclass
from math import inf, pi

import numpy as np
import openmm
from jaxtyping import Float

from cvflow.core.frames import Box, Positions
from cvflow.cv import formulas
from cvflow.cv.base import AtomsCV
from cvflow.cv.openmm_force import Energy
from cvflow.cv.selection import Atoms, places

Vector = Float[np.ndarray, "3"]


@dataclass(frozen=True)
class Distance(AtomsCV):
    """Distance [nm] between two atoms.

    Raises:
        ValueError: the atoms are not two different ones.
    """

    unit: str = "nm"
    count = 2

    @property
    def range(self) -> tuple[float, float]:
        return 0.0, inf

    def half_box(self, box: Box | None) -> float:
        if box is None or not self.takes_images:
            return inf
        return 0.5 * self.surroundings.cell(box, len(self.indices)).width

    def of_atoms(self, x: Positions) -> tuple[float, Positions]:
        apart = x[1] - x[0]
        r = float(np.linalg.norm(apart))
        return r, np.array([-apart, apart]) / r

    def openmm_force(self, energy: Energy) -> openmm.Force:
        force = openmm.CustomBondForce(energy("r"))
        force.addBond(*self.indices, [])
        force.setUsesPeriodicBoundaryConditions(self.takes_images)
        return force


@dataclass(frozen=True)
class Angle(AtomsCV):
    """Angle [rad] at the second of three atoms, in [0, π]; smooth but where they are collinear.

    Raises:
        ValueError: the atoms are not three different ones.
    """

    unit: str = "rad"
    count = 3

    @property
    def range(self) -> tuple[float, float]:
        return 0.0, pi

    def of_atoms(self, x: Positions) -> tuple[float, Positions]:
        a, b = x[0] - x[1], x[2] - x[1]
        normal = _cross(a, b)
        sine = np.linalg.norm(normal)
        by_first, by_last = _cross(a, normal) / (sine * (a @ a)), _cross(normal, b) / (sine * (b @ b))
        return float(formulas.angle(a, b, normal, np)), np.array([by_first, -by_first - by_last, by_last])

    def openmm_force(self, energy: Energy) -> openmm.Force:
        force = openmm.CustomAngleForce(energy("theta"))
        force.addAngle(*self.indices, [])
        force.setUsesPeriodicBoundaryConditions(self.takes_images)
        return force


@dataclass(frozen=True)
class Torsion(AtomsCV):
    """Torsion [rad] of four atoms in [-π, π), on a circle; smooth but where three consecutive atoms are collinear.

    Raises:
        ValueError: the atoms are not four different ones.

    Source: `cvflow.cv.formulas.dihedral` for the sign; Blondel and Karplus, J. Comput. Chem. 17, 1132 (1996), eq. (27),
    for the gradient, which is regular at 0 and π.
    """

    unit: str = "rad"
    count = 4

    @property
    def period(self) -> float:
        return 2 * pi

    def of_atoms(self, x: Positions) -> tuple[float, Positions]:
        return torsion_of(x)

    def openmm_force(self, energy: Energy) -> openmm.Force:
        force = openmm.CustomTorsionForce(energy("theta"))
        force.addTorsion(*self.indices, [])
        force.setUsesPeriodicBoundaryConditions(self.takes_images)
        return force


def torsion_of(x: Positions) -> tuple[float, Positions]:
    """Torsion [rad] of four atoms in [-π, π), and its gradient [rad/nm]."""
    first, middle, last = x[1] - x[0], x[2] - x[1], x[3] - x[2]
    before, after = _cross(first, middle), _cross(middle, last)
    length = np.linalg.norm(middle)
    by_a, by_d = -length / (before @ before) * before, length / (after @ after) * after
    share_b, share_c = -(first @ middle) / length**2, -(last @ middle) / length**2
    by_b = (share_b - 1) * by_a - share_c * by_d
    gradient = np.array([by_a, by_b, -by_a - by_b - by_d, by_d])
    return float(formulas.dihedral(first, middle, before, after, np)), gradient


def _cross(a: Vector, b: Vector) -> Vector:
    """As numpy's, whose checks take twenty times as long as the arithmetic of two vectors."""
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def distance(name: str, *atoms: Atoms, unit: str = "nm", periodic: bool = True) -> Distance:
    """Distance [nm] between two atoms; each an index counted from 0 or a selection string, one by one or as a list.

    `periodic=False` takes them as they lie in a periodic box, without the nearest image.

    Raises:
        ValueError: the name is none, the atoms are not two different ones, or the unit is another.
    """
    return Distance(name, places(atoms), unit, periodic=periodic)


def angle(name: str, *atoms: Atoms, unit: str = "rad", periodic: bool = True) -> Angle:
    """Angle [rad] at the second of three atoms; each an index counted from 0 or a selection string.

    `periodic=False` takes them as they lie in a periodic box, without nearest images.

    Raises:
        ValueError: the name is none, the atoms are not three different ones, or the unit is another.
    """
    return Angle(name, places(atoms), unit, periodic=periodic)


def torsion(name: str, *atoms: Atoms, unit: str = "rad", periodic: bool = True) -> Torsion:
    """Torsion [rad] of four atoms; each an index counted from 0 or a selection string.

    `periodic=False` takes them as they lie in a periodic box, without nearest images.

    Raises:
        ValueError: the name is none, the atoms are not four different ones, or the unit is another.
    """
    return Torsion(name, places(atoms), unit, periodic=periodic)
