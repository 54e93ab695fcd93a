"""What acts on the atoms beside LAMMPS's own styles: the moving restraint, and bonds of the model.

LAMMPS calls `ExternalForce` in every evaluation of the forces (`fix external`). Numbers are read and written one by
one where LAMMPS has them: for a distance that is a few µs, where numpy's arrays would take as long as LAMMPS's own
step.
"""

import ctypes
from collections.abc import Callable, Sequence
from math import isfinite, sqrt
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from cvflow.core.frames import Frame, Positions
from cvflow.core.periodic import into_period, wrapped
from cvflow.core.walls import Wall
from cvflow.cv import CollectiveVariable, Distance
from cvflow.engines.lammps.instance import IMAGE_BITS, IMAGE_PERIOD, LammpsInstance
from cvflow.engines.lammps.model import LongBond
from cvflow.engines.walls import WallsOfAtoms, walls_on

_LAST, _HALF = IMAGE_PERIOD - 1, IMAGE_PERIOD // 2

Slope = Callable[[float, int], float]
"""Derivative of an energy [kJ/mol] with respect to a distance [nm], at a step of the path."""

Force = Callable[[Any, Any, Any, int], None]
"""Adds to forces, the third, what acts at positions x in periodic images, all in LAMMPS's own memory, at a step."""


class Track:
    """Where the restraint's centre on one CV goes, and the values that the CV takes on the way.

    Attributes:
        period: of the CV, infinite on a line.
        centres: λ_0 … λ_N; none where nothing pulls.
        kappa: spring constant.
        values: of the CV, one a centre; NaN until the path is there.
    """

    def __init__(self, period: float) -> None:
        self.period = period
        self._circle = isfinite(period)
        self.centres: list[float] = []
        self.kappa = 0.0
        self.values: list[float] = []

    def begin(self, centres: Sequence[float], kappa: float) -> None:
        """Forget the last path; the next has these centres, one a step, in the CV's unit, and this spring constant.

        Args:
            centres: of the restraint.
            kappa: kJ/mol per CV unit squared.
        """
        self.centres, self.kappa, self.values = list(centres), kappa, [float("nan")] * len(centres)

    def slope(self, value: float, step: int) -> float:
        """∂u/∂ξ [kJ/mol per CV unit] where the CV has this value; remembers the value."""
        self.values[step] = value
        apart = value - self.centres[step]
        return self.kappa * (into_period(apart, self.period) if self._circle else apart)

    @property
    def protocol_work(self) -> float:
        """Work done at fixed configurations [kJ/mol]: λ moves half of its step before the drift and half after it."""
        if not self.centres:
            return 0.0
        centres = np.array(self.centres)
        padded = np.concatenate([centres[:1], centres, centres[-1:]])
        apart = wrapped((np.array(self.values) - centres)[:, None], np.array([self.period]))[:, 0]
        return float(-0.5 * self.kappa * np.sum(apart * (padded[2:] - padded[:-2])))


class PairForce:
    """A force along the distance of two atoms, as their coordinates are."""

    def __init__(self, atoms: Sequence[int], sides: Float[np.ndarray, "3"], slope: Slope) -> None:
        self._atoms = tuple(atoms)
        self._sides = tuple(float(side) for side in sides)
        self._slope = slope

    def __call__(self, x: Any, image: Any, f: Any, step: int) -> None:
        i, j = self._atoms
        a, b = x[i], x[j]
        dx, dy, dz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
        p, q = image[i], image[j]
        if p != q:
            width, height, depth = self._sides
            dx += width * _boxes(p, q)
            dy += height * _boxes(p >> IMAGE_BITS, q >> IMAGE_BITS)
            dz += depth * _boxes(p >> 2 * IMAGE_BITS, q >> 2 * IMAGE_BITS)
        r = sqrt(dx * dx + dy * dy + dz * dz)
        slope = self._slope(r, step)
        pull = slope / r if r > 0 else 0.0
        fa, fb = f[i], f[j]
        fa[0] += pull * dx
        fa[1] += pull * dy
        fa[2] += pull * dz
        fb[0] -= pull * dx
        fb[1] -= pull * dy
        fb[2] -= pull * dz


