"""Wrong motions that the one-jump test must catch, of whatever engine's own steps: mixed into an engine.

`cvflow verify` has one more (`cvflow.doctor.verify.wrong_motion`); else they live here and nowhere else.
"""

from cvflow.doctor.verify.wrong_motion import held
from cvflow.engines.motion import End, Motion


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

    def configuration(self):
        return self._here.frame

    def refresh(self, change):
        before = self._here.instant.velocities
        after = change(before)
        self._here = self._here._replace(instant=self._here.instant._replace(velocities=after))
        return before, after

    def end(self):
        return self._here


class OneWayRound:
    """Always turns the same way, so the way back is another one."""

    def _way(self, steering):
        return (steering.end - steering.start) % self._periods
