"""Paths of kernel K5 (soft restraint, λ extended) over any ASE calculator."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cvflow.core.frames import Exactness, Frame, Positions
from cvflow.core.schedule import Linear, Schedule
from cvflow.core.walls import Wall
from cvflow.cv import CollectiveVariable
from cvflow.engines.ase.motion import AseMotion
from cvflow.engines.ase.potential import AsePotential
from cvflow.engines.motion import BlownUpError, Course
from cvflow.engines.verlet import VerletEngine, VerletSpec
from cvflow.engines.walls import WallsOfAtoms, walls_on


@dataclass(frozen=True)
class AseSpec(VerletSpec):
    """Everything that makes an AseEngine, as plain data; `source` makes the ase.Atoms with its calculator.

    Worker processes find the source by its name.
    """

    source: Callable[[], Any]
    cvs: tuple[CollectiveVariable, ...]
    kT: float
    timestep: float
    friction: float = 0.0
    schedule: Schedule = field(default_factory=Linear)
    molecules: tuple[int, ...] = ()
    walls: tuple[Wall, ...] = ()

    def build(self) -> "AseEngine":
        return AseEngine(self)


class AseEngine(VerletEngine):
    """Paths over an ASE calculator.

    The restraint is added to the calculator's forces here. A calculator that fails or gives NaN ends the path as
    diverged. Nothing takes momentum out.

    Raises:
        ValueError: ASE is missing, the system is none that can be steered, a CV reads atoms that are not there, or
            a setting is out of range.
    """

    def __init__(self, spec: AseSpec) -> None:
        super().__init__(spec)
        self._potential = AsePotential(spec.source)
        self._masses = self._potential.masses
        self._speeds = np.sqrt(spec.kT / self._masses)
        self._cvs = spec.cvs_among(self._potential.particles)
        self._potential.walls = WallsOfAtoms(walls_on(self._cvs, spec.walls))
        for cv in self._cvs:
            cv.value_and_gradient(self._potential.frame())

    @property
    def exactness(self) -> Exactness:
        return Exactness(True, "one-jump stationarity test passed on the ASE engine; its calculator's forces are taken "
                         "for the gradient of its energy")  # fmt: skip

    def potential_energy(self, frame: Frame) -> float:
        """Of the calculator, without the restraint [kJ/mol]; NaN where it fails."""
        self._potential.begin()
        try:
            return self._potential.evaluate(frame).energy
        except BlownUpError:
            return float("nan")

    def relaxed(self, frame: Frame) -> Frame:
        self._potential.begin()
        return self._potential.relaxed(frame)

    def _begin(self, frame: Frame, velocities: Positions, course: Course) -> AseMotion:
        self._potential.begin()
        return AseMotion(self._potential, self._cvs, frame, velocities, course, self._spec.timestep)
