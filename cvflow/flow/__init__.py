"""Proposals over the CVs: a learned flow in a defensive mixture, or a fixed mixture of Gaussians."""

from cvflow.flow.mixture import GaussianMixture
from cvflow.flow.proposal import Proposal

__all__ = ["GaussianMixture", "Proposal"]
