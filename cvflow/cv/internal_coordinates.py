"""The shape of a few atoms: internal coordinates along a chain, their volume element, and where a shape is placed.

Atoms are taken in their order, bonded or not: n - 1 distances between neighbours, n - 2 between next neighbours and
n - 3 torsions are the 3n - 6 numbers that rigid motion leaves alone.
"""

from dataclasses import dataclass
from math import inf, pi
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from cvflow.cv import formulas
from cvflow.cv.geometry import Distance, Torsion
from cvflow.cv.names import checked_name

Beads = Float[np.ndarray, "*batch beads 3"]
InternalCoordinates = Float[np.ndarray, "*batch numbers"]
Values = Float[np.ndarray, " *batch"]


@dataclass(frozen=True)
class Chain:
    """Internal coordinates of atoms in their order.

    Attributes:
        name: what the coordinates' names begin with.
        atoms: indices counted from 0, at least four.

    Raises:
        ValueError: the atoms are too few, or not different indices.
    """

    name: str
    atoms: tuple[int, ...]

    def __post_init__(self) -> None:
        checked_name(self.name)
        if len(self.atoms) < 4 or len(set(self.atoms)) < len(self.atoms) or min(self.atoms) < 0:
            raise ValueError(f"CV {self.name}: positions need at least four different atoms, got {list(self.atoms)}")

    @property
    def beads(self) -> int:
        """Number of atoms."""
        return len(self.atoms)

    @property
    def lengths(self) -> int:
        """How many of the coordinates, the first ones, are distances; the others are torsions."""
        return 2 * self.beads - 3

    @property
    def periods(self) -> tuple[float, ...]:
        """Of the coordinates, in their units: 2π of a torsion [rad], infinite on a line."""
        return (inf,) * self.lengths + (2 * pi,) * (self.beads - 3)

    def cvs(self, unit: str) -> tuple[Distance | Torsion, ...]:
        """The coordinates, each as a CV of its own, of the atoms as they lie."""
        neighbours = [
            Distance(f"{self.name}_{what}{i + 1}", (self.atoms[i], self.atoms[i + apart]), unit, periodic=False)
            for what, apart in (("b", 1), ("s", 2))
            for i in range(self.beads - apart)
        ]
        torsions = (
            Torsion(f"{self.name}_t{i + 1}", self.atoms[i : i + 4], periodic=False) for i in range(self.beads - 3)
        )
        return (*neighbours, *torsions)

    def coordinates(self, beads: Beads) -> InternalCoordinates:
        """Neighbours' distances, next neighbours' distances, torsions in [-π, π)."""
        near, next_near = (np.linalg.norm(_apart(beads, by), axis=-1) for by in (1, 2))
        return np.concatenate([near, next_near, _torsions(beads)], axis=-1)

    def exists(self, coordinates: InternalCoordinates) -> Bool[np.ndarray, " *batch"]:
        """Whether a shape has these coordinates: three distances must make a triangle."""
        near, next_near, _ = self._parts(coordinates)
        first, second = near[..., :-1], near[..., 1:]
        triangle = (next_near < first + second) & (next_near > np.abs(first - second))
        return (near > 0).all(axis=-1) & triangle.all(axis=-1)

    def log_volume(self, coordinates: InternalCoordinates) -> Values:
        """Ln J, with J = b_1 b_(n-1) Π s_i: the positions' volume element is J db ds dt times that of rigid motion.

        A bond b at an angle θ has b² sin θ db dθ dt, and s ds = b b' sin θ dθ for the distance s across the angle.
        """
        near, next_near, _ = self._parts(coordinates)
        return np.log(near[..., 0]) + np.log(near[..., -1]) + np.log(next_near).sum(axis=-1)

    def mirrored(self, coordinates: InternalCoordinates) -> InternalCoordinates:
        """Coordinates of the shapes' mirror images: torsions change their sign."""
        near, next_near, torsions = self._parts(coordinates)
        return np.concatenate([near, next_near, np.where(torsions == -pi, torsions, -torsions)], axis=-1)

    def reversed(self, coordinates: InternalCoordinates) -> InternalCoordinates:
        """Coordinates of the shapes with their atoms counted from the other end: each kind in the opposite order."""
        return np.concatenate([part[..., ::-1] for part in self._parts(coordinates)], axis=-1)

    def beads_at(self, coordinates: InternalCoordinates) -> Beads:
        """A shape with these coordinates, which must exist; its first atom is at the origin."""
        near, next_near, torsions = self._parts(coordinates)
        first, second = near[..., :-1], near[..., 1:]
        cosine = (first**2 + second**2 - next_near**2) / (2 * first * second)
        sine = np.sqrt(1 - cosine**2)
        beads = np.zeros((*coordinates.shape[:-1], self.beads, 3))
        beads[..., 1, 0] = near[..., 0]
        beads[..., 2, 0] = near[..., 0] - near[..., 1] * cosine[..., 0]
        beads[..., 2, 1] = near[..., 1] * sine[..., 0]
        for k in range(3, self.beads):
            along = _unit(beads[..., k - 1, :] - beads[..., k - 2, :])
            normal = _unit(np.cross(beads[..., k - 2, :] - beads[..., k - 3, :], along))
            turn = torsions[..., k - 3, None]
            aside = np.cos(turn) * np.cross(normal, along) + np.sin(turn) * normal
            step = sine[..., k - 2, None] * aside - cosine[..., k - 2, None] * along
            beads[..., k, :] = beads[..., k - 1, :] + near[..., k - 1, None] * step
        return beads

    def _parts(self, coordinates: InternalCoordinates) -> tuple[Any, Any, Any]:
        """Neighbours' distances, next neighbours' distances, torsions."""
        n = self.beads
        return coordinates[..., : n - 1], coordinates[..., n - 1 : 2 * n - 3], coordinates[..., 2 * n - 3 :]


