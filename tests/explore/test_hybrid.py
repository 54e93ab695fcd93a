"""Moves on the way from reference to target: one move of exact draws, with mutants."""

from dataclasses import dataclass

import pytest
import torch

from cvflow.explore import hybrid
from cvflow.explore.bridge import Bridge
from cvflow.explore.hybrid import adapted, hybrid_move
from tests.explore import lopsided

DRAWS, THRESHOLD = 100_000, 5.0


def z_scores(target, beta=1.0):
    """Of the change of moments, joint ones with them, by one move of exact draws."""
    x = lopsided.draw(DRAWS, 0) if beta == 1 else target.reference.draw(DRAWS, lopsided.generator(1))
    full = torch.full((DRAWS,), beta, dtype=x.dtype)
    timestep = torch.full_like(full, 0.6)
    moved = hybrid_move(target, target.at(x), full, timestep, 3, lopsided.generator(2))

    def moments(points):
        a, b = points.unbind(dim=1)
        return torch.stack([a, b, a * a, a * b, (b - a / 2) ** 2, lopsided.first(points)], dim=1)

    change = moments(moved.places.x) - moments(x)
    return change.mean(dim=0) / (change.std(dim=0) / DRAWS**0.5), moved.accepted.double().mean()


@dataclass(frozen=True)
class OneTemperature(Bridge):
    """Decides by the target's energy in the unit of energy."""

    def energy(self, places, beta):
        return self.kT * super().energy(places, beta)


@dataclass(frozen=True)
class TheTargetAlone(Bridge):
    """Decides as if the reference had no part."""

    def energy(self, places, beta):
        return beta * places.energy


def test_a_move_leaves_the_target_as_it_is():
    z, share = z_scores(lopsided.target())
    assert z.abs().max() < THRESHOLD, z
    assert 0.3 < share < 0.95


def test_without_a_decision_it_does_not(monkeypatch):
    monkeypatch.setattr(hybrid, "accepted", lambda log_ratio, uniform: torch.ones_like(uniform, dtype=torch.bool))
    assert z_scores(lopsided.target())[0].abs().max() > 3 * THRESHOLD


def mutant(kind):
    target = lopsided.target()
    return kind(target.potential, target.kT, target.masses, target.reference)


def test_another_temperature_is_caught():
    assert z_scores(mutant(OneTemperature))[0].abs().max() > 3 * THRESHOLD


@pytest.mark.parametrize(("kind", "passes"), [(Bridge, True), (TheTargetAlone, False)])
def test_next_to_the_reference_it_is_the_references(kind, passes):
    z = z_scores(mutant(kind), beta=1e-9)[0]
    assert (z.abs().max() < THRESHOLD) == passes, z


def test_time_steps_follow_the_acceptance():
    step = torch.tensor([1.0, 1.0])
    shorter, longer = adapted(step, torch.tensor([0.2, 0.95])).tolist()
    assert shorter < 1 < longer
