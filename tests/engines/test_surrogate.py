"""Paths on a surrogate: the chain is exact for the truth, and wrong ways of deciding are caught."""

import numpy as np
import pytest

from cvflow.core.frames import Frame
from cvflow.doctor.verify import dumbbell
from cvflow.doctor.verify.one_jump import jumps, local_moves
from cvflow.engines.openmm.certificates import THRESHOLD
from tests.engines.stationarity import passes
from tests.engines.surrogate_case import (
    MEAN_OFFSET,
    LooksAgainstTheSurrogate,
    SurrogateCase,
    TruthAtTheEndAlone,
    WorkOfTheSurrogate,
    of_rigid_chain,
)

COARSE = {"steps": 3, "timestep": 0.2, "kappa": 15.0, "draws": 3_000}
FRICTION = {"steps": 80, "timestep": 0.15, "kappa": 15.0, "friction": 0.4}
GIVEN_UP = {
    "steps": 80,
    "timestep": 0.15,
    "kappa": 15.0,
    "gives_up": True,
    "offset": MEAN_OFFSET + 2.0,
    "draws": 40_000,
}


def test_one_jump_leaves_the_truth_invariant():
    passes(SurrogateCase(**COARSE))


@pytest.mark.parametrize("mutant", [WorkOfTheSurrogate, TruthAtTheEndAlone])
def test_energies_of_the_wrong_potential_are_caught(mutant):
    assert jumps(SurrogateCase(**COARSE, engine=mutant)).largest_z() > THRESHOLD


def test_one_jump_of_a_rigid_chain_around_a_circle_leaves_the_truth_invariant():
    passes(of_rigid_chain())
    assert jumps(of_rigid_chain(WorkOfTheSurrogate)).largest_z() > THRESHOLD


def test_a_true_energy_is_paid_for_once(monkeypatch):
    """Paths that are rejected again and again, of two walkers in turn: where they begin is known."""
    engine = SurrogateCase(**COARSE).build()
    asked, energy = [], engine._truth.potential_energy
    monkeypatch.setattr(engine._truth, "potential_energy", lambda frame: asked.append(frame) or energy(frame))
    starts = [Frame(x, None) for x in dumbbell.exact_draws(2, np.random.default_rng(0))]
    for number in range(40):
        engine.free_path(starts[number % 2], 3, 0.0, np.random.default_rng(number))
    assert len(asked) == 40 + 2


@pytest.mark.parametrize("mutant", [None, WorkOfTheSurrogate])
def test_a_local_move_leaves_the_truth_invariant_and_not_the_surrogate(mutant):
    engine = {"engine": mutant} if mutant else {}
    z = local_moves(SurrogateCase(steps=5, timestep=0.2, kappa=1.0, draws=3_000, **engine)).largest_z()
    assert (z > THRESHOLD) == bool(mutant)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [COARSE | {"draws": 40_000}, FRICTION | {"draws": 20_000}, GIVEN_UP])
def test_jumps_leave_the_truth_invariant(settings):
    passes(SurrogateCase(**settings))


@pytest.mark.slow
def test_looks_from_the_surrogate_s_own_start_are_caught():
    assert jumps(SurrogateCase(**GIVEN_UP, engine=LooksAgainstTheSurrogate)).largest_z() > THRESHOLD
