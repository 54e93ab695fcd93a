"""Exactness of the ASE engine, with the power to fail: docs/theory.md, section 6."""

from dataclasses import replace

import pytest

pytest.importorskip("ase", reason="NO ASE: the engine over its calculators is not tested (pip install ase)")

from cvflow.cv import from_plumed
from cvflow.schedule import Cosine
from tests.cv.with_plumed import needs_plumed
from tests.engine.ase_case import AseCase, HalfStepVelocities, SwitchFirst
from tests.engine.mutants import Quadratic
from tests.engine.stationarity import ACCEPTANCE_MUTANTS, THRESHOLD, jumps, local_moves, log_ratios

COARSE = AseCase(steps=1, timestep=0.36, kappa=20.0)
FRICTION = AseCase(steps=80, timestep=0.15, kappa=15.0, friction=0.4, draws=6_000)


def passes(case):
    sample = jumps(case)
    moved = (sample.after != sample.before).any(axis=(1, 2)).mean()
    assert 0.05 < moved < 0.95, "a kernel that never or always moves proves nothing"
    assert sample.largest_z() < THRESHOLD


def test_one_coarse_step_leaves_the_distribution_invariant():
    passes(COARSE)


@pytest.mark.parametrize("mutant", ["sign of W", "shadow work left out"])
def test_a_wrong_acceptance_is_caught(mutant):
    sample = jumps(COARSE)
    assert sample.decided(ACCEPTANCE_MUTANTS[mutant](sample)).largest_z() > THRESHOLD


def test_velocities_of_half_a_step_are_caught():
    assert jumps(replace(COARSE, engine=HalfStepVelocities, draws=6_000)).largest_z() > THRESHOLD


@pytest.mark.slow
def test_friction_leaves_the_distribution_invariant():
    passes(FRICTION)


@pytest.mark.slow
def test_heat_counted_as_work_is_caught():
    sample = jumps(FRICTION)
    assert sample.heat.any()
    assert sample.decided(log_ratios(sample, work=sample.work + sample.heat)).largest_z() > THRESHOLD


@needs_plumed
def test_steered_by_plumed():
    passes(replace(COARSE, cv=from_plumed("r", "r: DISTANCE ATOMS=1,2"), draws=3_000))


FINE = {
    "one coarse step": replace(COARSE, draws=100_000),
    "three steps, two jumps": AseCase(steps=3, timestep=0.2, kappa=15.0, jumps=2, draws=60_000),
    "twenty steps, cosine": AseCase(steps=20, timestep=0.15, kappa=30.0, schedule=Cosine(), draws=30_000),
    "given up early": replace(FRICTION, gives_up=True, draws=30_000),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FINE)
def test_one_jump_leaves_the_distribution_invariant(name):
    passes(FINE[name])


@pytest.mark.slow
def test_switching_before_the_step_is_caught():
    case = AseCase(steps=1, timestep=0.28, kappa=20.0, engine=SwitchFirst, draws=100_000)
    assert jumps(case).largest_z() > THRESHOLD


@pytest.mark.slow
def test_local_moves_leave_the_distribution_invariant():
    assert local_moves(AseCase(steps=10, timestep=0.28, kappa=1.0, draws=40_000)).largest_z() < THRESHOLD


@pytest.mark.slow
def test_a_schedule_that_differs_backwards_is_caught():
    case = AseCase(steps=6, timestep=0.2, kappa=15.0, schedule=Quadratic(), draws=200_000)
    assert jumps(case).largest_z() > THRESHOLD
