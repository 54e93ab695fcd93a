"""Exactness through LAMMPS, with the power to fail: docs/theory.md, section 6."""

from dataclasses import replace

import pytest

from cvflow.cv import from_plumed
from cvflow.schedule import Cosine
from tests.cv.with_plumed import needs_plumed
from tests.engine import triangle
from tests.engine.lammps_case import HalfStepVelocities, LammpsCase, SwitchFirst
from tests.engine.lammps_missing import skip_module_without_lammps
from tests.engine.stationarity import ACCEPTANCE_MUTANTS, DRAWS, THRESHOLD, jumps, local_moves, log_ratios

skip_module_without_lammps()

COARSE = LammpsCase(steps=1, timestep=0.28, kappa=20.0, draws=24_000)


def passes(case: LammpsCase) -> None:
    sample = jumps(case)
    moved = (sample.after != sample.before).any(axis=(1, 2)).mean()
    assert 0.05 < moved < 0.95, "a kernel that never or always moves proves nothing"
    assert sample.largest_z() < THRESHOLD


def test_one_coarse_step_leaves_the_distribution_invariant():
    passes(COARSE)


@pytest.mark.parametrize("mutant", ["sign of W", "shadow work left out"])
def test_a_wrong_work_is_caught(mutant):
    sample = jumps(COARSE)
    assert sample.decided(ACCEPTANCE_MUTANTS[mutant](sample)).largest_z() > THRESHOLD


def test_the_decisions_on_stored_paths_are_those_of_the_kernel():
    sample = jumps(COARSE)
    assert sample.decided(log_ratios(sample)).largest_z() < THRESHOLD


def test_switching_before_the_step_is_caught():
    assert jumps(replace(COARSE, engine=SwitchFirst)).largest_z() > THRESHOLD


def test_velocities_of_half_a_step_are_caught():
    assert jumps(replace(COARSE, engine=HalfStepVelocities, draws=8_000)).largest_z() > THRESHOLD


LONGER = LammpsCase(steps=3, timestep=0.2, kappa=15.0, draws=40_000)

SLOW = {
    "one coarse step": replace(COARSE, draws=DRAWS),
    "three steps": LONGER,
    "three steps, two jumps": replace(LONGER, jumps=2),
    "LAMMPS's own bonds": replace(LONGER, model=triangle.native()),
    "twenty steps, cosine": replace(LONGER, steps=20, timestep=0.15, kappa=30.0, schedule=Cosine()),
    "friction": replace(LONGER, steps=80, timestep=0.15, friction=0.4, draws=30_000),
    "given up early": replace(LONGER, steps=80, timestep=0.15, friction=0.4, gives_up=True, draws=30_000),
    "a CV with a gradient of its own": replace(LONGER, cv=triangle.OwnGradient(), draws=40_000),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_jumps_leave_the_distribution_invariant(name):
    passes(SLOW[name])


@pytest.mark.slow
@pytest.mark.parametrize("mutant", ACCEPTANCE_MUTANTS)
def test_a_wrong_acceptance_is_caught(mutant):
    sample = jumps(SLOW["one coarse step"])
    assert sample.decided(ACCEPTANCE_MUTANTS[mutant](sample)).largest_z() > THRESHOLD


@pytest.mark.slow
def test_heat_counted_as_work_is_caught():
    sample = jumps(SLOW["friction"])
    assert sample.heat.any()
    assert sample.decided(log_ratios(sample, work=sample.work + sample.heat)).largest_z() > THRESHOLD


@pytest.mark.slow
def test_local_moves_leave_the_distribution_invariant():
    assert local_moves(LammpsCase(steps=10, timestep=0.28, kappa=1.0, draws=40_000)).largest_z() < THRESHOLD


@needs_plumed
def test_one_jump_steered_by_plumed_leaves_the_distribution_invariant():
    case = replace(COARSE, cv=from_plumed("r", "r: DISTANCE ATOMS=1,2 NOPBC"), draws=8_000)
    passes(case)
    assert jumps(case).decided(ACCEPTANCE_MUTANTS["sign of W"](jumps(case))).largest_z() > THRESHOLD
