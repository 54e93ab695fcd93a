"""The swap law, on exact draws of every rung, with mutants that it catches; marks, rungs and log Z."""

from dataclasses import dataclass, replace

import pytest
import torch

from cvflow.engines.batch.potential import Potential
from cvflow.explore.bridge import Bridge, GaussianReference
from cvflow.explore.exchange import Ladder, ReplicaExchange, respaced, stepping_stones, swapped
from tests.explore.lopsided import generator

BETA = torch.tensor([0.0, 0.2, 0.6, 1.0], dtype=torch.float64)
LADDERS, THRESHOLD = 100_000, 5.0
MEAN, STIFF = 0.8, 4.0
REFERENCE = GaussianReference(torch.zeros(1, dtype=torch.float64), 1.0)
NORMAL = Bridge(Potential(lambda x: 3 * STIFF / 2 * (x[:, 0] - MEAN) ** 2, (1,)), 3.0, 1.0, REFERENCE)
"""A narrow Gaussian beside the reference: every rung is a Gaussian, too."""


def rungs(seed):
    """Exact draws on every rung, ladder by ladder."""
    precision = 1 - BETA + BETA * STIFF
    noise = torch.randn((LADDERS, len(BETA)), dtype=torch.float64, generator=generator(seed))
    return (BETA * STIFF * MEAN / precision + noise / precision.sqrt()).reshape(-1, 1)


def z_scores(target, parity):
    """Of the change of x and x² on each rung by one swap, paired."""
    x = rungs(parity)
    fresh = torch.zeros((LADDERS, len(BETA)), dtype=torch.bool)
    after = swapped(target, target.at(x), fresh, BETA, parity, generator(7))[0].x
    before, after = (each.reshape(LADDERS, -1) for each in (x, after))
    change = torch.cat([after - before, after**2 - before**2], dim=1)
    return change.mean(dim=0) / (change.std(dim=0).clamp(min=1e-12) / LADDERS**0.5)


@dataclass(frozen=True)
class TargetAlone(Bridge):
    """Forgets the reference's energy, as if all rungs were temperatures."""

    def gap(self, places):
        return places.energy


@dataclass(frozen=True)
class TheWrongWay(Bridge):
    """Takes the sign of the energy's difference for the other."""

    def gap(self, places):
        return -super().gap(places)


@dataclass(frozen=True)
class InTheUnitOfEnergy(Bridge):
    """Forgets kT."""

    def at(self, x):
        return super().at(x)._replace(energy=self.potential.energy(x))


def mutant(kind):
    return kind(NORMAL.potential, NORMAL.kT, NORMAL.masses, NORMAL.reference)


@pytest.mark.parametrize("parity", [0, 1])
def test_a_swap_leaves_every_rung_as_it_is(parity):
    z = z_scores(NORMAL, parity)
    assert z.abs().max() < THRESHOLD, z
    assert (z != 0).sum() == (8 if parity == 0 else 4), "both pairs of parity 0, the one of parity 1"


@pytest.mark.parametrize("kind", [TargetAlone, TheWrongWay, InTheUnitOfEnergy])
def test_wrong_swaps_are_caught(kind):
    assert max(z_scores(mutant(kind), parity).abs().max() for parity in (0, 1)) > 3 * THRESHOLD


def test_marks_go_with_their_replicas():
    """A replica that is swapped takes along where it came from."""
    x = rungs(0)[: 4 * len(BETA)]
    fresh = torch.arange(x.numel()).reshape(4, -1) % 3 == 0
    places, moved, _ = swapped(NORMAL, NORMAL.at(x), fresh, BETA, 0, generator(0))
    marked = {float(value) for value, mark in zip(x[:, 0], fresh.reshape(-1), strict=True) if mark}
    assert {float(value) for value, mark in zip(places.x[:, 0], moved.reshape(-1), strict=True) if mark} == marked
    assert not torch.equal(moved, fresh)


def test_rungs_are_spaced_by_their_rejections():
    """On a barrier that grows as √β, whatever rungs it was measured on."""
    beta = torch.tensor([0.0, 0.01, 0.1, 0.3, 0.7, 1.0], dtype=torch.float64)
    barrier = 2 * beta**0.5
    kept, ladder = respaced(Ladder(beta, torch.ones_like(beta)), barrier.diff(), 0.5)
    assert len(ladder) == 5
    assert (ladder.beta.diff() > 0).all()
    assert ladder.beta[[0, -1]].tolist() == [0.0, 1.0]
    assert (2 * ladder.beta**0.5).diff().tolist() == pytest.approx([0.5] * 4, rel=0.25)
    assert kept.tolist() == [0, 2, 3, 4, 5]


def test_log_z_by_stepping_stones_is_that_of_a_gaussian():
    x = rungs(2)[: 4 * 20_000].reshape(100, 200, len(BETA))
    gap = NORMAL.gap(NORMAL.at(x.reshape(-1, 1))).reshape(x.shape)
    found = stepping_stones(-BETA.diff() * gap[..., :-1])
    exact = 0.5 * torch.log(torch.tensor(2 * torch.pi / STIFF)).item()
    assert abs(found.value - exact) < 4 * found.stderr
    assert found.stderr < 0.02


def test_more_rejection_is_fewer_rungs():
    x = torch.zeros((2, 1), dtype=torch.float64)
    apart = replace(NORMAL, reference=GaussianReference(torch.full((1,), -6.0, dtype=torch.float64), 1.0))
    few, many = (
        ReplicaExchange(ladders=8, scans=2, rejection=rejection).explore(apart, x, generator(0))
        for rejection in (0.7, 0.2)
    )
    count = [int(found.words.split()[0]) for found in (few, many)]
    assert 3 <= count[0] < count[1] / 2
