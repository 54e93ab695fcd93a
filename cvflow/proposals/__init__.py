"""Proposals over the CVs: a learned flow in a defensive mixture, or a fixed mixture of Gaussians."""

from cvflow.proposals.base import Proposal
from cvflow.proposals.mixture import GaussianMixture

__all__ = ["GaussianMixture", "Proposal"]
