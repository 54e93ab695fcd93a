"""Wrong paths with rigid bonds that the one-jump test must catch. They live here and nowhere else."""

from cvflow.engines.openmm import OpenMMEngine
from tests.engines import wrong_motion


class SwitchFirst(wrong_motion.SwitchFirst, OpenMMEngine):
    pass


class FreeStarts(OpenMMEngine):
    """Takes the kinetic energy of Maxwell's velocities at the start, and not of those that bonds allow."""

    def _begin(self, frame, velocities, course):
        motion = super()._begin(frame, velocities, course)
        motion.before = motion.before._replace(velocities=velocities)
        return motion


class FreeEnds(OpenMMEngine):
    """Does not project the half kick at the end."""

    def _begin(self, frame, velocities, course):
        motion = super()._begin(frame, velocities, course)
        motion._context = _Free(self._context)
        return motion


class _Free:
    """A context without a projection."""

    def __init__(self, context):
        self._own = context

    def __getattr__(self, name):
        return getattr(self._own, name)

    def tangential(self, velocities):
        return velocities
