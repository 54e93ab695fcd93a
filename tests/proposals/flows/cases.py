"""Flows far from the identity, of each architecture."""

import torch

from cvflow.core.cv_space import Domain
from cvflow.proposals.flows import ARCHITECTURES, architecture

KINDS = [each.kind for each in ARCHITECTURES]
LINES = (Domain.LINE,) * 4
MIXED = (Domain.LINE, Domain.CIRCLE, Domain.BOX, Domain.CIRCLE)


def sizes(kind, **wanted):
    """Those of the words that an architecture has."""
    return {word: value for word, value in wanted.items() if word in architecture(kind).model_fields}


def takes(kind, domains):
    """Whether there is such a flow over such CVs."""
    try:
        return architecture(kind)().numbers(domains) > 0
    except ValueError:
        return False


def domains_of(kind):
    """Four CVs of as many sorts as an architecture takes."""
    return MIXED if takes(kind, MIXED) else LINES


def wild(built, domains, seed=0, factor=15.0):
    """A flow far from the identity: what is small in a new one is not."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        flow = built.build(domains)
    with torch.no_grad():
        for parameter in flow.small_at_first():
            parameter.mul_(factor)
    return flow
