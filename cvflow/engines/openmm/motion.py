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
from cvflow.engines.openmm.integrator import Steered
from cvflow.engines.openmm.restraint import centre_name, set_restraint


class ContextMotion(Motion):
    """The integrator's steps; the context's velocities are half a kick away from the synchronous ones.

    What steers the path says which energy and which forces there are where the context stands.
    """

    def __init__(self, context: PathContext[Any], frame: Frame, half: PerParticle) -> None:
        """Say where it takes place.

        Args:
            context: which has forgotten other paths.
            frame: where it begins.
            half: the way from synchronous velocities to the context's, as part of a force [ps/amu].
        """
        self._context, self._like, self._half = context, frame, half

    @abstractmethod
    def _energy(self, state: openmm.State) -> float:
        """Potential energy with what steers the path [kJ/mol]."""

    @abstractmethod
    def _forces(self, state: openmm.State) -> Positions:
        """The same of the forces [kJ/mol/nm]."""

    def _set_off(self, frame: Frame, velocities: Positions) -> openmm.State:
        """Place the path where it begins, with synchronous velocities [nm/ps]; returns what the context says there.

        Raises:
            BondsLostError: rigid bonds are not at their lengths there.
        """
        self._context.check_bonds(frame.positions)
        self._context.place(frame)
        start = self._context.context.getState(
            getEnergy=True, getForces=True, getPositions=True, getParameterDerivatives=True
        )
        self.before = Instant(self._energy(start), self._context.tangential(velocities))
        self._context.context.setVelocities(self.before.velocities + self._kick(start))
        return start

    @blowing_up
    def instant(self) -> Instant:
        return self._instant(self._state())

    @blowing_up
    def configuration(self) -> Frame:
        return self._context.frame(self._context.context.getState(getPositions=True), self._like)

    @blowing_up
    def refresh(self, change: Callable[[Positions], Positions]) -> tuple[Positions, Positions]:
        state = self._context.context.getState(getForces=True, getPositions=True, getVelocities=True)
        kick = self._kick(state)
        before = self._context.tangential(state.getVelocities(asNumpy=True)._value - kick)
        after = self._context.tangential(change(before))
        self._context.context.setVelocities(after + kick)
        return before, after

    def _state(self) -> openmm.State:
        return self._context.context.getState(
            getEnergy=True, getForces=True, getPositions=True, getVelocities=True, getParameterDerivatives=True
        )

    def _instant(self, state: openmm.State) -> Instant:
        velocities = state.getVelocities(asNumpy=True)._value - self._kick(state)
        return Instant(self._energy(state), self._context.tangential(velocities))

    def _frame_at_end(self, state: openmm.State) -> Frame:
        """Where a path has ended.

        Raises:
            BondsLostError: rigid bonds have not been kept.
        """
        frame = self._context.frame(state, self._like)
        self._context.check_turns(state.getVelocities(asNumpy=True)._value)
        self._context.check_bonds(frame.positions)
        return frame

    def _kick(self, state: openmm.State) -> Positions:
        """From synchronous velocities to the context's [nm/ps]."""
        return self._half * self._forces(state)


class RestraintMotion(ContextMotion):
    """Steered by the restraint on CVs, which is one of the system's forces."""

    @blowing_up
    def __init__(
        self,
        context: PathContext[Steered],
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
            half: the way from synchronous velocities to the context's, as part of a force [ps/amu].
            cv_values: of a frame.
        """
        super().__init__(context, frame, half)
        steering, self._integrator = course.steering, context.integrator
        self._course, self._cv_values = course, cv_values
        set_restraint(context.context, steering.start, steering.kappa)
        start = self._set_off(frame, velocities)
        ends = list(steering.start), list(steering.start + course.way)
        self._integrator.begin(*ends, steering.steps, course.fraction(1))
        self._pull_at_start = self._pull(start)

    @blowing_up
    def advance(self, steps: int) -> None:
        self._integrator.step(steps)

    @blowing_up
    def end(self) -> End:
        state = self._state()
        frame = self._frame_at_end(state)
        instant = self._instant(state)
        steering = self._course.steering
        apart = wrapped(self._cv_values(frame) - steering.end, self._course.periods)
        restraint = 0.5 * float(np.sum(steering.kappa * apart**2))
        protocol_work = self._integrator.protocol_work(self._pull_at_start, self._pull(state))
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
