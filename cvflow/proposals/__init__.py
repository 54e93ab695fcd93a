"""Proposals over the CVs: a learned flow in a defensive mixture, or a fixed mixture of Gaussians."""

from cvflow.proposals.mixture import GaussianMixture
from cvflow.proposals.proposal import Proposal

__all__ = ["GaussianMixture", "Proposal"]
