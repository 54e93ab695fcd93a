"""Paths under way in an OpenMM context: what all have in common, and those that a restraint on CVs steers."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import openmm

from cvflow.core.frames import Frame, Point, Positions
from cvflow.core.periodic import wrapped
from cvflow.engines.motion import Course, End, Instant, Motion, PerParticle
from cvflow.engines.openmm.context import PathContext, blowing_up
from cvflow.engines.openmm.integrator import SteeredVerlet
from cvflow.engines.openmm.restraint import centre_name, set_restraint


class ContextMotion(Motion):
    """The integrator's steps; the context's velocities are half a kick ahead of the synchronous ones.

    What steers the path says which energy and which forces there are where the context stands.
    """

    def __init__(self, context: PathContext[Any], half: PerParticle) -> None:
        """Say where it takes place.

        Args:
            context: which has forgotten other paths.
            half: what half a kick is of a force [ps/amu].
        """
        self._context, self._half = context, half

    @abstractmethod
    def _energy(self, state: openmm.State) -> float:
        """Potential energy with what steers the path [kJ/mol]."""

    @abstractmethod
    def _forces(self, state: openmm.State) -> Positions:
        """The same of the forces [kJ/mol/nm]."""

    def _set_off(self, frame: Frame, velocities: Positions) -> openmm.State:
        """Place the path where it begins, with synchronous velocities [nm/ps]; returns what the context says there."""
        self._context.place(frame)
        start = self._context.context.getState(
            getEnergy=True, getForces=True, getPositions=True, getParameterDerivatives=True
        )
        self.energy_before = self._energy(start)
        self._context.context.setVelocities(velocities + self._kick(start))
        return start

    @blowing_up
    def instant(self) -> Instant:
        return self._instant(self._state())

    @blowing_up
    def refresh(self, change: Callable[[Positions], Positions]) -> tuple[Positions, Positions]:
        state = self._context.context.getState(getForces=True, getPositions=True, getVelocities=True)
        kick = self._kick(state)
        before = state.getVelocities(asNumpy=True)._value - kick
        after = change(before)
        self._context.context.setVelocities(after + kick)
        return before, after

    def _state(self) -> openmm.State:
        return self._context.context.getState(getEnergy=True, getForces=True, getPositions=True, getVelocities=True)

    def _instant(self, state: openmm.State) -> Instant:
        return Instant(self._energy(state), state.getVelocities(asNumpy=True)._value - self._kick(state))

    def _kick(self, state: openmm.State) -> Positions:
        """Half a kick [nm/ps]."""
        return self._half * self._forces(state)


class RestraintMotion(ContextMotion):
    """Steered by the restraint on CVs, which is one of the system's forces."""

    @blowing_up
    def __init__(
        self,
        context: PathContext[SteeredVerlet],
        frame: Frame,
        velocities: Positions,
        course: Course,
        half: PerParticle,
        cv_values: Callable[[Frame], Point],
    ) -> None:
        """Begin.

        Args:
            context: which has forgotten other paths.
            frame: where it begins.
            velocities: synchronous with it [nm/ps].
            course: of the restraint.
            half: what half a kick is of a force [ps/amu].
            cv_values: of a frame.
        """
        super().__init__(context, half)
        steering, self._integrator = course.steering, context.integrator
        self._like, self._course, self._cv_values = frame, course, cv_values
        set_restraint(context.context, steering.start, steering.kappa)
        start = self._set_off(frame, velocities)
        first = course.fraction(1)
        self._integrator.begin(list(steering.start), list(steering.start + course.way), steering.steps, first)
        self._first_work = 0.5 * first * self._pull(start)

    @blowing_up
    def advance(self, steps: int) -> None:
        self._integrator.step(steps)

    @blowing_up
    def end(self) -> End:
        state = self._state()
        instant, frame = self._instant(state), self._context.frame(state, self._like)
        steering = self._course.steering
        apart = wrapped(self._cv_values(frame) - steering.end, self._course.periods)
        restraint = 0.5 * float(np.sum(steering.kappa * apart**2))
        protocol_work = self._first_work + self._integrator.protocol_work
        return End(instant, frame, instant.energy - restraint, protocol_work)

    def _energy(self, state: openmm.State) -> float:
        return float(state.getPotentialEnergy()._value)

    def _forces(self, state: openmm.State) -> Positions:
        return state.getForces(asNumpy=True)._value

    def _pull(self, state: openmm.State) -> float:
        """∂u/∂λ along the whole way [kJ/mol]."""
        derivatives = state.getEnergyParameterDerivatives()
        slopes = np.array([derivatives[centre_name(i)] for i in range(len(self._course.way))])
        return float(np.sum(slopes * self._course.way))
