"""The collective variable's law, and what CVs of a few atoms have in common."""

from abc import ABC, abstractmethod
from copy import copy
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import inf, isfinite
from typing import ClassVar, NamedTuple

import numpy as np
import openmm

from cvflow.core.frames import Box, Frame, Positions
from cvflow.core.state_bounds import Reach
from cvflow.cv.images import Cell, gathered
from cvflow.cv.names import checked_name
from cvflow.cv.openmm_force import Energy, callback, callback_of_all
from cvflow.cv.selection import AtomNames, Group, check_group, check_places, indices

STEPS_PASSED = 5_040_000
"""Steps that `let_time_pass` lets pass at once; a multiple of whatever stride a force or an action may have."""


class Particles(NamedTuple):
    """What an engine knows of its particles, for CVs that need it.

    Attributes:
        masses: amu, one a particle.
        charges: elementary charges, one a particle; none where the engine knows of none.
        periodic: whether there is a periodic box.
        directions: along which of its vectors, if there is one.
        molecules: the number of each one's molecule; each by itself if left out.
    """

    masses: tuple[float, ...]
    charges: tuple[float, ...] = ()
    periodic: bool = False
    directions: tuple[bool, bool, bool] = (True, True, True)
    molecules: tuple[int, ...] = ()

    @property
    def all_around(self) -> bool:
        """Whether the box is periodic in all directions."""
        return self.periodic and all(self.directions)


@dataclass(frozen=True)
class Surroundings:
    """What a CV's atoms lie among, for nearest images.

    Attributes:
        molecules: the number of each atom's molecule, in the CV's order; each by itself if left out.
        directions: in which the box is periodic.
        particles: how many the engine has; 0 where that is not known.
    """

    molecules: tuple[int, ...] = ()
    directions: tuple[bool, bool, bool] = (True, True, True)
    particles: int = 0

    def cell(self, box: Box, atoms: int) -> Cell:
        """The box around so many atoms."""
        return _cell(np.asarray(box, dtype=float).tobytes(), self.directions, self.molecules or tuple(range(atoms)))


@lru_cache(maxsize=64)
def _cell(box: bytes, directions: tuple[bool, bool, bool], molecules: tuple[int, ...]) -> Cell:
    """Made once: along a path the box stays, and a CV is evaluated often."""
    vectors = np.frombuffer(box).reshape(3, 3) * np.array(directions)[:, None]
    return Cell(vectors, np.array(molecules))


class CollectiveVariable(ABC):
    """A differentiable function ξ of the positions, on a line or on a circle.

    Law: value and gradient depend on the frame alone, the gradient is that of the value, and `openmm_force` has the
    energy that it is given of the same value (contract tests: tests/cv/test_gradient.py, tests/engines/test_forces.py).
    """

    name: str
    """Used in state expressions, COLVAR, fes.dat and figures."""
    unit: str
    """Printed in tables and on axes; empty in reduced units."""
    sees_box: ClassVar[bool] = False
    """Whether OpenMM hands on the box to a CV that it calls back: where there is one, as `among` knows."""

    @property
    def period(self) -> float:
        """Circumference of the circle that the CV lives on, in its unit; infinite on a line."""
        return inf

    @property
    def range(self) -> tuple[float, float]:
        """Values that the CV can take; on a circle half a period around zero. The restraint's centre may leave it."""
        return -0.5 * self.period, 0.5 * self.period

    @property
    @abstractmethod
    def highest_atom(self) -> int:
        """The largest atom index the CV reads, counted from 0, for range checks."""

    @abstractmethod
    def value_and_gradient(self, frame: Frame) -> tuple[float, Positions]:
        """ξ and ∂ξ/∂x [CV unit/nm] of all atoms, (atoms, 3); on a circle ξ is in [-period/2, period/2).

        Raises:
            ValueError: some of the CV's atoms are still selection strings.
        """

    @property
    def parts(self) -> tuple["CollectiveVariable", ...]:
        """CVs that it is made of; itself, if of none."""
        return (self,)

    @property
    def grows(self) -> Reach:
        """Where it goes, if nothing but the potential holds molecules together, when they part: 0 to 0 for nowhere."""
        return Reach(0.0, 0.0)

    def half_box(self, box: Box | None) -> float:
        """Where, of a length between molecules, another image becomes the nearest; else infinite."""
        return inf

    def evaluate(self, frame: Frame) -> float:
        """Value of the CV, in its unit; on a circle in [-period/2, period/2).

        Raises:
            ValueError: some of the CV's atoms are still selection strings.
        """
        with np.errstate(all="ignore"):  # a value may be where its gradient is not, as of a distance of zero
            return self.value_and_gradient(frame)[0]

    def openmm_force(self, energy: Energy) -> openmm.Force:
        """An OpenMM force with any energy of the CV; on a circle the energy's variable may be any of the CV's images.

        By a function that OpenMM calls at every step, where the class has no native force.

        Raises:
            ValueError: this OpenMM has no such force, or some of the CV's atoms are still selection strings.
        """
        return callback_of_all(self.name, self.value_and_gradient, energy, periodic=self.sees_box)

    def let_time_pass(self) -> None:  # noqa: B027 - most CVs have no clock
        """Move the clock by which the CV is computed, if it has one: by the law above its value stays."""

    def resolved(self, names: AtomNames) -> "CollectiveVariable":
        """The CV with indices in place of selection strings.

        Raises:
            ValueError: a selection is none, matches no atom, or more than one where one is needed.
        """
        return self

    def among(self, particles: Particles) -> "CollectiveVariable":
        """The CV as an engine with these particles computes it.

        Raises:
            ValueError: it cannot be computed there.
        """
        if not particles.all_around:
            return self
        seeing = copy(self)
        object.__setattr__(seeing, "sees_box", True)  # subclasses are frozen dataclasses
        return seeing


