"""Paths of kernel K5 (soft restraint, λ extended) in LAMMPS."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from cvflow.core.frames import Exactness, Frame, Point, Positions
from cvflow.core.schedule import Linear, Schedule
from cvflow.core.walls import Wall
from cvflow.cv import CollectiveVariable
from cvflow.engines.lammps.external_force import ExternalForce
from cvflow.engines.lammps.instance import LammpsInstance
from cvflow.engines.lammps.model import LammpsModel
from cvflow.engines.lammps.motion import LammpsMotion
from cvflow.engines.motion import BlownUpError, Course
from cvflow.engines.verlet import VerletEngine, VerletSpec, check_atom


@dataclass(frozen=True)
class LammpsSpec(VerletSpec):
    """Everything that makes a LammpsEngine, as plain data, so that worker processes can build their own."""

    model: LammpsModel
    cvs: tuple[CollectiveVariable, ...]
    kT: float
    timestep: float
    friction: float = 0.0
    schedule: Schedule = field(default_factory=Linear)
    molecules: tuple[int, ...] = ()
    walls: tuple[Wall, ...] = ()

    def build(self) -> "LammpsEngine":
        return LammpsEngine(self)


class LammpsEngine(VerletEngine):
    """Paths in LAMMPS.

    The restraint moves in a callback of `fix external`, at every step from the positions where the drift has taken
    them: half kick at λ_0, then drift and full kick at λ_1, λ_2, …, half kick at λ_N. Energies are read where the
    velocities are synchronous, LAMMPS's potential energy in double precision; restraint, long bonds and kinetic energy
    are added here.

    Raises:
        ValueError: LAMMPS is missing or refuses the model, nothing is known of a CV's gradient, or a setting
            is out of range.
    """

    _spec: LammpsSpec

    def __init__(self, spec: LammpsSpec) -> None:
        super().__init__(spec)
        self._start()
        self._masses = self._instance.masses
        self._speeds = np.sqrt(spec.kT / self._masses)

    def _start(self) -> None:
        """Start LAMMPS, at the beginning and after it has crashed."""
        spec = self._spec
        self._instance = LammpsInstance(spec.model, spec.timestep)
        check_atom("a bond", spec.model.highest_atom, self._instance.atoms)
        self._cvs = spec.cvs_among(self._instance.particles)
        self._external = ExternalForce(self._cvs, spec.model.long_bonds, spec.walls, self._instance)
        self._instance.set_external(self._external)

    @property
    def exactness(self) -> Exactness:
        return Exactness(True, "one-jump stationarity test passed in LAMMPS")

    def cv_values(self, frame: Frame) -> Point:
        return super().cv_values(frame._replace(box=self._instance.box))

    def potential_energy(self, frame: Frame) -> float:
        self._set_up_free(frame)
        return self._instance.potential_energy + self._external.potential_energy(frame)

    def forces(self, frame: Frame) -> Positions:
        """Forces without the restraint [kJ/mol/nm]."""
        self._set_up_free(frame)
        return self._instance.forces

    def relaxed(self, frame: Frame) -> Frame:
        """Downhill in energy by LAMMPS's FIRE, which needs forces only.

        Raises:
            ArithmeticError: the start falls apart.
        """
        self._set_up_free(frame)
        try:
            self._instance.minimise()
        except BlownUpError as error:
            raise ArithmeticError(f"the start falls apart when it is minimised: {error}") from error
        return frame._replace(positions=self._instance.positions)

    def _begin(self, frame: Frame, velocities: Positions, course: Course) -> LammpsMotion:
        start, _, kappa, steps = course.steering
        centres = course.schedule.centres(start, start + course.way, steps)
        self._set_up(frame, velocities, centres if kappa.any() else centres[:0], kappa)
        return LammpsMotion(self._instance, self._external, frame, velocities, course, self.cv_values)

    def _set_up_free(self, frame: Frame) -> None:
        """Take a configuration, at rest and without the restraint."""
        cvs = len(self._spec.cvs)
        self._set_up(frame, np.zeros_like(frame.positions), np.zeros((0, cvs)), np.zeros(cvs))

    def _set_up(
        self, frame: Frame, velocities: Positions, centres: Float[np.ndarray, "centres cvs"], kappa: Point
    ) -> None:
        """Take a configuration, in a LAMMPS that has not crashed."""
        if self._instance.crashed:
            self._start()
        self._external.begin(centres, kappa)
        self._instance.set_up(frame, velocities)
