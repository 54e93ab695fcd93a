"""A path under way in an OpenMM context."""

from collections.abc import Callable

import numpy as np
import openmm

from cvflow.core.frames import Frame, Point, Positions
from cvflow.core.periodic import wrapped
from cvflow.engines.motion import Course, End, Instant, Motion, PerParticle
from cvflow.engines.openmm.context import Machine, blowing_up
from cvflow.engines.openmm.restraint import centre_name


class ContextMotion(Motion):
    """The integrator's steps; the context's velocities are half a kick ahead of the synchronous ones."""

    @blowing_up
    def __init__(
        self,
        machine: Machine,
        frame: Frame,
        velocities: Positions,
        course: Course,
        half: PerParticle,
        cv_values: Callable[[Frame], Point],
    ) -> None:
        """Begin.

        Args:
            machine: where it takes place; it has forgotten other paths.
            frame: where it begins.
            velocities: synchronous with it [nm/ps].
            course: of the restraint.
            half: what half a kick is of a force [ps/amu].
            cv_values: of a frame.
        """
        steering = course.steering
        self._machine, self._context = machine, machine.context
        self._like, self._course, self._half, self._cv_values = frame, course, half, cv_values
        machine.place(frame, steering.start, steering.kappa)
        start = self._context.getState(getEnergy=True, getForces=True, getParameterDerivatives=True)
        self.energy_before = float(start.getPotentialEnergy()._value)
        self._context.setVelocities(velocities + self._kick(start))
        first = course.fraction(1)
        machine.integrator.begin(list(steering.start), list(steering.start + course.way), steering.steps, first)
        self._first_work = 0.5 * first * self._pull(start)

    @blowing_up
    def advance(self, steps: int) -> None:
        self._machine.integrator.step(steps)

    @blowing_up
    def instant(self) -> Instant:
        return self._instant(self._context.getState(getEnergy=True, getForces=True, getVelocities=True))

    @blowing_up
    def refresh(self, change: Callable[[Positions], Positions]) -> tuple[Positions, Positions]:
        state = self._context.getState(getForces=True, getVelocities=True)
        kick = self._kick(state)
        before = state.getVelocities(asNumpy=True)._value - kick
        after = change(before)
        self._context.setVelocities(after + kick)
        return before, after

    @blowing_up
    def end(self) -> End:
        state = self._context.getState(getEnergy=True, getForces=True, getPositions=True, getVelocities=True)
        instant, frame = self._instant(state), self._machine.frame(state, self._like)
        steering = self._course.steering
        apart = wrapped(self._cv_values(frame) - steering.end, self._course.periods)
        restraint = 0.5 * float(np.sum(steering.kappa * apart**2))
        protocol_work = self._first_work + self._machine.integrator.protocol_work
        return End(instant, frame, instant.energy - restraint, protocol_work)

    def _instant(self, state: openmm.State) -> Instant:
        velocities = state.getVelocities(asNumpy=True)._value - self._kick(state)
        return Instant(float(state.getPotentialEnergy()._value), velocities)

    def _kick(self, state: openmm.State) -> Positions:
        """Half a kick [nm/ps]."""
        return self._half * state.getForces(asNumpy=True)._value

    def _pull(self, state: openmm.State) -> float:
        """∂u/∂λ along the whole way [kJ/mol]."""
        derivatives = state.getEnergyParameterDerivatives()
        slopes = np.array([derivatives[centre_name(i)] for i in range(len(self._course.way))])
        return float(np.sum(slopes * self._course.way))
