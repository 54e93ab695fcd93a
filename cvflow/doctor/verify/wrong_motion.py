"""Wrong motions that the one-jump test must catch."""

import numpy as np

from cvflow.core.frames import Frame, Point, Positions
from cvflow.engines.motion import Course, End, Motion
from cvflow.engines.openmm import OpenMMEngine, PositionsEngine
from cvflow.engines.openmm.motion import RestraintMotion
from cvflow.engines.verlet import VerletEngine


def held(course: Course, centre: Point) -> Course:
    """One step with the restraint standing still."""
    order = course.steering._replace(start=centre, end=centre, steps=1)
    return course._replace(steering=order, way=0 * course.way)


class HalfStepVelocities(VerletEngine):
    """A leapfrog, whose velocities lie half a step before the positions that their energy is added to.

    Of whatever engine's own steps: mixed into an engine.
    """

    def _begin(self, frame: Frame, velocities: Positions, course: Course) -> Motion:
        begin = super()._begin  # type: ignore[safe-super]

        def half_kick(frame: Frame, velocities: Positions, centre: Point) -> Positions:
            step = begin(frame, velocities, held(course, centre))
            step.advance(1)
            return (step.end().frame.positions - frame.positions) / self._spec.timestep - velocities

        def late() -> End:
            there = end()
            velocities = there.instant.velocities
            early = velocities - half_kick(there.frame, velocities, course.steering.end)
            return there._replace(instant=there.instant._replace(velocities=early))

        motion = begin(frame, velocities + half_kick(frame, velocities, course.steering.start), course)
        motion.before = motion.before._replace(velocities=velocities)
        end, motion.end = motion.end, late  # type: ignore[method-assign]
        return motion


class LateOpenMM(HalfStepVelocities, OpenMMEngine):  # type: ignore[misc]
    """The same of OpenMM's steps."""


class LatePositions(HalfStepVelocities, PositionsEngine):  # type: ignore[misc]
    """The same where positions are driven."""


class FreeStarts(OpenMMEngine):
    """Takes the kinetic energy of Maxwell's velocities at the start, and not of those that rigid bonds allow."""

    def _begin(self, frame: Frame, velocities: Positions, course: Course) -> RestraintMotion:
        motion = super()._begin(frame, velocities, course)
        motion.before = motion.before._replace(velocities=velocities)
        return motion


class LateSites(OpenMMEngine):
    """Takes the energy at the end with virtual sites where they were one step before."""

    def _begin(self, frame: Frame, velocities: Positions, course: Course) -> RestraintMotion:
        motion = super()._begin(frame, velocities, course)
        advance, end, context = motion.advance, motion.end, self._context.context
        sites, before = self._context.rigid.sites, frame.positions

        def all_but_one(steps: int) -> None:
            nonlocal before
            advance(steps - 1)
            before = context.getState(getPositions=True).getPositions(asNumpy=True)._value
            advance(1)

        def late() -> End:
            there = end()
            context.setPositions(np.where(sites[:, None], before, there.frame.positions))
            energy = float(context.getState(getEnergy=True).getPotentialEnergy()._value)
            return there._replace(instant=there.instant._replace(energy=energy))

        motion.advance, motion.end = all_but_one, late  # type: ignore[method-assign]
        return motion
