"""Flows far from the identity, of each architecture."""

import torch

from cvflow.core.cv_space import Domain
from cvflow.proposals.flows import ARCHITECTURES

KINDS = [each.kind for each in ARCHITECTURES]
MIXED = (Domain.LINE, Domain.CIRCLE, Domain.BOX, Domain.CIRCLE)


def wild(architecture, domains, seed=0, factor=15.0):
    """A flow far from the identity."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        flow = architecture.build(domains)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.mul_(factor)
    return flow
