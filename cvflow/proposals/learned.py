"""The learned proposal: a flow in standard coordinates, in a mixture with a broad density."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from cvflow.proposals.base import CVPoints, Proposal
from cvflow.proposals.contaminated_normal import BROAD
from cvflow.proposals.flows.base import Architecture, Flow
from cvflow.proposals.standard_coordinates import BOUND, StandardCoordinates


@dataclass(frozen=True)
class LearnedProposal(Proposal):
    """(1 - ε) flow + ε broad, finite wherever a CV can be; outside a box it is zero.

    A defensive mixture (Hesterberg, Technometrics 1995): the broad density is normal on lines, with a standard
    deviation of 1.5 standard units, and uniform on circles and in boxes.

    Attributes:
        flow: the density in standard coordinates.
        architecture: of the flow.
        standard: standard coordinates; they belong to the weights and are stored with them.
        epsilon: weight of the broad density.
        version: counts trainings.
    """

    flow: Flow
    architecture: Architecture
    standard: StandardCoordinates
    epsilon: float
    version: int

    def draw(self, count: int, rng: np.random.Generator) -> CVPoints:
        lines = self.standard.lines
        normal, uniform = rng.standard_normal((count, len(lines))), rng.uniform(-BOUND, BOUND, (count, len(lines)))
        with torch.inference_mode():
            learned = self.flow.from_base(torch.from_numpy(np.where(lines, normal, uniform))).numpy()
        broad = rng.random((count, 1)) < self.epsilon
        return self.standard.outward(np.where(broad, np.where(lines, BROAD * normal, uniform), learned))

    def log_density(self, points: CVPoints) -> Float[np.ndarray, " count"]:
        u, lines = self.standard.inward(points), self.standard.lines
        normal = -0.5 * ((u / BROAD) ** 2 + np.log(2 * np.pi * BROAD**2))
        log_broad = np.where(lines, normal, -np.log(2 * BOUND)).sum(axis=1)
        with torch.inference_mode():
            log_learned = self.flow.log_density(torch.from_numpy(u)).numpy()
        mixed = np.logaddexp(np.log1p(-self.epsilon) + log_learned, np.log(self.epsilon) + log_broad)
        return np.where(self.standard.outside(points), -np.inf, mixed - self.standard.log_scale)
