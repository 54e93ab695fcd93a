"""torch's generators take their whole state from a seed."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from cvflow.core.cv_space import Domain
from cvflow.core.schedule import Linear
from cvflow.core.streams import Purpose, seed_for, sequence
from cvflow.core.torch_streams import fenced, seeded_generator
from cvflow.engines.batch.kernels.restraint import SoftRestraint
from cvflow.engines.batch.paths import Paths
from cvflow.proposals.fit import FitSettings, _untrained
from cvflow.proposals.flows.spline import AutoregressiveSpline
from cvflow.proposals.standard_coordinates import StandardCoordinates
from cvflow.sampler.ensemble import jump_along
from cvflow.sampler.walkers.batch import BatchGroup
from tests.engines.batch.targets import MINI

CPU = torch.device("cpu")
ALIKE = (59695, 64667)
"""Seeds of runs whose seeds for the first turn have the same lowest 32 bits."""

ALIKE_IN_TRAINING = (43408, 44001)
"""Seeds of numpy's generators whose first 31 bits are the same."""


def test_the_stream_is_that_of_numpy_s_twister():
    """So torch's state has the layout that is written into it; more than one refill of its 624 words."""
    seeds = np.random.SeedSequence(7, spawn_key=(3, 1))
    _, *words = np.random.MT19937(seeds).random_raw(2001)  # numpy has one number left before its first refill
    drawn = torch.rand(2000, generator=seeded_generator(seeds, CPU), dtype=torch.float32)
    np.testing.assert_array_equal(2**24 * drawn.double().numpy(), np.array(words) % 2**24)


def test_seeds_that_torch_takes_for_one_are_two():
    old = [torch.rand(3, generator=torch.Generator().manual_seed(seed_for(s, Purpose.TURN, 0))) for s in ALIKE]
    assert torch.equal(*old)
    new = [torch.rand(3, generator=seeded_generator(sequence(s, Purpose.TURN, 0), CPU)) for s in ALIKE]
    assert not torch.equal(*new)


def test_turns_of_two_such_runs_differ():
    paths = Paths(SoftRestraint(MINI.potential, MINI.cv, 1.0, 0.1, (6.0,)), Linear())
    group = BatchGroup((0,), 0, paths, jump_along(paths, 1, np.ones(1)), None, torch.float64, CPU)

    def drawn(seed):
        return torch.rand(3, generator=replace(group, seed=seed)._generator(Purpose.TURN, 0))

    first, second = map(drawn, ALIKE)
    assert not torch.equal(first, second)
    assert torch.equal(first, drawn(ALIKE[0]))


def test_a_fence_follows_from_its_generator_and_puts_torch_s_own_back():
    def drawn(seed):
        with fenced(np.random.default_rng(seed)):
            return torch.randn(4)

    before = torch.get_rng_state()
    assert len({int(np.random.default_rng(seed).integers(2**31)) for seed in ALIKE_IN_TRAINING}) == 1
    first, second = map(drawn, ALIKE_IN_TRAINING)
    assert not torch.equal(first, second)
    assert torch.equal(first, drawn(ALIKE_IN_TRAINING[0]))
    assert torch.equal(before, torch.get_rng_state())


def test_first_weights_of_two_such_trainings_differ():
    settings = FitSettings(AutoregressiveSpline(transforms=1, hidden=(4,), bins=4))
    standard = StandardCoordinates((Domain.LINE, Domain.LINE), np.zeros(2), np.ones(2))

    def weights(seed):
        flow = _untrained(standard, settings, None, np.random.default_rng(seed)).flow
        return torch.cat([parameter.detach().ravel() for parameter in flow.parameters()])

    first, second = map(weights, ALIKE_IN_TRAINING)
    assert not torch.equal(first, second)
    assert torch.equal(first, weights(ALIKE_IN_TRAINING[0]))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="NO CUDA: its generators are not tested")
def test_on_a_gpu_all_64_bits_count():
    draws = [
        torch.rand(3, device="cuda", generator=torch.Generator("cuda").manual_seed(seed)) for seed in (1, 1 + 2**40)
    ]
    assert not torch.equal(*draws)
