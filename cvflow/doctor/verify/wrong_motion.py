"""A wrong motion that the one-jump test must catch, of whatever engine's own steps: mixed into an engine."""

from cvflow.core.frames import Frame, Point, Positions
from cvflow.engines.motion import Course, End, Motion
from cvflow.engines.openmm import OpenMMEngine
from cvflow.engines.verlet import VerletEngine


def held(course: Course, centre: Point) -> Course:
    """One step with the restraint standing still."""
    order = course.steering._replace(start=centre, end=centre, steps=1)
    return course._replace(steering=order, way=0 * course.way)


class HalfStepVelocities(VerletEngine):
    """A leapfrog, whose velocities lie half a step before the positions that their energy is added to."""

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