@dataclass(frozen=True)
class AtomsCV(CollectiveVariable):
    """A CV of the positions of some atoms alone; its class has a `unit` with the one that its values have as default.

    In a periodic box it is of nearest images: wherever whole molecules are wrapped, its value is the same. Atoms that
    are all of one molecule are taken as they lie, since it is whole and may be longer than half the box.

    Law: value and gradient depend on these atoms' positions and the box alone.

    Attributes:
        name: the CV's name.
        atoms: indices counted from 0, and selections until they are looked up.
        periodic: whether nearest images are taken where there is a box.
        surroundings: of the atoms among an engine's particles.

    Raises:
        ValueError: name, unit or atoms are not those of such a CV.
    """

    name: str
    atoms: Group
    periodic: bool = field(default=True, kw_only=True)
    surroundings: Surroundings = field(default=Surroundings(), kw_only=True)

    what: ClassVar[str] = ""
    """In messages, "a radius of gyration"; if left out, the class's own name with its article."""
    count: ClassVar[int] = 0
    """How many atoms it is of, each named by itself; zero for a group of any number."""

    def __post_init__(self) -> None:
        checked_name(self.name)
        checked_unit(self.name, self.unit, type(self).unit)
        own = type(self).__name__.lower()
        what = self.what or f"{'an' if own[0] in 'aeiou' else 'a'} {own}"
        for atoms in self.groups:
            if self.count:
                check_places(self.name, what, atoms, self.count)
            else:
                check_group(self.name, what, atoms)

    @abstractmethod
    def of_atoms(self, x: Positions) -> tuple[float, Positions]:
        """ξ and ∂ξ/∂x of the positions [nm] of the CV's atoms, group by group in their order, (atoms, 3) both."""

    @property
    def groups(self) -> tuple[Group, ...]:
        """The atoms, group by group."""
        return (self.atoms,)

    @property
    def indices(self) -> list[int]:
        """The atoms of all groups, one after the other.

        Raises:
            ValueError: some of them are still selection strings.
        """
        return [atom for group in self.groups for atom in indices(self.name, group)]

    @property
    def highest_atom(self) -> int:
        return max(self.indices)

    @property
    def takes_images(self) -> bool:
        """Whether nearest images are taken in a box: not among the atoms of one molecule."""
        return self.periodic and len(set(self.surroundings.molecules)) != 1

    @property
    def grows(self) -> Reach:
        """Without end where its range has none and its atoms are of several molecules."""
        if isfinite(self.period) or len(set(self.surroundings.molecules)) == 1:
            return Reach(0.0, 0.0)
        low, high = self.range
        return Reach(-inf if low == -inf else 0.0, inf if high == inf else 0.0)

    def placed(self, x: Positions, cell: Cell) -> Positions:
        """Positions [nm] of the CV's atoms in the images that it is of.

        Atoms named one by one lie each beside the one before it; the molecules of a group each beside the nearest
        atom of those already placed.
        """
        return cell.beside(x) if self.count else gathered(x, cell)

    def of_images(self, x: Positions, cell: Cell) -> tuple[float, Positions]:
        """`of_atoms` of nearest images of the atoms' positions [nm]."""
        return self.of_atoms(self.placed(x, cell))

    def in_box(self, x: Positions, box: Box | None) -> tuple[float, Positions]:
        """`of_atoms` of the atoms' positions [nm] as they lie in a box, or in none."""
        if box is None or not self.takes_images:
            return self.of_atoms(x)
        return self.of_images(x, self.surroundings.cell(box, len(x)))

    def evaluate(self, frame: Frame) -> float:
        with np.errstate(all="ignore"):
            return self.in_box(frame.positions[self.indices], frame.box)[0]

    def value_and_gradient(self, frame: Frame) -> tuple[float, Positions]:
        value, rows = self.in_box(frame.positions[self.indices], frame.box)
        gradient, done = np.zeros_like(frame.positions), 0
        for group in self.groups:  # one by one: an atom may be in two of them
            atoms = indices(self.name, group)
            gradient[atoms] += rows[done : done + len(atoms)]
            done += len(atoms)
        return value, gradient

    def openmm_force(self, energy: Energy) -> openmm.Force:
        return callback(self.name, self.in_box, self.indices, energy, periodic=self.takes_images)

    def among(self, particles: Particles) -> "AtomsCV":
        molecules = tuple(particles.molecules[atom] for atom in self.indices) if particles.molecules else ()
        here = Surroundings(molecules, particles.directions, len(particles.masses))
        return replace(self, periodic=self.periodic and particles.periodic, surroundings=here)

    def resolved(self, names: AtomNames) -> "AtomsCV":
        look_up = names.atoms if self.count else names.group
        return replace(self, atoms=look_up(self.name, self.atoms))


def checked_unit(name: str, unit: str, own: str) -> str:
    """Return the label if it is that of the unit which the CV's values have, or empty: nothing is converted.

    Raises:
        ValueError: it is another; COLVAR and figures would have it beside numbers that are not in it.
    """
    if unit not in ("", own):
        values = f"in {own}" if own else "numbers without a unit"
        raise ValueError(
            f"CV {name}: unit = {unit!r} is refused: its values are {values}, in [states] and in every file, and none "
            "are converted; leave unit out"
        )
    return unit


def resolve(cv: CollectiveVariable, topology: object) -> CollectiveVariable:
    """The CV with its selection strings looked up in an openmm Topology.

    Raises:
        ValueError: a selection is none, matches no atom, or more than one where one is needed.
    """
    return cv.resolved(AtomNames(topology))
