"""Walls on CVs of atoms, for engines that ask for energies and forces here."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cvflow.core.frames import Frame, Positions
from cvflow.core.walls import Wall
from cvflow.cv import CollectiveVariable


@dataclass(frozen=True)
class WallsOfAtoms:
    """The energy of walls on CVs.

    Attributes:
        walls: each beside the CV that it stands on, as it is of an engine's particles.
    """

    walls: tuple[tuple[CollectiveVariable, Wall], ...] = ()

    def energy(self, frame: Frame) -> float:
        """Of a configuration [kJ/mol]."""
        return float(sum(wall.energy(np.float64(cv.evaluate(frame))) for cv, wall in self.walls))

    def forces(self, frame: Frame) -> Positions:
        """On all atoms [kJ/mol/nm], (atoms, 3)."""
        total = np.zeros_like(frame.positions)
        for cv, wall in self.walls:
            value, gradient = cv.value_and_gradient(frame)
            if slope := wall.slope(np.float64(value)):
                total -= slope * gradient
        return total


def walls_on(cvs: Sequence[CollectiveVariable], walls: Sequence[Wall]) -> tuple[tuple[CollectiveVariable, Wall], ...]:
    """Each wall beside its CV.

    Raises:
        ValueError: there is no such CV.
    """
    named = {cv.name: cv for cv in cvs}
    for wall in walls:
        if wall.cv not in named:
            raise ValueError(f"wall: no CV is called {wall.cv!r}; the CVs are {', '.join(named)}")
    return tuple((named[wall.cv], wall) for wall in walls)
