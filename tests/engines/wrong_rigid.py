"""Wrong paths with rigid bonds that the one-jump test must catch. Others are in cvflow.doctor.verify.wrong_motion."""

from cvflow.engines.openmm import OpenMMEngine
from tests.engines import wrong_motion


class SwitchFirst(wrong_motion.SwitchFirst, OpenMMEngine):
    pass


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
