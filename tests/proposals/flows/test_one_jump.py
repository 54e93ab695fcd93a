"""One jump of the independence sampler (K0) leaves an asymmetric target alone, by every architecture of the flow."""

import numpy as np
import pytest

from cvflow.core.acceptance import log_acceptance
from cvflow.core.cv_space import Domain
from cvflow.proposals.flows import architecture
from cvflow.proposals.learned import LearnedProposal
from cvflow.proposals.standard_coordinates import StandardCoordinates
from tests.estimate.targets import TARGET, energy
from tests.proposals.flows.cases import KINDS, wild

DRAWS = 5000


def largest_z(proposal, log_density):
    """Over joint observables: how far a jump moves their means, in standard errors."""
    rng = np.random.default_rng(5)
    old, new = TARGET.draw(DRAWS, rng), proposal.draw(DRAWS, rng)
    log_ratio = log_acceptance(log_density(old), log_density(new), energy(new) - energy(old))
    moves = np.log(rng.random(DRAWS)) < log_ratio
    assert 0.05 < moves.mean() < 0.9
    after = np.where(moves[:, None], new, old)

    def observables(x):
        return np.stack([x[:, 0], x[:, 1], x[:, 0] > 0, x[:, 0] * x[:, 1], x[:, 0] ** 2, x[:, 1] ** 2])

    change = observables(after) - observables(old)
    return np.abs(change.mean(axis=1) / change.std(axis=1) * np.sqrt(DRAWS)).max()


@pytest.mark.parametrize("kind", KINDS)
def test_a_jump_leaves_the_target_alone(kind):
    made, lines = architecture(kind)(hidden=(16,)), (Domain.LINE, Domain.LINE)
    flow = wild(made, lines, seed=2, factor=6.0)
    proposal = LearnedProposal(flow, made, StandardCoordinates(lines, np.zeros(2), np.array([2.0, 1.2])), 0.05, 0)
    assert largest_z(proposal, proposal.log_density) < 4.5

    def without_volume(points):
        return -0.5 * (proposal.standard.inward(points) ** 2).sum(axis=1)

    assert largest_z(proposal, without_volume) > 6, "the mutant: the base's density at the point itself"
