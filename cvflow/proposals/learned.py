"""The learned proposal: a flow in standard coordinates, in a mixture with a broad density."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from cvflow.proposals.base import CVPoints, Proposal
from cvflow.proposals.contaminated_normal import BROAD
from cvflow.proposals.flows.array_flow import ArrayFlow
from cvflow.proposals.flows.base import Architecture, Flow
from cvflow.proposals.standard_coordinates import BOUND, StandardCoordinates


@dataclass(frozen=True)
class LearnedProposal(Proposal):
    """(1 - ε) flow + ε broad, finite wherever a CV can be; outside a box it is zero.

    A defensive mixture (Hesterberg, Technometrics 1995): the broad density is normal on lines, with a standard
    deviation of 1.5 standard units, and uniform on circles and in boxes.

    Attributes:
        flow: the density in standard coordinates; its weights are read when first asked of, and must stay from then on.
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

    @cached_property
    def _array_flow(self) -> ArrayFlow:
        return self.flow.for_arrays()

    def draw(self, count: int, rng: np.random.Generator) -> CVPoints:
        lines = self.standard.lines
        normal, uniform = rng.standard_normal((count, len(lines))), rng.uniform(-BOUND, BOUND, (count, len(lines)))
        learned = self._array_flow.from_base(np.where(lines, normal, uniform))
        broad = rng.random((count, 1)) < self.epsilon
        return self.standard.outward(np.where(broad, np.where(lines, BROAD * normal, uniform), learned))

    def log_density(self, points: CVPoints) -> Float[np.ndarray, " count"]:
        u, lines = self.standard.inward(points), self.standard.lines
        normal = -0.5 * ((u / BROAD) ** 2 + np.log(2 * np.pi * BROAD**2))
        log_broad = np.where(lines, normal, -np.log(2 * BOUND)).sum(axis=1)
        log_learned = self._array_flow.log_density(u)
        mixed = np.logaddexp(np.log1p(-self.epsilon) + log_learned, np.log(self.epsilon) + log_broad)
        return np.where(self.standard.outside(points), -np.inf, mixed - self.standard.log_scale)