@dataclass(frozen=True)
class Shapes:
    """Points of the run's CV space: observed distances, then the internal coordinates of a chain of atoms.

    Attributes:
        chain: the internal coordinates.
        observed: places in the chain of the pairs whose distance is recorded, to name states by.
    """

    chain: Chain
    observed: tuple[tuple[int, int], ...]

    def points(self, beads: Float[np.ndarray, "count beads 3"]) -> Float[np.ndarray, "count cvs"]:
        """CV values of some positions."""
        seen = [np.linalg.norm(beads[:, i] - beads[:, j], axis=1)[:, None] for i, j in self.observed]
        return np.hstack([*seen, self.chain.coordinates(beads)])

    def internal(self, points: Float[np.ndarray, "count cvs"]) -> Float[np.ndarray, "count numbers"]:
        """The internal coordinates among the CV values."""
        return points[:, len(self.observed) :]

    def beads(self, points: Float[np.ndarray, "count cvs"]) -> Float[np.ndarray, "count beads 3"]:
        """Positions that have these CV values."""
        return self.chain.beads_at(self.internal(points))


def aligned(shape: Float[np.ndarray, "beads 3"], onto: Float[np.ndarray, "beads 3"]) -> Float[np.ndarray, "beads 3"]:
    """The shape moved onto another, both in one unit, each atom with the same weight, by a proper rotation.

    For a fixed pair of shapes this maps orientations to orientations and keeps their uniform measure; aligning back is
    its inverse (docs/beads.md). A reflection would not, nor would a fixed frame.

    Source: Kabsch, Acta Cryst. A 32, 922 (1976), as scipy has it.
    """
    centre, there = shape.mean(axis=0), onto.mean(axis=0)
    rotation, _ = Rotation.align_vectors(onto - there, shape - centre)
    return rotation.apply(shape - centre) + there


def _apart(beads: Beads, by: int) -> Float[np.ndarray, "*batch fewer 3"]:
    return beads[..., by:, :] - beads[..., :-by, :]


def _unit(vector: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)


def _torsions(beads: Beads) -> InternalCoordinates:
    bonds = _apart(beads, 1)
    first, middle, last = bonds[..., :-2, :], bonds[..., 1:-1, :], bonds[..., 2:, :]
    return formulas.dihedral(first, middle, np.cross(first, middle), np.cross(middle, last), np)
