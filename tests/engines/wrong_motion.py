"""Wrong motions that the one-jump test must catch, of whatever engine's own steps: mixed into an engine.

They live here and nowhere else.
"""

from cvflow.core.frames import Steering
from cvflow.engines.motion import Course, End, Motion


def held(course: Course, centre) -> Course:
    """One step with the restraint standing still."""
    return course._replace(steering=Steering(centre, centre, course.steering.kappa, 1), way=0 * course.way)


class SwitchFirst:
    """Moves λ, then takes a whole Verlet step there: reversible steps in an order that has no reverse."""

    def _begin(self, frame, velocities, course):
        return _SwitchingFirst(super()._begin, frame, velocities, course)


class _SwitchingFirst(Motion):
    def __init__(self, begin, frame, velocities, course):
        start, _, _, steps = course.steering
        self._begin, self._course = begin, course
        self._centres = list(course.schedule.centres(start, start + course.way, steps)[1:])
        self.before = begin(frame, velocities, held(course, start)).before
        self._here = End(self.before, frame, 0.0, 0.0)

    def advance(self, steps):
        for _ in range(steps):
            course = held(self._course, self._centres.pop(0))
            step = self._begin(self._here.frame, self._here.instant.velocities, course)
            step.advance(1)
            self._here = step.end()

    def instant(self):
        return self._here.instant

    def refresh(self, change):
        before = self._here.instant.velocities
        after = change(before)
        self._here = self._here._replace(instant=self._here.instant._replace(velocities=after))
        return before, after

    def end(self):
        return self._here


class HalfStepVelocities:
    """A leapfrog, whose velocities lie half a step before the positions that their energy is added to."""

    def _begin(self, frame, velocities, course):
        begin = super()._begin

        def half_kick(frame, velocities, centre):
            step = begin(frame, velocities, held(course, centre))
            step.advance(1)
            return (step.end().frame.positions - frame.positions) / self._spec.timestep - velocities

        def late():
            there = end()
            velocities = there.instant.velocities
            early = velocities - half_kick(there.frame, velocities, course.steering.end)
            return there._replace(instant=there.instant._replace(velocities=early))

        motion = begin(frame, velocities + half_kick(frame, velocities, course.steering.start), course)
        motion.before = motion.before._replace(velocities=velocities)
        end, motion.end = motion.end, late
        return motion


class OneWayRound:
    """Always turns the same way, so the way back is another one."""

    def _way(self, steering):
        return (steering.end - steering.start) % self._periods
