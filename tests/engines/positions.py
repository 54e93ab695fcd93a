"""The one-jump test of positions: exact draws of the chain, one jump each through the OpenMM engine."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import openmm

from cvflow.core.frames import Frame
from cvflow.cv import distance
from cvflow.cv.interpolation import Interpolation, Straight
from cvflow.engines.openmm import OpenMMSpec, PositionsEngine, PositionsSpec
from cvflow.host.cores import available_cores
from cvflow.host.pool import Pool
from cvflow.proposals.conformations import ConformationProposal
from cvflow.sampler.jump import JumpState, step
from cvflow.sampler.jump_proposal import Learned
from cvflow.sampler.positions_jump import PositionsJump
from tests.engines import chain

CHUNKS = 4


@dataclass(frozen=True)
class Case:
    """One setting of the kernel.

    Attributes:
        proposal: makes what shapes are drawn from.
        placing: where a drawn shape goes, "aligned" or a mutant's name.
    """

    kernel: str
    steps: int
    timestep: float
    draws: int
    kappa: float = 0.0
    way: Interpolation = field(default_factory=Straight)
    proposal: Callable[[], ConformationProposal] = chain.bad_proposal
    placing: str = "aligned"

    def build(self, platform: str = "Reference") -> PositionsEngine:
        cvs = (distance("r", 0, 3), *chain.SHAPES.chain.cvs("nm"))
        xml = openmm.XmlSerializer.serialize(chain.system())
        around = OpenMMSpec(xml, cvs[:1], chain.KT, self.timestep, platform=platform)
        return PositionsSpec(around, cvs, chain.SHAPES.chain.atoms, self.kernel, self.way).build()

    @property
    def jump(self) -> PositionsJump:
        width = np.sqrt(chain.KT / self.kappa) if self.kappa else 0.0
        return PositionsJump(chain.SHAPES, float(width), self.steps)


class Sample(NamedTuple):
    """Paired configurations and what decided, one row a draw."""

    before: np.ndarray
    after: np.ndarray
    path_end: np.ndarray
    log_acceptance: np.ndarray
    log_volume_gain: np.ndarray

    def decided(self, log_ratio: np.ndarray) -> "Sample":
        """The same paths under another acceptance."""
        accepted = np.log(np.random.default_rng(7).random(len(log_ratio))) < log_ratio
        return self._replace(after=np.where(accepted[:, None, None], self.path_end, self.before))

    def z(self) -> dict[str, float]:
        """Mean paired difference of each observable in standard errors."""
        before, after = chain.observables(self.before), chain.observables(self.after)
        change = {name: after[name] - before[name] for name in before}
        return {name: float(d.mean() / (d.std() / np.sqrt(len(d)))) for name, d in change.items()}

    def largest_z(self) -> float:
        return max(abs(z) for z in self.z().values())


@lru_cache(maxsize=16)
def jumps(case: Case) -> Sample:
    """Apply the jump to exact draws."""
    with Pool(len(available_cores())) as pool:
        parts = list(pool.map(_chunk, [case] * CHUNKS, range(CHUNKS)))
    return Sample(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _chunk(case: Case, chunk: int) -> tuple[np.ndarray, ...]:
    from tests.engines import misplaced

    rng = np.random.default_rng([17, chunk])
    engine, jump, learned = case.build(), case.jump, Learned(case.proposal(), 1.0)
    kappa = np.full(3 * chain.SHAPES.chain.beads, case.kappa)
    before = chain.exact_draws(case.draws // CHUNKS, rng)
    rows = []
    with misplaced.placing(case.placing):
        for positions in before:
            frame = Frame(positions, None)
            state = JumpState(frame, engine.cv_values(frame))
            after, info = step(state, jump, learned, kappa, engine, rng)
            ends = (info.orders.centre_old, info.orders.centre_new)
            volumes = [float(chain.SHAPES.chain.log_volume(end[:, 1:])[0]) for end in ends]
            rows.append(
                (after.frame.positions, info.path.frame.positions, info.log_acceptance, volumes[1] - volumes[0])
            )
    return before, *(np.array(column) for column in zip(*rows, strict=True))
