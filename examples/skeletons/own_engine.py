"""An engine of one's own: a program that gives energy and forces [kJ/mol, kJ/mol/nm] of positions [nm] is enough.

Velocity Verlet with the restraint's force added, in the order of docs/theory.md, eq. (7): it reads the same backwards.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from cvflow.core.frames import Exactness, Frame, Point, Positions
from cvflow.core.periodic import wrapped
from cvflow.core.schedule import Linear, Schedule
from cvflow.core.walls import Wall
from cvflow.cv import CollectiveVariable, Particles
from cvflow.engines.motion import Course, End, Instant, Motion
from cvflow.engines.verlet import VerletEngine, VerletSpec

Forces = Callable[[Positions], tuple[float, Positions]]


@dataclass(frozen=True)
class OwnSpec(VerletSpec):
    """Everything that makes an OwnEngine, as plain data: worker processes find the function by its name."""

    forces: Forces
    masses: tuple[float, ...]
    cvs: tuple[CollectiveVariable, ...]
    kT: float
    timestep: float
    friction: float = 0.0
    schedule: Schedule = field(default_factory=Linear)
    molecules: tuple[int, ...] = ()
    walls: tuple[Wall, ...] = ()

    def build(self) -> "OwnEngine":
        return OwnEngine(self)


class OwnEngine(VerletEngine):
    """Paths over a function that gives energies and forces; it knows no box, no rigid bonds and no walls."""

    def __init__(self, spec: OwnSpec) -> None:
        super().__init__(spec)
        if spec.walls:
            raise ValueError("this engine has no walls")
        self._forces = spec.forces
        self._masses = np.array(spec.masses)[:, None]
        self._speeds = np.sqrt(spec.kT / self._masses)
        self._cvs = spec.cvs_among(Particles(spec.masses))

    @property
    def exactness(self) -> Exactness:
        return Exactness(False, "the one-jump test has not been made with this function")

    def potential_energy(self, frame: Frame) -> float:
        return self._forces(frame.positions)[0]

    def _begin(self, frame: Frame, velocities: Positions, course: Course) -> Motion:
        return OwnMotion(self._forces, self._cvs, self._masses, self._spec.timestep, frame, velocities, course)


class OwnMotion(Motion):
    """One path: half a kick at λ_0; drift, λ moves, whole kick; …; half a kick back at the end.

    For the account of the protocol work, eq. (9), λ moves half of its step before the drift and half after it.
    """

    def __init__(
        self, forces: Forces, cvs: Sequence[CollectiveVariable], masses: Positions, timestep: float, frame: Frame,
        velocities: Positions, course: Course,
    ) -> None:  # fmt: skip
        self._forces, self._cvs, self._masses, self._timestep = forces, cvs, masses, timestep
        self._frame, self._velocities, self._course = frame, velocities, course
        self._centre, self._done, self._protocol_work = course.steering.start, 0, 0.0
        self._look()
        self.before = self.instant()

    def advance(self, steps: int) -> None:
        for _ in range(steps):
            self._done += 1
            centre = self._course.steering.start + self._course.fraction(self._done) * self._course.way
            halfway = 0.5 * (self._centre + centre)
            velocities = self._velocities + self._half_a_kick()
            self._switch(halfway)
            self._frame = self._frame._replace(positions=self._frame.positions + self._timestep * velocities)
            self._look()
            self._switch(centre)
            self._velocities = velocities + self._half_a_kick()

    def instant(self) -> Instant:
        return Instant(self._potential + self._restraint(), self._velocities)

    def configuration(self) -> Frame:
        return self._frame

    def refresh(self, change: Callable[[Positions], Positions]) -> tuple[Positions, Positions]:
        before, self._velocities = self._velocities, change(self._velocities)
        return before, self._velocities

    def end(self) -> End:
        return End(self.instant(), self._frame, self._potential, self._protocol_work)

    def _look(self) -> None:
        """What depends on the positions alone."""
        self._potential, self._force = self._forces(self._frame.positions)
        values, gradients = zip(*(cv.value_and_gradient(self._frame) for cv in self._cvs), strict=True)
        self._values, self._gradients = np.array(values), np.array(gradients)

    def _switch(self, centre: Point) -> None:
        before = self._restraint()
        self._centre = centre
        self._protocol_work += self._restraint() - before

    def _apart(self) -> Point:
        """ξ - λ, on a circle along the shortest arc."""
        return wrapped(self._values - self._centre, self._course.periods)

    def _restraint(self) -> float:
        return 0.5 * float(self._course.steering.kappa @ self._apart() ** 2)

    def _half_a_kick(self) -> Positions:
        pull = np.tensordot(self._course.steering.kappa * self._apart(), self._gradients, axes=1)
        return 0.5 * self._timestep * (self._force - pull) / self._masses
