"""The shape of rings of five or six atoms, by the coordinates of Cremer and Pople."""

from abc import abstractmethod
from dataclasses import dataclass
from math import hypot, inf, pi
from typing import ClassVar, Literal

import numpy as np
import openmm
from jaxtyping import Float

from cvflow.core.frames import Positions
from cvflow.cv.base import AtomsCV
from cvflow.cv.openmm_force import Energy, algebra
from cvflow.cv.selection import Atoms, group

_AXES = "xyz"
FLAT = 1e-9
"""Amplitude [nm] below which a ring is flat, and no direction is up."""

RingCoordinates = Float[np.ndarray, " coordinates"]


def _weights(atoms: int) -> tuple[Float[np.ndarray, "2 atoms"], Float[np.ndarray, "coordinates atoms"]]:
    """What the ring's plane and its coordinates are made of, of positions in their order."""
    turn = 2 * pi * np.arange(atoms) / atoms
    rows = [np.sqrt(2 / atoms) * np.cos(2 * turn), -np.sqrt(2 / atoms) * np.sin(2 * turn)]
    if atoms == 6:
        rows.append(np.cos(3 * turn) / np.sqrt(6))
    return np.array([np.sin(turn), np.cos(turn)]), np.array(rows)


def cremer_pople(x: Positions) -> tuple[RingCoordinates, Float[np.ndarray, "coordinates atoms 3"]]:
    """(q₂ cos φ₂, q₂ sin φ₂) and, of six atoms, q₃ [nm], and their gradients.

    Source: Cremer and Pople, J. Am. Chem. Soc. 97, 1354 (1975), eqs. (8) to (14).
    """
    (sines, cosines), rows = _weights(len(x))
    first, second = sines @ x, cosines @ x
    normal = np.cross(first, second)
    length = np.linalg.norm(normal)
    normal, along = normal / length, rows @ x
    values = along @ normal
    aside = (along - values[:, None] * normal) / length
    by_first, by_second = np.cross(second, aside), np.cross(aside, first)
    gradients = (
        sines[None, :, None] * by_first[:, None] + cosines[None, :, None] * by_second[:, None]
        + rows[:, :, None] * normal
    )  # fmt: skip
    return values, gradients


@dataclass(frozen=True)
class Puckering(AtomsCV):
    """A function of the Cremer-Pople coordinates of a ring, whose atoms are given in their order around it.

    Law: it depends on these coordinates alone; `of_ring` has its slopes, and `expression` is it in OpenMM's words.

    Raises:
        ValueError: the ring has not five or six atoms.
    """

    sizes: ClassVar[tuple[int, ...]] = (5, 6)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.atoms) not in self.sizes and all(isinstance(atom, int) for atom in self.atoms):
            words = " or ".join("five" if size == 5 else "six" for size in self.sizes)
            raise ValueError(f"CV {self.name}: {self.what} is of {words} atoms in their order, got {self.atoms}")

    @abstractmethod
    def of_ring(self, c: RingCoordinates) -> tuple[float, RingCoordinates]:
        """ξ and its slopes, of the coordinates [nm]."""

    @property
    @abstractmethod
    def expression(self) -> str:
        """The same of `cx`, `cy` and, of six atoms, `cz`."""

    def of_atoms(self, x: Positions) -> tuple[float, Positions]:
        values, gradients = cremer_pople(x)
        value, slopes = self.of_ring(values)
        return value, np.tensordot(slopes, gradients, axes=1)

    def openmm_force(self, energy: Energy) -> openmm.Force:
        """Called back where the ring's atoms have to be gathered."""
        if self.takes_images:
            return super().openmm_force(energy)
        (sines, cosines), rows = _weights(len(self.indices))
        parts = [("cvflow_ring", self.expression)]
        parts += [(f"c{axis}", f"(nx*{axis}x+ny*{axis}y+nz*{axis}z)/norm") for axis in _AXES[: len(rows)]]
        parts += [
            ("norm", "sqrt(nx^2+ny^2+nz^2)"), ("nx", "fy*gz-fz*gy"), ("ny", "fz*gx-fx*gz"), ("nz", "fx*gy-fy*gx")
        ]  # fmt: skip
        for name, weights in [("f", sines), ("g", cosines), *zip(_AXES, rows, strict=False)]:
            parts += [(f"{name}{axis}", _sum(weights, axis)) for axis in _AXES]
        force = openmm.CustomCompoundBondForce(len(self.indices), "; ".join(
            [parts[0][1], *(f"{name}={value}" for name, value in parts[1:])]
        ))  # fmt: skip
        force.addBond(self.indices, [])
        return algebra(energy("cvflow_ring"), {"cvflow_ring": force})


