"""Wrong paths of OpenMM that the one-jump test must catch. They live here and in wrong_motion.py, and nowhere else."""

from dataclasses import dataclass, replace

import numpy as np
import openmm

from cvflow.core.frames import Point
from cvflow.core.schedule import Schedule
from cvflow.cv import ForceCV, from_force
from cvflow.engines.openmm import OpenMMEngine, OpenMMSpec
from cvflow.proposals import Proposal
from cvflow.sampler.jump import JumpOrder, JumpState, RestraintJump
from tests.engines import wrong_motion


class SwitchFirst(wrong_motion.SwitchFirst, OpenMMEngine):
    pass


class HalfStepVelocities(wrong_motion.HalfStepVelocities, OpenMMEngine):
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


class FarEnd(RestraintJump):
    """Keeps the centre where the arc has taken it, beyond the period that q knows."""

    def origin(self, cv: Point, rng: np.random.Generator) -> Point:
        return cv + np.sqrt(self.kT / self.kappa) * rng.standard_normal(len(cv))


class SkippedWhereItIs(RestraintJump):
    """Leaves out jumps within the state of ξ(x), where it should be that of λ_0."""

    def propose(self, state: JumpState, proposal: Proposal, rng: np.random.Generator) -> JumpOrder:
        order = super().propose(state, proposal, rng)
        return order._replace(realised=not self.skips.shared(state.cv[None], order.steering.end[None])[0])
