"""Exactness of rigid bonds and rigid water through OpenMM, with the power to fail: docs/theory.md, section 3.10."""

from dataclasses import replace

import numpy as np
import pytest

from cvflow.core.frames import Frame
from cvflow.cv import torsion
from cvflow.doctor.verify.one_jump import ACCEPTANCE_MUTANTS, Case, Target, jumps, local_moves
from cvflow.doctor.verify.wrong_motion import LateOpenMM
from cvflow.engines.openmm.certificates import THRESHOLD
from tests.engines import rigid_triangle
from tests.engines.external import butane
from tests.engines.opencl import needs_opencl
from tests.engines.rigid_chain import SOFT, STIFF, RigidChain, largest_z
from tests.engines.stationarity import passes
from tests.engines.wrong_rigid import FreeEnds, FreeStarts, SwitchFirst


def of_chain(chain: RigidChain, **settings) -> Case:
    """All bonds are rigid."""
    target = Target(chain.system, chain.exact_draws, chain.observables, butane.BAD_FLOW, butane.KT, np.pi)
    return Case(kappa=80.0, cv=torsion("phi", 0, 1, 2, 3), target=target, **settings)


CHAIN = of_chain(STIFF, steps=12, timestep=0.008, draws=24_000)
WATER = Case(
    steps=12, timestep=0.006, kappa=300.0, cv=rigid_triangle.cv(), draws=24_000,
    target=Target(
        rigid_triangle.system, rigid_triangle.exact_draws, rigid_triangle.observables, rigid_triangle.BAD_FLOW,
        butane.KT, 1.2,
    ),
)  # fmt: skip
"""A rigid triangle, for which OpenMM has a solver of its own (SETTLE)."""

SMALL = replace(WATER, draws=4_000)


@pytest.mark.parametrize("target", ["chain", "water"])
def test_openmm_has_the_energy_of_the_draws(target):
    case, energy = {"chain": (CHAIN, STIFF.energy), "water": (WATER, rigid_triangle.energy)}[target]
    engine, x = case.build(), case.target.exact_draws(5, np.random.default_rng(5))
    found = np.array([engine.potential_energy(Frame(positions, None)) for positions in x])
    np.testing.assert_allclose(found, energy(x), rtol=1e-6, atol=1e-4)


def test_one_jump_of_rigid_water_leaves_the_target_alone():
    passes(SMALL)


@pytest.mark.parametrize("mutant", ACCEPTANCE_MUTANTS)
def test_a_wrong_acceptance_of_rigid_water_is_caught(mutant):
    assert jumps(SMALL).decided(ACCEPTANCE_MUTANTS[mutant](jumps(SMALL))).largest_z() > THRESHOLD


CASES = {
    "chain": CHAIN,
    "chain, CPU": replace(CHAIN, platform="CPU"),
    "chain, friction": replace(CHAIN, steps=100, timestep=0.006, friction=0.5, draws=8_000),
    "chain, two jumps": replace(CHAIN, jumps=2, draws=8_000),
    "water": WATER,
    "water, CPU": replace(WATER, platform="CPU"),
    "water, friction": replace(WATER, steps=100, timestep=0.004, friction=0.5, draws=8_000),
}
EACH = {"chain": CHAIN, "water": WATER}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_one_jump_leaves_the_target_alone(name):
    sample = jumps(CASES[name])
    moved, failed = (sample.after != sample.before).any(axis=(1, 2)).mean(), np.isnan(sample.work).mean()
    print(f"{name}: accepted {moved:.3f}, failed {failed:.4f}, largest |z| {sample.largest_z():.2f}")
    passes(CASES[name])


@pytest.mark.slow
@pytest.mark.parametrize("mutant", ACCEPTANCE_MUTANTS)
@pytest.mark.parametrize("target", EACH)
def test_a_wrong_acceptance_is_caught(target, mutant):
    sample = jumps(EACH[target])
    found = sample.decided(ACCEPTANCE_MUTANTS[mutant](sample)).largest_z()
    print(f"{target}, {mutant}: {found:.1f}")
    assert found > THRESHOLD


@pytest.mark.slow
@pytest.mark.parametrize("engine", [FreeStarts, FreeEnds, LateOpenMM, SwitchFirst])
def test_a_wrong_path_is_caught(engine):
    found = jumps(replace(CHAIN, engine=engine)).largest_z()
    print(f"chain, {engine.__name__}: {found:.1f}")
    assert found > THRESHOLD


@pytest.mark.slow
@pytest.mark.parametrize("engine", [FreeStarts, LateOpenMM])
def test_a_wrong_path_of_rigid_water_is_caught(engine):
    found = jumps(replace(WATER, engine=engine)).largest_z()
    print(f"water, {engine.__name__}: {found:.1f}")
    assert found > THRESHOLD


@pytest.mark.slow
@needs_opencl
@pytest.mark.parametrize("target", EACH)
def test_one_jump_on_opencl_leaves_the_target_alone(target):
    """In mixed precision; decisions that are wrong show."""
    case = replace(EACH[target], platform="OpenCL", properties=(("Precision", "mixed"),), draws=8_000)
    passes(case)
    for name, wrong in ACCEPTANCE_MUTANTS.items():
        found = jumps(case).decided(wrong(jumps(case))).largest_z()
        print(f"OpenCL, {target}, {name}: {found:.1f}")
        assert found > THRESHOLD or name.startswith("log q")


LOCAL = of_chain(SOFT, steps=20, timestep=0.004, draws=16_000)


@pytest.mark.slow
def test_local_moves_leave_the_target_alone_and_no_other_measure():
    """With the surface's volume in the metric of the masses, neither with none nor with its inverse."""
    sample = local_moves(LOCAL)
    found = {power: largest_z(sample.before, sample.after, power) for power in (0.0, -0.5, -1.0)}
    moved = (sample.before != sample.after).any(axis=(1, 2)).mean()
    print(f"accepted {moved:.3f}, failed {np.isnan(sample.work).mean():.4f}, largest |z| {found}")
    assert moved > 0.5
    assert found[0.0] < THRESHOLD
    assert found[-0.5] > THRESHOLD
    assert found[-1.0] > THRESHOLD
