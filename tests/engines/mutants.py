"""Wrong paths of OpenMM that the one-jump test must catch. They live here and in wrong_motion.py, and nowhere else."""

from dataclasses import dataclass, replace

import numpy as np
import openmm

from cvflow.core.schedule import Schedule
from cvflow.cv import ForceCV, from_force
from cvflow.engines.openmm import OpenMMEngine, OpenMMSpec
from cvflow.sampler.cv_jump import CVJump
from tests.engines import wrong_motion


class SwitchFirst(wrong_motion.SwitchFirst, OpenMMEngine):
    pass


@dataclass(frozen=True)
class Quadratic(Schedule):
    """t²: slow at the start, fast at the end, so the way back is another one."""

    @property
    def expression(self) -> str:
        return "t*t"

    def fraction(self, t: np.ndarray) -> np.ndarray:
        return t**2


class UnwrappedRestraint(OpenMMEngine):
    """Pulls on the difference of two numbers where it should be that of two points on a circle."""

    def __init__(self, spec: OpenMMSpec):
        super().__init__(replace(spec, cvs=(dihedral_on_a_line(),)))
        self._periods = np.array([2 * np.pi])


def dihedral_on_a_line() -> ForceCV:
    force = openmm.CustomTorsionForce("theta")
    force.addTorsion(0, 1, 2, 3, [])
    return from_force("phi", force)


class OneWayRound(wrong_motion.OneWayRound, OpenMMEngine):
    pass


class FarEnd(CVJump):
    """Keeps the centre where the arc has taken it, beyond the period that q knows."""

    def origin(self, cv, noise):
        return cv + self.width * noise.normal(len(cv), np.full(len(self.width), np.inf))


class SkippedWhereItIs(CVJump):
    """Leaves out jumps within the state of ξ(x), where it should be that of λ_0."""

    def skipped(self, here, start, end, learned):
        return super().skipped(here, here.cv.astype(float), end, learned)


@dataclass(frozen=True)
class UnbiasedStart(CVJump):
    """Paths are held against the density of their start without the bias of its state."""

    def criterion(self, start, end, log_q_old, log_threshold, learned):
        log_q = learned.proposal.log_density(start)
        return super().criterion(start, end, log_q, log_threshold, learned)
