"""The learned proposal: a zuko spline flow of standardised CVs, in a mixture with a broad Gaussian."""

from dataclasses import dataclass

import numpy as np
import torch
import zuko
from jaxtyping import Float

from cvflow.flow.proposal import Proposal

BROAD = 1.5
"""Standard deviation of the defensive component, in standard deviations of the training samples."""


def spline_flow(cvs: int, transforms: int) -> zuko.flows.NSF:
    """Neural spline flow on R^cvs, near the identity, in double precision.

    Its weights are zuko's random ones made small; draw them inside a seeded fence (`torch.random.fork_rng`).
    """
    flow = zuko.flows.NSF(cvs, transforms=transforms, hidden_features=(32, 32)).double()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.mul_(0.1)
    return flow


@dataclass(frozen=True)
class LearnedProposal(Proposal):
    """(1 - ε) flow + ε N(mean, (1.5 scale)²), with mean and scale those of the training samples.

    zuko's splines leave |standardised z| > 5 untransformed, so the statistics belong to the flow and are stored with
    it.
    """

    flow: zuko.flows.NSF
    transforms: int
    mean: Float[np.ndarray, "cvs"]
    scale: Float[np.ndarray, "cvs"]
    epsilon: float
    version: int

    def draw(self, count: int, rng: np.random.Generator) -> Float[np.ndarray, "count cvs"]:
        broad = rng.random(count) < self.epsilon
        noise = rng.standard_normal((count, len(self.mean)))
        with torch.no_grad():
            learned = self.flow().transform.inv(torch.from_numpy(noise)).numpy()
        return self.mean + self.scale * np.where(broad[:, None], BROAD * noise, learned)

    def log_density(self, points: Float[np.ndarray, "count cvs"]) -> Float[np.ndarray, "count"]:
        standard = (points - self.mean) / self.scale
        log_broad = -0.5 * ((standard / BROAD) ** 2 + np.log(2 * np.pi * BROAD**2)).sum(axis=1)
        log_learned = self.log_flow(torch.from_numpy(standard)).detach().numpy()
        with np.errstate(divide="ignore"):
            mixed = np.logaddexp(np.log1p(-self.epsilon) + log_learned, np.log(self.epsilon) + log_broad)
        return mixed - np.log(self.scale).sum()

    def log_flow(self, standard: torch.Tensor) -> torch.Tensor:
        """Log density of the bare flow at standardised points, differentiable in the weights."""
        return self.flow().log_prob(standard)
