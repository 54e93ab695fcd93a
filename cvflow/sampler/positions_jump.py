"""Jumps of the positions of a few atoms: a shape is drawn, placed onto the present one, and a path leads there."""

from dataclasses import dataclass

import numpy as np

from cvflow.core.acceptance import log_threshold
from cvflow.core.frames import Steering
from cvflow.cv.internal_coordinates import Shapes, aligned
from cvflow.proposals.base import Proposal
from cvflow.sampler.jump import JumpOrder, JumpState


@dataclass(frozen=True)
class ShapeJump:
    """Kernels K3 (atoms held on their way) and K5 (atoms pulled by springs), for positions.

    The proposal's density is one of positions up to rigid motion; where the drawn shape goes is decided by the
    alignment (`cvflow.cv.internal_coordinates.aligned`), which adds nothing to the acceptance.

    Attributes:
        shapes: from positions to points of CV space and back.
        blur: standard deviation of λ around each coordinate [nm], (βκ)^(-1/2); zero where atoms are held.
        kappa: spring constant [kJ/mol/nm²]; zero where atoms are held.
        steps: time steps of a path.

    Raises:
        ValueError: a setting is out of range.

    Source: docs/beads.md.
    """

    shapes: Shapes
    blur: float
    kappa: float
    steps: int

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"path steps must be at least 1, got {self.steps}")
        if not (self.blur >= 0 and self.kappa >= 0):
            raise ValueError(f"blur and kappa must not be negative, got {self.blur} and {self.kappa}")

    def propose(self, state: JumpState, proposal: Proposal, rng: np.random.Generator) -> JumpOrder:
        """Draw λ | x, which is x where atoms are held, and λ̃'s shape; place it."""
        now = state.frame.positions[list(self.shapes.chain.atoms)]
        start = now + self.blur * rng.standard_normal(now.shape)
        drawn = proposal.draw(1, rng)
        end = aligned(self.shapes.beads(drawn)[0], start)
        centres = np.concatenate([self.shapes.points(start[None]), drawn])
        log_q = proposal.log_density(centres)
        steering = Steering(start.ravel(), end.ravel(), np.full(start.size, self.kappa), self.steps)
        threshold = log_threshold(rng)
        return JumpOrder(steering, float(log_q[0]), float(log_q[1]), proposal.version, threshold, points=centres)
