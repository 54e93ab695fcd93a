"""The one-jump test of driven positions: four atoms of a chain, held on their way or pulled along it."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import openmm
from jaxtyping import Float

from cvflow.core.frames import Point
from cvflow.cv import distance
from cvflow.cv.interpolation import Interpolation, Straight
from cvflow.doctor.verify import driven_chain
from cvflow.doctor.verify.one_jump import Case, PerDraw, Sample, Target, log_ratios
from cvflow.engines.openmm import OpenMMSpec, PositionsEngine, PositionsSpec
from cvflow.engines.verlet import VerletEngine
from cvflow.proposals.conformations import ConformationProposal
from cvflow.sampler.jump_proposal import JumpProposal, Learned
from cvflow.sampler.positions_jump import PositionsJump

CHAIN = Target(
    driven_chain.system, driven_chain.exact_draws, driven_chain.observables, None, driven_chain.KT, span=1.0
)  # fmt: skip


@dataclass(frozen=True)
class DrivenCase(Case):
    """One setting of the kernel.

    Attributes:
        kernel: "langevin", which holds atoms on their way, or "restraint", which pulls them.
        way: of the atoms.
        proposal: makes what shapes are drawn from.
    """

    kernel: str = "restraint"
    way: Interpolation = field(default_factory=Straight)
    proposal: Callable[[], ConformationProposal] = driven_chain.bad_proposal
    target: Target = CHAIN
    engine: type[VerletEngine] = PositionsEngine

    @property
    def springs(self) -> Point:
        return np.full(3 * driven_chain.SHAPES.chain.beads, self.kappa)

    def jump(self) -> JumpProposal:
        width = np.sqrt(driven_chain.KT / self.kappa) if self.kappa else 0.0
        return PositionsJump(driven_chain.SHAPES, float(width), self.steps)

    def learned(self) -> Learned:
        return Learned(self.proposal(), self.target.span)

    def build(self) -> VerletEngine:
        end_to_end, chain = distance("r", 0, 3), driven_chain.SHAPES.chain
        around = OpenMMSpec(
            openmm.XmlSerializer.serialize(driven_chain.system()), (end_to_end,), driven_chain.KT, self.timestep,
            platform=self.platform, properties=self.properties, devices=self.devices,
        )  # fmt: skip
        return self.engine(PositionsSpec(around, (end_to_end, *chain.cvs("nm")), chain.atoms, self.kernel, self.way))


def of_coordinates(sample: Sample) -> PerDraw:
    """The acceptance, were the proposal's density of positions one of internal coordinates."""
    return log_ratios(sample) - (_log_volume(sample.end) - _log_volume(sample.start))


def _log_volume(steered: Float[np.ndarray, "draws coordinates"]) -> PerDraw:
    shapes = driven_chain.SHAPES
    return shapes.chain.log_volume(shapes.internal(shapes.points(steered.reshape(-1, shapes.chain.beads, 3))))
