"""The weights of the two states, from the potential alone: a Metropolis move there and back must balance.

For draws from p ∝ e^(-U/kT), an invertible map T with Jacobian J and any g, with a(x) = min(1, e^(-ΔU/kT) J):
E[a_T(x) g(x)] = E[a_T⁻¹(x) g(T⁻¹ x)]. Stein's identity hardly sees the weights, this does.
"""

import numpy as np
import pytest
import torch

from cvflow.systems import Phi4
from tests.systems.cases import CASES
from tests.systems.exact import phi4
from tests.systems.moves import MOVES

DRAWS, THRESHOLD = 100_000, 5.0
FUNCTIONS = (
    lambda x: np.ones(len(x)),
    lambda x: np.sin(x[:, 0]),
    lambda x: np.cos(x[:, 0] - x[:, -1]),
    lambda x: np.exp(-np.abs(x).sum(axis=1) / 10),
)


def acceptance(system, move, x, way):
    """a(x) of the move and where it leads."""

    def energy(points):
        return system.potential.energy(torch.tensor(points).flatten(1)).numpy() / system.kT

    moved = move(x, way)
    with np.errstate(invalid="ignore"):
        log_a = np.nan_to_num(energy(x) - energy(moved.x) + moved.log_jacobian, nan=-np.inf)
    return np.exp(np.minimum(log_a, 0)), moved.x


def balance(system, move, x):
    """z-score of each function's flow there minus its flow back."""
    there, _ = acceptance(system, move, x, 1)
    back, origin = acceptance(system, move, x, -1)
    flat = x.reshape(len(x), -1)
    flows = np.array([there * g(flat) - back * g(origin.reshape(len(x), -1)) for g in FUNCTIONS])
    assert there.mean() > 0.02
    return flows.mean(axis=1) / flows.std(axis=1) * np.sqrt(len(x))


@pytest.mark.parametrize("name", CASES)
def test_moves_between_the_states_balance(name):
    reference, exact = CASES[name]
    x = exact.draw(DRAWS if name != "phi4" else DRAWS // 5, np.random.default_rng(11))
    assert np.abs(balance(reference.system(), MOVES[name], x)).max() < THRESHOLD


def test_moves_between_the_states_of_phi4_balance_in_a_field():
    x = phi4.draw(DRAWS // 2, np.random.default_rng(12), h=0.03)
    assert np.abs(balance(Phi4(h=0.03).system(), MOVES["phi4"], x)).max() < THRESHOLD


@pytest.mark.parametrize("name", CASES)
def test_moves_are_inverted_and_have_their_jacobian(name):
    """The determinant by central differences, so that the identity is tested with the right one."""
    exact, move = CASES[name].exact, MOVES[name]
    x = exact.draw(40, np.random.default_rng(13))
    there = move(x, 1)
    x, there = x[np.isfinite(there.log_jacobian)], there.x[np.isfinite(there.log_jacobian)]
    assert len(x)
    log_jacobian, back = move(x, 1).log_jacobian, move(there, -1)
    assert np.abs(back.x - x).max() < 1e-12
    assert np.abs(back.log_jacobian + log_jacobian).max() < 1e-10
    for one, expected in zip(x[:3], log_jacobian, strict=False):
        steps = 1e-5 * np.eye(one.size).reshape(-1, *one.shape)
        slope = (move(one + steps, 1).x - move(one - steps, 1).x).reshape(one.size, -1) / 2e-5
        assert abs(np.linalg.slogdet(slope)[1] - expected) < 1e-6
