"""Jumps of the positions of a few atoms: a shape is drawn, placed onto the present one, and a path leads there."""

from dataclasses import dataclass

import numpy as np

from cvflow.core.frames import Outcome
from cvflow.cv.internal_coordinates import Shapes, aligned
from cvflow.sampler.jump_proposal import Configurations, JumpProposal, Learned, Orders, ProposalNoise


@dataclass(frozen=True)
class PositionsJump(JumpProposal):
    """Kernels K3 (atoms held on their way) and K5 (atoms pulled by springs), for positions.

    The proposal's density is one of positions up to rigid motion; where the drawn shape goes is decided by the
    alignment (`cvflow.cv.internal_coordinates.aligned`), which adds nothing to the acceptance. Paths have one length,
    and are run to their end.

    Attributes:
        shapes: from positions to points of CV space and back.
        width: standard deviation of λ around each coordinate [nm], (βκ)^(-1/2); zero where atoms are held.
        steps: time steps of a path.

    Raises:
        ValueError: a setting is out of range.

    Source: docs/beads.md.
    """

    shapes: Shapes
    width: float
    steps: int

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"path steps must be at least 1, got {self.steps}")
        if not self.width >= 0:
            raise ValueError(f"the width of λ must not be negative, got {self.width}")

    def propose(self, here: Configurations, learned: Learned, noise: ProposalNoise) -> Orders:
        assert here.positions is not None
        now = here.positions[:, list(self.shapes.chain.atoms)]
        count, (beads, _) = len(now), now.shape[1:]
        start = now + self.width * noise.normal(count, np.full((beads, 3), np.inf))
        drawn = learned.proposal.draw(count, noise.generator())
        end = np.array([aligned(shape, onto) for shape, onto in zip(self.shapes.beads(drawn), start, strict=True)])
        centres = self.shapes.points(start)
        log_q = learned.proposal.log_density(np.concatenate([centres, drawn]))
        return Orders(
            start.reshape(count, -1),
            end.reshape(count, -1),
            centres,
            drawn,
            np.full(count, self.steps),
            log_q[:count],
            log_q[count:],
            noise.log_thresholds(count),
            np.full(count, Outcome.COMPLETED.value),
            learned.proposal.version,
        )