class GradientForce:
    """A force along the gradient of any CV, of the atoms as LAMMPS has them at the moment.

    Raises:
        ValueError: the CV is none of these atoms.
    """

    def __init__(self, cv: CollectiveVariable, slope: Slope, instance: LammpsInstance) -> None:
        self._cv, self._slope, self._instance = cv, slope, instance
        self._vectors, self._numbers = ctypes.c_double * (3 * instance.atoms), ctypes.c_int32 * instance.atoms
        with np.errstate(all="ignore"):  # wherever the atoms are to begin with
            cv.value_and_gradient(Frame(instance.positions, instance.box))

    def __call__(self, x: Any, image: Any, f: Any, step: int) -> None:
        positions = self._instance.unfolded(self._vectors_at(x), _array(self._numbers, image.contents))
        value, gradient = self._cv.value_and_gradient(Frame(positions, self._instance.box))
        forces = self._vectors_at(f)
        forces -= self._slope(value, step) * gradient

    def _vectors_at(self, rows: Any) -> Positions:
        """LAMMPS's own memory, the first row of which begins it."""
        return _array(self._vectors, rows[0].contents).reshape(-1, 3)


class ExternalForce:
    """LAMMPS's callback: all that acts beside its own styles.

    Attributes:
        tracks: of the restraint's centres, one a CV.
        error: what went wrong in the callback, from where nothing can be raised.

    Raises:
        ValueError: a CV is none of these atoms.
    """

    def __init__(
        self,
        cvs: Sequence[CollectiveVariable],
        bonds: Sequence[LongBond],
        walls: Sequence[Wall],
        instance: LammpsInstance,
    ) -> None:
        self.tracks = [Track(cv.period) for cv in cvs]
        self.error: Exception | None = None
        self._long_bonds, self._walls = tuple(bonds), WallsOfAtoms(walls_on(cvs, walls))
        self._potential: list[Force] = [PairForce(bond.atoms, instance.sides, _slope(bond)) for bond in bonds]
        self._potential += [_along(cv, _at_any_step(wall), instance) for cv, wall in self._walls.walls]
        self._restraint = [_along(cv, track.slope, instance) for cv, track in zip(cvs, self.tracks, strict=True)]
        self._box = instance.box
        self._images = instance.image_address
        self._bytes = instance.atoms * 3 * ctypes.sizeof(ctypes.c_double)
        self._forces: list[Force] = []
        self.begin(np.zeros((0, len(self.tracks))), np.zeros(len(self.tracks)))

    def begin(self, centres: Float[np.ndarray, "centres cvs"], kappa: Float[np.ndarray, " cvs"]) -> None:
        """Make ready for a path whose centres are these; none for one without a restraint."""
        for track, column, spring in zip(self.tracks, centres.T, kappa, strict=True):
            track.begin(column.tolist(), float(spring))
        self._forces = [*self._potential, *(self._restraint if len(centres) else ())]

    def potential_energy(self, frame: Frame) -> float:
        """Of the model's bonds and of walls [kJ/mol]."""
        bonds = sum(bond.energy(frame) for bond in self._long_bonds)
        return bonds + self._walls.energy(frame._replace(box=self._box))

    def __call__(self, _caller: None, step: int, _count: int, _identifiers: Any, x: Any, f: Any) -> None:
        """What LAMMPS calls: writes the forces into `f`."""
        try:
            ctypes.memset(f[0], 0, self._bytes)
            image = ctypes.cast(self._images(), _IMAGES)
            for force in self._forces:
                force(x, image, f, step)
        except Exception as error:  # ctypes prints what a callback raises, and goes on
            self.error = error


_IMAGES = ctypes.POINTER(ctypes.c_int32)


def _along(cv: CollectiveVariable, slope: Slope, instance: LammpsInstance) -> Force:
    """A force along a CV; a distance of atoms as they lie has a way of its own, ten times as fast."""
    if isinstance(cv, Distance) and not cv.takes_images:
        return PairForce(cv.indices, instance.sides, slope)
    return GradientForce(cv, slope, instance)


def _at_any_step(wall: Wall) -> Slope:
    return lambda value, step: float(wall.slope(np.float64(value)))


def _slope(bond: LongBond) -> Slope:
    """By Horner's rule."""
    r0, coefficients = bond.r0, bond.slopes

    def slope(r: float, step: int) -> float:
        x, total = r - r0, 0.0
        for coefficient in coefficients:
            total = total * x + coefficient
        return total

    return slope


def _array(kind: Any, first: Any) -> Float[np.ndarray, " numbers"] | Int[np.ndarray, " numbers"]:
    """LAMMPS's own memory from the first number on."""
    return np.ctypeslib.as_array(kind.from_address(ctypes.addressof(first)))


def _boxes(p: int, q: int) -> int:
    """Difference of two images along one side."""
    return ((q & _LAST) - (p & _LAST) + _HALF & _LAST) - _HALF
