"""Exactness of rigid bonds and rigid water through OpenMM, with the power to fail: docs/theory.md, section 3.10."""

from dataclasses import replace

import numpy as np
import pytest

from cvflow.core.frames import Frame
from cvflow.doctor.verify import laws, rigid_water
from cvflow.doctor.verify.laws import of_chain, of_water, with_inverse_metric, without_metric
from cvflow.doctor.verify.one_jump import ACCEPTANCE_MUTANTS, jumps, local_moves
from cvflow.doctor.verify.rigid_chain import SOFT_CHAIN, STIFF_CHAIN
from cvflow.doctor.verify.wrong_motion import FreeStarts, LateOpenMM, LateSites
from cvflow.engines.openmm.certificates import THRESHOLD
from tests.engines.opencl import needs_opencl
from tests.engines.stationarity import passes
from tests.engines.wrong_rigid import FreeEnds, SwitchFirst

CHAIN, WATER = of_chain(STIFF_CHAIN, draws=24_000, steps=12, timestep=0.008), of_water(laws.WATER, draws=24_000)
WITH_SITE = of_water(laws.WITH_SITE, draws=24_000)
SMALL = replace(WATER, draws=4_000)


ENERGIES = {
    "chain": (CHAIN, STIFF_CHAIN.energy),
    "water": (WATER, rigid_water.energy),
    "water with a site": (WITH_SITE, rigid_water.energy),
}


@pytest.mark.parametrize("target", ENERGIES)
def test_openmm_has_the_energy_of_the_draws(target):
    case, energy = ENERGIES[target]
    engine, x = case.build(), case.target.exact_draws(5, np.random.default_rng(5))
    found = np.array([engine.potential_energy(Frame(positions, None)) for positions in x])
    np.testing.assert_allclose(found, energy(x), rtol=1e-6, atol=1e-4)


def test_one_jump_of_rigid_water_leaves_the_target_alone():
    passes(SMALL)


def test_one_jump_of_water_with_a_virtual_site_leaves_the_target_alone():
    small = replace(WITH_SITE, draws=2_000)
    passes(small)
    assert jumps(replace(WITH_SITE, engine=LateSites, draws=12_000)).largest_z() > THRESHOLD


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
    "water with a site": WITH_SITE,
    "water with a site, CPU": replace(WITH_SITE, platform="CPU"),
    "water, friction": replace(WATER, steps=100, timestep=0.004, friction=0.5, draws=8_000),
}
EACH = {"chain": CHAIN, "water": WATER, "water with a site": WITH_SITE}


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


LOCAL = of_chain(SOFT_CHAIN, draws=16_000, steps=20, timestep=0.004)


@pytest.mark.slow
def test_local_moves_leave_the_target_alone_and_no_other_measure():
    """With the surface's volume in the metric of the masses, neither with none nor with its inverse."""
    sample = local_moves(LOCAL)
    found = {"right": sample.largest_z(), "none": without_metric(sample), "inverse": with_inverse_metric(sample)}
    moved = (sample.before != sample.after).any(axis=(1, 2)).mean()
    print(f"accepted {moved:.3f}, failed {np.isnan(sample.work).mean():.4f}, largest |z| {found}")
    assert moved > 0.5
    assert found["right"] < THRESHOLD
    assert found["none"] > THRESHOLD
    assert found["inverse"] > THRESHOLD
