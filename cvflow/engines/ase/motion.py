"""A path under way on a calculator's potential: the Verlet steps themselves."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from cvflow.core.frames import Frame, Point, Positions
from cvflow.core.periodic import wrapped
from cvflow.cv import CollectiveVariable
from cvflow.engines.ase.potential import AsePotential
from cvflow.engines.motion import Course, End, Instant, Motion


class Here(NamedTuple):
    """All that is known of one configuration and one λ: energies in kJ/mol, forces in kJ/mol/nm, without and with u."""

    potential: float
    restraint: float
    forces: Positions
    apart: Point


class AseMotion(Motion):
    """Half a kick, drifts, switches and kicks, half a kick back: velocities are synchronous between two advances."""

    def __init__(
        self,
        potential: AsePotential,
        cvs: Sequence[CollectiveVariable],
        frame: Frame,
        velocities: Positions,
        course: Course,
        timestep: float,
    ) -> None:
        """Begin.

        Args:
            potential: which has forgotten other paths.
            cvs: that the restraint pulls on.
            frame: where the path begins.
            velocities: synchronous with it [nm/ps].
            course: of the restraint.
            timestep: ps.
        """
        self._potential, self._cvs, self._course = potential, cvs, course
        self._dt, self._half = timestep, 0.5 * timestep / potential.masses
        steps = course.steering.steps
        self._fractions = course.schedule.fraction(np.arange(steps + 1) / steps)
        # λ moves half of its step before the drift and half after it, for the account of the protocol work.
        self._strides = np.gradient(np.concatenate([[0.0], self._fractions, [1.0]]))[1:-1]
        self._frame, self._velocities, self._done = frame, velocities, 0
        self._here = restrained(potential, cvs, frame, course, course.steering.start)
        self._protocol_work = self._pull * -self._strides[0]
        self.before = self._instant

    def advance(self, steps: int) -> None:
        half, velocities = self._half, self._velocities + self._half * self._here.forces
        for _ in range(steps):
            self._done += 1
            self._frame = self._frame._replace(positions=self._frame.positions + self._dt * velocities)
            centre = self._course.steering.start + self._fractions[self._done] * self._course.way
            self._here = restrained(self._potential, self._cvs, self._frame, self._course, centre)
            velocities = velocities + 2 * half * self._here.forces
            self._protocol_work -= self._pull * self._strides[self._done]
        self._velocities = velocities - half * self._here.forces

    def instant(self) -> Instant:
        return self._instant

    def configuration(self) -> Frame:
        return self._frame

    def refresh(self, change: Callable[[Positions], Positions]) -> tuple[Positions, Positions]:
        before, self._velocities = self._velocities, change(self._velocities)
        return before, self._velocities

    def end(self) -> End:
        return End(self._instant, self._frame, self._here.potential, float(self._protocol_work))

    @property
    def _instant(self) -> Instant:
        return Instant(self._here.potential + self._here.restraint, self._velocities)

    @property
    def _pull(self) -> float:
        """-∂u/∂λ along the whole way [kJ/mol]."""
        return float(self._here.apart @ (self._course.steering.kappa * self._course.way))


def restrained(
    potential: AsePotential, cvs: Sequence[CollectiveVariable], frame: Frame, course: Course, centre: Point
) -> Here:
    """The potential at a configuration, with the restraint there.

    Raises:
        BlownUpError: it has no energy there.
    """
    kappa = course.steering.kappa
    energy, forces = potential.evaluate(frame)
    apart = np.zeros(len(cvs))
    if not kappa.any():
        return Here(energy, 0.0, forces, apart)
    values, gradients = zip(*(cv.value_and_gradient(frame) for cv in cvs), strict=True)
    apart = wrapped(np.array(values) - centre, course.periods)
    forces = forces - np.tensordot(kappa * apart, np.array(gradients), axes=1)
    return Here(energy, 0.5 * float(kappa @ apart**2), forces, apart)
