"""CVs that are geometry of a few atoms, of the coordinates as they are.

No minimum image is taken (OpenMM's bonds and PLUMED's NOPBC do the same): cvflow never wraps molecules, and a chain may
be longer than half the box.
"""

from dataclasses import dataclass, replace
from math import inf, pi

import numpy as np
from jaxtyping import Float

from cvflow.core.frames import Frame
from cvflow.cv.base import CollectiveVariable, checked_name, checked_unit
from cvflow.cv.selection import AtomNames, Atoms, Group, check_places, indices, places, positions

Vector = Float[np.ndarray, "3"]


@dataclass(frozen=True)
class Distance(CollectiveVariable):
    """Distance [nm] between two atoms.

    Raises:
        ValueError: the atoms are not two different ones.
    """

    name: str
    atoms: Group
    unit: str = "nm"

    def __post_init__(self) -> None:
        checked_name(self.name)
        checked_unit(self.name, self.unit, "nm")
        check_places(self.name, "a distance", self.atoms, 2)

    @property
    def range(self) -> tuple[float, float]:
        return 0.0, inf

    @property
    def highest_atom(self) -> int:
        return max(indices(self.name, self.atoms))

    def evaluate(self, frame: Frame) -> float:
        first, second = positions(self.name, self.atoms, frame)
        return float(np.linalg.norm(second - first))

    def resolved(self, names: AtomNames) -> "Distance":
        return replace(self, atoms=names.atoms(self.name, self.atoms))


@dataclass(frozen=True)
class Angle(CollectiveVariable):
    """Angle [rad] at the second of three atoms, in [0, π]; smooth but where they are collinear.

    Raises:
        ValueError: the atoms are not three different ones.
    """

    name: str
    atoms: Group
    unit: str = "rad"

    def __post_init__(self) -> None:
        checked_name(self.name)
        checked_unit(self.name, self.unit, "rad")
        check_places(self.name, "an angle", self.atoms, 3)

    @property
    def range(self) -> tuple[float, float]:
        return 0.0, pi

    @property
    def highest_atom(self) -> int:
        return max(indices(self.name, self.atoms))

    def evaluate(self, frame: Frame) -> float:
        first, middle, last = positions(self.name, self.atoms, frame)
        a, b = first - middle, last - middle
        return float(np.arctan2(np.linalg.norm(_cross(a, b)), a @ b))

    def resolved(self, names: AtomNames) -> "Angle":
        return replace(self, atoms=names.atoms(self.name, self.atoms))


@dataclass(frozen=True)
class Torsion(CollectiveVariable):
    """Torsion [rad] of four atoms in [-π, π), on a circle; smooth but where three consecutive atoms are collinear.

    Raises:
        ValueError: the atoms are not four different ones.

    Source: sign convention of IUPAC and of PLUMED's TORSION: positive where, seen along the middle bond, the far bond
    is turned clockwise from the near one.
    """

    name: str
    atoms: Group
    unit: str = "rad"

    def __post_init__(self) -> None:
        checked_name(self.name)
        checked_unit(self.name, self.unit, "rad")
        check_places(self.name, "a torsion", self.atoms, 4)

    @property
    def period(self) -> float:
        return 2 * pi

    @property
    def highest_atom(self) -> int:
        return max(indices(self.name, self.atoms))

    def evaluate(self, frame: Frame) -> float:
        a, b, c, d = positions(self.name, self.atoms, frame)
        first, middle, last = b - a, c - b, d - c
        before, after = _cross(first, middle), _cross(middle, last)
        phi = float(np.arctan2(np.linalg.norm(middle) * (first @ after), before @ after))
        # atan2 gives +π for a planar trans molecule.
        return phi if phi < pi else -pi

    def resolved(self, names: AtomNames) -> "Torsion":
        return replace(self, atoms=names.atoms(self.name, self.atoms))


def _cross(a: Vector, b: Vector) -> Vector:
    """As numpy's, whose checks take twenty times as long as the arithmetic of two vectors."""
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def distance(name: str, *atoms: Atoms, unit: str = "nm") -> Distance:
    """Distance between two atoms; each an index counted from 0 or a selection string, one by one or as a list."""
    return Distance(name, places(atoms), unit)


def angle(name: str, *atoms: Atoms, unit: str = "rad") -> Angle:
    """Angle at the second of three atoms; each an index counted from 0 or a selection string."""
    return Angle(name, places(atoms), unit)


def torsion(name: str, *atoms: Atoms, unit: str = "rad") -> Torsion:
    """Torsion of four atoms; each an index counted from 0 or a selection string."""
    return Torsion(name, places(atoms), unit)
