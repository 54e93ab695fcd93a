"""Temperatures and resampling of sequential Monte Carlo."""

import pytest
import torch

from cvflow.explore.sequential import SequentialMonteCarlo, next_beta, systematic
from tests.explore import lopsided
from tests.explore.lopsided import generator


def test_the_next_temperature_is_where_weights_are_worth_the_share_that_is_wanted():
    gap = torch.randn(10_000, dtype=torch.float64, generator=generator(0)) * 30
    beta = next_beta(gap, 0.25, 0.6)
    weights = torch.softmax(-(beta - 0.25) * gap, dim=0)
    assert 1 / (weights**2).sum() == pytest.approx(0.6 * len(gap), rel=1e-6)
    assert next_beta(gap / 1e4, 0.25, 0.6) == 1.0


def test_particles_without_a_weight_hold_nobody_up():
    gap = torch.randn(1000, dtype=torch.float64, generator=generator(0)) * 30
    half = torch.cat([gap, torch.full_like(gap, torch.inf)])
    assert next_beta(half, 0.0, 0.9) == pytest.approx(next_beta(gap, 0.0, 0.9))


def test_particles_are_kept_as_often_as_their_weights_say():
    """On average over many draws, and never another population's."""
    log_weights = torch.log(torch.tensor([[0.1, 0.2, 0.7], [0.5, 0.5, 1e-30]], dtype=torch.float64))
    rows = torch.stack([systematic(log_weights, generator(seed)) for seed in range(2000)]).reshape(-1, 2, 3)
    assert (rows[:, 0] < 3).all()
    assert (rows[:, 1] >= 3).all()
    counts = torch.stack([(rows == k).sum(dim=(1, 2)).double() for k in range(6)], dim=1)
    expected = torch.tensor([0.3, 0.6, 2.1, 1.5, 1.5, 0.0], dtype=torch.float64)
    error = counts.std(dim=0) / len(counts) ** 0.5
    assert ((counts.mean(dim=0) - expected).abs() <= 4 * error).all()
    assert ((counts - expected).abs() < 1).all(), "systematic: one more or less"


def test_each_population_has_its_own_log_z_and_temperatures_rise_to_one():
    explorer = SequentialMonteCarlo(particles=256, populations=4, efficiency=0.5, moves=1, steps=2)
    levels = list(explorer.levels(lopsided.target(), generator(0)))
    beta = [level.beta for level in levels]
    assert beta == sorted(beta)
    assert (beta[0], beta[-1]) == (0.0, 1.0)
    assert len(set(levels[-1].log_z.tolist())) == 4


def test_a_target_out_of_reach_is_said(monkeypatch):
    monkeypatch.setattr("cvflow.explore.sequential.MOST_LEVELS", 5)
    explorer = SequentialMonteCarlo(particles=64, populations=4, efficiency=0.999, moves=1, steps=1)
    with pytest.raises(ArithmeticError, match="not reached in 5 temperatures"):
        explorer.explore(lopsided.target(spread=500.0), lopsided.STARTS, generator(0))
