"""Hybrid Monte Carlo mixes whatever the period: the number of steps is drawn afresh each move."""

from math import pi, sin

import numpy as np
import openmm
import pytest
import torch

from cvflow.core.frames import Exactness, Frame
from cvflow.core.schedule import Linear
from cvflow.cv import distance
from cvflow.cv.batch import Coordinates, everything_free
from cvflow.engines.batch.kernels.langevin import UnderdampedLangevin
from cvflow.engines.batch.kernels.restraint import SoftRestraint
from cvflow.engines.batch.paths import Paths
from cvflow.engines.batch.potential import Potential
from cvflow.engines.openmm import OpenMMSpec
from cvflow.sampler.ensemble import EnsembleMove, EnsembleState
from cvflow.sampler.jump import JumpState
from cvflow.sampler.local import FreshVelocities, HybridMonteCarlo, drawn_steps

STEPS, MOVES, OFF = 40, 20, 3.0
TIMESTEP = 2 * sin(pi / STEPS)
"""So many leapfrog steps are the period of x²/2, mass 1."""


@pytest.mark.parametrize("mean", [1, 2, 3, 10, 25])
def test_numbers_of_steps_are_uniform_around_their_mean(mean):
    rng = np.random.default_rng(0)
    numbers = np.array([drawn_steps(mean, rng) for _ in range(4000)])
    found = np.unique(numbers)
    np.testing.assert_array_equal(found, mean + np.arange(-(mean // 2), mean // 2 + 1))
    assert found[0] >= 1
    assert abs(numbers.mean() - mean) <= 4 * found.std() / np.sqrt(len(numbers))


def batch():
    """2,000 chains, each of one number, all of which start at 3."""
    potential = Potential(lambda x: 0.5 * (x * x).sum(dim=1), (1,), lambda x: x)
    free = UnderdampedLangevin(potential, everything_free(1), 1.0, TIMESTEP)
    move = EnsembleMove(Paths(free, Linear()), STEPS, True, Exactness(True, "Metropolised"))
    cv_of = Paths(SoftRestraint(potential, Coordinates(("x",), (0,), 1), 1.0, 0.1, (1.0,)), Linear())
    x = torch.full((2000, 1), OFF, dtype=torch.float64)
    state, generator, made = EnsembleState(x, x), torch.Generator().manual_seed(1), []
    for _ in range(MOVES):
        state, info = move.step(state, cv_of, generator)
        made.append(info.path.steps)
    assert (torch.stack(made) == torch.stack(made)[:, :1]).all()
    return state.x.numpy().ravel(), torch.stack(made)[:, 0].numpy()


def walker(kind=HybridMonteCarlo):
    """700 particles of OpenMM, each of which starts at (3, 3, 3)."""
    system = openmm.System()
    well = openmm.CustomExternalForce("(x^2+y^2+z^2)/2")
    for particle in range(700):
        system.addParticle(1.0)
        well.addParticle(particle, [])
    system.addForce(well)
    spec = OpenMMSpec(
        openmm.XmlSerializer.serialize(system), (distance("r", 0, 1),), 1.0, TIMESTEP, 0.0, Linear(), "Reference"
    )
    engine, rng, made = spec.build(), np.random.default_rng(2), []
    state = JumpState(Frame(OFF + 1e-3 * rng.standard_normal((700, 3)), None), np.zeros(1))
    for _ in range(MOVES):
        state, info = kind(STEPS).step(state, engine, rng)
        made.append(info.path.steps)
    return state.frame.positions.ravel(), np.array(made)


ENGINES = {"batch": batch, "OpenMM": walker, "OpenMM, equilibration": lambda: walker(FreshVelocities)}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_well_whose_period_is_the_mean_length_mixes(engine):
    x, made = ENGINES[engine]()
    assert abs(x.mean()) < 4 * np.sqrt(1 / len(x))
    assert abs((x * x).mean() - 1) < 4 * np.sqrt(2 / len(x))
    assert len(set(made)) > 10
    assert made.min() >= STEPS // 2
    assert made.max() <= 3 * STEPS // 2


@pytest.mark.parametrize("engine", ENGINES)
def test_with_a_fixed_number_it_never_does(engine, monkeypatch):
    for place in ("cvflow.sampler.local.drawn_steps", "cvflow.sampler.ensemble.drawn_steps"):
        monkeypatch.setattr(place, lambda mean, rng: mean)
    x, made = ENGINES[engine]()
    assert set(made) == {STEPS}
    np.testing.assert_allclose(x, OFF, atol=0.01)