@dataclass(frozen=True)
class PuckeringAmplitude(Puckering):
    """Total puckering amplitude Q = (Σ z_j²)^(1/2) [nm]: zero for a flat ring."""

    unit: str = "nm"
    what = "a puckering amplitude"

    @property
    def range(self) -> tuple[float, float]:
        return 0.0, inf

    @property
    def expression(self) -> str:
        return "sqrt(cx^2+cy^2" + ("+cz^2)" if len(self.indices) == 6 else ")")

    def of_ring(self, c: RingCoordinates) -> tuple[float, RingCoordinates]:
        value = float(np.linalg.norm(c))
        return value, c / value if value > FLAT else np.zeros_like(c)


@dataclass(frozen=True)
class PuckeringPhase(Puckering):
    """Phase φ₂ [rad] of the puckering, on a circle: the pseudorotation of five atoms; none where q₂ is zero."""

    unit: str = "rad"
    what = "a puckering phase"
    expression = "atan2(cy,cx)"

    @property
    def period(self) -> float:
        return 2 * pi

    def of_ring(self, c: RingCoordinates) -> tuple[float, RingCoordinates]:
        phase, square = float(np.arctan2(c[1], c[0])), c[0] ** 2 + c[1] ** 2
        slopes = np.zeros_like(c)
        if square > FLAT**2:
            slopes[:2] = np.array([-c[1], c[0]]) / square
        return phase - 2 * pi if phase >= pi else phase, slopes


@dataclass(frozen=True)
class PuckeringTheta(Puckering):
    """Polar angle θ [rad] of the puckering of six atoms, tan θ = q₂/q₃, in [0, π]: 0 and π in the two chairs."""

    unit: str = "rad"
    what = "a puckering angle"
    sizes = (6,)
    expression = "atan2(sqrt(cx^2+cy^2),cz)"

    @property
    def range(self) -> tuple[float, float]:
        return 0.0, pi

    def of_ring(self, c: RingCoordinates) -> tuple[float, RingCoordinates]:
        q = hypot(c[0], c[1])
        slopes = np.zeros_like(c)
        if q > FLAT:
            slopes = np.array([c[0] * c[2] / q, c[1] * c[2] / q, -q]) / (c @ c)
        return float(np.arctan2(q, c[2])), slopes


@dataclass(frozen=True)
class PuckeringCoordinate(Puckering):
    """One of q₂ cos φ₂ (x), q₂ sin φ₂ (y) and, of six atoms, q₃ (z) [nm]: smooth for every ring, the flat one too.

    Raises:
        ValueError: there is no such axis, or z of five atoms.
    """

    axis: Literal["x", "y", "z"]
    unit: str = "nm"
    what = "a puckering coordinate"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.axis not in tuple(_AXES):
            raise ValueError(f"CV {self.name}: axis is 'x', 'y' or 'z', got {self.axis!r}")
        if self.axis == "z" and len(self.atoms) == 5:
            raise ValueError(f"CV {self.name}: a ring of five atoms has no third puckering coordinate")

    @property
    def expression(self) -> str:
        return f"c{self.axis}"

    def of_ring(self, c: RingCoordinates) -> tuple[float, RingCoordinates]:
        place = _AXES.index(self.axis)
        return float(c[place]), np.eye(len(c))[place]


def puckering_amplitude(name: str, atoms: Atoms, unit: str = "nm", *, periodic: bool = True) -> PuckeringAmplitude:
    """Total puckering amplitude [nm] of a ring of five or six atoms, given in their order around it.

    Raises:
        ValueError: as `Puckering`.
    """
    return PuckeringAmplitude(name, group(atoms), unit, periodic=periodic)


def puckering_phase(name: str, atoms: Atoms, unit: str = "rad", *, periodic: bool = True) -> PuckeringPhase:
    """Phase φ₂ [rad] of the puckering of a ring of five or six atoms, given in their order around it; on a circle.

    Raises:
        ValueError: as `Puckering`.
    """
    return PuckeringPhase(name, group(atoms), unit, periodic=periodic)


def puckering_theta(name: str, atoms: Atoms, unit: str = "rad", *, periodic: bool = True) -> PuckeringTheta:
    """Polar angle θ [rad] of the puckering of a ring of six atoms, given in their order around it.

    Raises:
        ValueError: as `Puckering`.
    """
    return PuckeringTheta(name, group(atoms), unit, periodic=periodic)


def puckering_coordinate(
    name: str, atoms: Atoms, axis: Literal["x", "y", "z"], unit: str = "nm", *, periodic: bool = True
) -> PuckeringCoordinate:
    """q₂ cos φ₂ (axis "x"), q₂ sin φ₂ ("y") or q₃ ("z", of six atoms) [nm] of a ring, its atoms in their order.

    Raises:
        ValueError: as `PuckeringCoordinate`.
    """
    return PuckeringCoordinate(name, group(atoms), axis, unit, periodic=periodic)


def _sum(weights: Float[np.ndarray, " atoms"], axis: str) -> str:
    """Σ w_j x_j in OpenMM's words."""
    return "+".join(f"({float(weight)!r})*{axis}{i + 1}" for i, weight in enumerate(weights))
