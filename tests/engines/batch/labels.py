"""Labelled proposals of the one-jump test, wrong in weights, widths and positions; and wrong rules for the label."""

from dataclasses import dataclass, field

import numpy as np

from cvflow.proposals import GaussianMixture, Proposal
from cvflow.proposals.base import Proposed
from cvflow.proposals.labelled import LabelledProposal
from tests.engines.batch.circles import WrappedMixture


def normal(mean: float, sigma: float) -> GaussianMixture:
    return GaussianMixture(((mean,),), ((sigma,),), (1.0,))


def labelled(parts: dict[Proposal, float], within: bool = False, kind: type = LabelledProposal) -> LabelledProposal:
    names = tuple("abc"[: len(parts)])
    return kind(names, tuple(parts), tuple(parts.values()), within, 0)


TWO = {normal(-0.5, 1.8): 0.3, normal(3.4, 1.5): 0.7}
"""Their sum is the mini target's own bad proposal."""

THREE = {normal(-0.8, 1.2): 0.15, normal(1.5, 1.4): 0.6, normal(4.4, 1.0): 0.25}
ON_A_CIRCLE = {WrappedMixture((2.4,), (0.7,), (1.0,)): 0.4, WrappedMixture((-0.2,), (1.1,), (1.0,)): 0.6}


class AlwaysElsewhere(LabelledProposal):
    """Goes to one of the other labels, whatever the weights are."""

    @property
    def moves(self):
        others = 1.0 - np.eye(len(self.weights))
        return others / others.sum(axis=1)


class LabelOfTheRegion(LabelledProposal):
    """Takes the label from the side on which the point lies, and not from the densities."""

    def chances(self, points):
        return np.where(points < 2.0, [[1.0, 0.0]], [[0.0, 1.0]]) @ self.moves


@dataclass(frozen=True)
class DensityOfTheLabel(LabelledProposal):
    """Gives the density of the label in the place of the mixture's, at both ends."""

    labels: dict = field(default_factory=dict, compare=False)

    def propose(self, points, rng):
        log_parts = self._log_parts(points)
        shares = np.exp(log_parts - np.logaddexp.reduce(log_parts, axis=1)[:, None])
        old = (rng.random((len(points), 1)) >= shares.cumsum(axis=1)).sum(axis=1)
        new = (rng.random((len(points), 1)) >= self.moves[old].cumsum(axis=1)).sum(axis=1)
        self.labels["both"] = np.concatenate([old, new])
        return Proposed(self._from_parts(new, rng), new < len(self.parts))

    def log_density(self, points):
        label = np.minimum(self.labels["both"], len(self.parts) - 1)
        log_parts = np.stack([part.log_density(points) for part in self.parts], axis=1)
        return log_parts[np.arange(len(points)), label]
