"""The collective variable's law."""

from abc import ABC, abstractmethod
from math import inf
from typing import NamedTuple

from cvflow.core.frames import Frame
from cvflow.cv.names import checked_name as checked_name
from cvflow.cv.selection import AtomNames


class Particles(NamedTuple):
    """What an engine knows of its particles, for CVs that need it.

    Attributes:
        masses: amu, one a particle.
        charges: elementary charges, one a particle; none where the engine knows of none.
        periodic: whether there is a periodic box.
    """

    masses: tuple[float, ...]
    charges: tuple[float, ...] = ()
    periodic: bool = False


class CollectiveVariable(ABC):
    """A differentiable function ξ of the positions, on a line or on a circle.

    Law: `evaluate` depends on the frame alone, and an engine's restraint built from the CV has the energy
    κ/2 d(evaluate(frame), λ)², d being the difference, on a circle the shortest (contract test in tests/engines).
    """

    name: str
    """Used in state expressions, COLVAR, fes.dat and figures."""
    unit: str
    """Printed in tables and on axes; empty in reduced units."""

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
    def evaluate(self, frame: Frame) -> float:
        """Value of the CV, in its unit; on a circle in [-period/2, period/2)."""

    def let_time_pass(self) -> None:  # noqa: B027 - most CVs have no clock
        """Move the clock by which the CV is computed, if it has one: by the law above its value stays."""

    def resolved(self, names: AtomNames) -> "CollectiveVariable":
        """The CV with indices in place of selection strings."""
        return self

    def among(self, particles: Particles) -> "CollectiveVariable":
        """The CV as an engine with these particles computes it.

        Raises:
            ValueError: it cannot be computed there.
        """
        return self


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
