"""Planes of three atoms: the angle between two, and how far a group is from one."""

from dataclasses import dataclass, replace
from math import pi

import numpy as np
import openmm

from cvflow.core.frames import Positions
from cvflow.cv import formulas
from cvflow.cv.base import AtomsCV
from cvflow.cv.openmm_force import Energy, algebra
from cvflow.cv.selection import AtomNames, Atoms, Group, check_group, check_places, group, places


def _normal(x: Positions) -> np.ndarray:
    """(x₁ - x₀) × (x₂ - x₁) [nm²]."""
    return np.cross(x[1] - x[0], x[2] - x[1])


def _slopes(x: Positions, by_normal: np.ndarray) -> Positions:
    """The gradient of a function of the normal alone, from its slopes [1/nm²]."""
    first, second = np.cross(x[2] - x[1], by_normal), np.cross(by_normal, x[1] - x[0])
    return np.array([-first, first - second, second])


def _cross(name: str, i: int) -> str:
    """The normal of the three particles from the i-th on in OpenMM's words: definitions of name + x, y and z."""
    apart = {f"{v}{a}": f"({a}{i + k + 1}-{a}{i + k})" for k, v in enumerate("uv") for a in "xyz"}
    turns = (("x", "y", "z"), ("y", "z", "x"), ("z", "x", "y"))
    return "; ".join(
        f"{name}{a}={apart[f'u{b}']}*{apart[f'v{c}']}-{apart[f'u{c}']}*{apart[f'v{b}']}" for a, b, c in turns
    )


@dataclass(frozen=True)
class PlaneAngle(AtomsCV):
    """Angle [rad] in [0, π] between the normals of two planes of three atoms; smooth but where they are parallel.

    A normal is (x₁ - x₀) × (x₂ - x₁), so the order of a plane's atoms is the side that is up.

    Attributes:
        atoms: three of the first plane.
        atoms2: three of the second.

    Raises:
        ValueError: the atoms of a plane are not three different ones.

    Source: PLUMED's PLANE for the normal.
    """

    atoms2: Group
    unit: str = "rad"
    count = 3
    what = "a plane"

    @property
    def range(self) -> tuple[float, float]:
        return 0.0, pi

    @property
    def groups(self) -> tuple[Group, ...]:
        return self.atoms, self.atoms2

    def of_atoms(self, x: Positions) -> tuple[float, Positions]:
        a, b = _normal(x[:3]), _normal(x[3:])
        normal = np.cross(a, b)
        sine = np.linalg.norm(normal)
        by_a, by_b = np.cross(a, normal) / (sine * (a @ a)), np.cross(normal, b) / (sine * (b @ b))
        value = float(formulas.angle(a, b, normal, np))
        return value, np.concatenate([_slopes(x[:3], by_a), _slopes(x[3:], by_b)])

    def openmm_force(self, energy: Energy) -> openmm.Force:
        """Called back where nearest images are taken, or where the planes share atoms."""
        if self.takes_images or set(self.atoms) & set(self.atoms2):
            return super().openmm_force(energy)
        force = openmm.CustomCompoundBondForce(6, (
            "atan2(sqrt((ay*bz-az*by)^2+(az*bx-ax*bz)^2+(ax*by-ay*bx)^2),ax*bx+ay*by+az*bz); "
            f"{_cross('a', 1)}; {_cross('b', 4)}"
        ))  # fmt: skip
        force.addBond(self.indices, [])
        return algebra(energy("cvflow_planes"), {"cvflow_planes": force})

    def resolved(self, names: AtomNames) -> "PlaneAngle":
        first, second = (names.atoms(self.name, atoms) for atoms in self.groups)
        return replace(self, atoms=first, atoms2=second)


@dataclass(frozen=True)
class PlaneDistance(AtomsCV):
    """Distance [nm] of a group's centre from the plane of three atoms, positive on the side of its normal.

    Attributes:
        atoms: three of the plane; its normal is (x₁ - x₀) × (x₂ - x₁).
        atoms2: the group.

    Raises:
        ValueError: the plane's atoms are not three different ones, or the group is empty.
    """

    atoms2: Group
    unit: str = "nm"
    what = "a distance from a plane"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_places(self.name, "a plane", self.atoms, 3)
        check_group(self.name, self.what, self.atoms2)

    @property
    def groups(self) -> tuple[Group, ...]:
        return self.atoms, self.atoms2

    def of_atoms(self, x: Positions) -> tuple[float, Positions]:
        normal, apart = _normal(x[:3]), x[3:].mean(axis=0) - x[0]
        length = np.linalg.norm(normal)
        normal = normal / length
        value = float(apart @ normal)
        plane = _slopes(x[:3], (apart - value * normal) / length)
        plane[0] -= normal
        return value, np.concatenate([plane, np.tile(normal / (len(x) - 3), (len(x) - 3, 1))])

    def openmm_force(self, energy: Energy) -> openmm.Force:
        """Called back where molecules have to be gathered."""
        if self.takes_images:
            return super().openmm_force(energy)
        force = openmm.CustomCentroidBondForce(4, (
            f"((x4-x1)*ax+(y4-y1)*ay+(z4-z1)*az)/sqrt(ax^2+ay^2+az^2); {_cross('a', 1)}"
        ))  # fmt: skip
        for atoms in ([atom] for atom in self.indices[:3]):
            force.addGroup(atoms, [1.0])
        force.addGroup(self.indices[3:], [1.0] * len(self.indices[3:]))
        force.addBond([0, 1, 2, 3], [])
        return algebra(energy("cvflow_plane"), {"cvflow_plane": force})

    def resolved(self, names: AtomNames) -> "PlaneDistance":
        return replace(self, atoms=names.atoms(self.name, self.atoms), atoms2=names.group(self.name, self.atoms2))


def plane_angle(name: str, first: Atoms, second: Atoms, unit: str = "rad", *, periodic: bool = True) -> PlaneAngle:
    """Angle [rad] between the normals of two planes of three atoms, each an index or a selection string.

    Raises:
        ValueError: as `PlaneAngle`.
    """
    return PlaneAngle(name, places((first,)), places((second,)), unit, periodic=periodic)


def plane_distance(
    name: str, plane: Atoms, atoms: Atoms, unit: str = "nm", *, periodic: bool = True
) -> PlaneDistance:
    """Distance [nm] of a group's centre from the plane of three atoms, positive on the side of its normal.

    Raises:
        ValueError: as `PlaneDistance`.
    """
    return PlaneDistance(name, places((plane,)), group(atoms), unit, periodic=periodic)
