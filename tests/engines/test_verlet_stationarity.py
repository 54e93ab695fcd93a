"""Exactness through LAMMPS and ASE, with the power to fail: docs/theory.md, section 6. OpenMM: test_stationarity.py.

Each library has its own target, time steps and numbers of draws, at which the mutants show; the claims are the same.
"""

import pytest

from cvflow.core.schedule import Cosine
from cvflow.cv import from_plumed
from cvflow.doctor.verify.one_jump import ACCEPTANCE_MUTANTS, DRAWS_IN_ALL, Case, jumps, local_moves, log_ratios
from cvflow.engines.openmm.certificates import THRESHOLD
from tests.cv.with_plumed import needs_plumed
from tests.engines import triangle
from tests.engines.mutants import Quadratic
from tests.engines.stationarity import passes
from tests.engines.verlet_case import need

each_library = pytest.mark.parametrize("library", ["LAMMPS", "ASE"])


def case(library: str, settings: dict) -> Case:
    """A case of a library; an `engine` that is wrong is given by its name."""
    need(library.lower())
    if library == "LAMMPS":
        from tests.engines import lammps_case as module

        kind = module.LammpsCase
    else:
        from tests.engines import ase_case as module  # imports ASE

        kind = module.AseCase
    wrong = {"engine": getattr(module, settings["engine"])} if "engine" in settings else {}
    return kind(**(settings | wrong))


COARSE = {
    "LAMMPS": {"steps": 1, "timestep": 0.36, "kappa": 20.0, "draws": 12_000},
    "ASE": {"steps": 1, "timestep": 0.36, "kappa": 20.0, "draws": 12_000},
}
HALF_STEP = {
    "LAMMPS": COARSE["LAMMPS"] | {"engine": "HalfStepVelocities", "draws": 8_000},
    "ASE": COARSE["ASE"] | {"engine": "HalfStepVelocities", "draws": 6_000},
}
SWITCH_FIRST = {
    "LAMMPS": COARSE["LAMMPS"] | {"timestep": 0.28, "engine": "SwitchFirst", "draws": 24_000},
    "ASE": {"steps": 1, "timestep": 0.28, "kappa": 20.0, "engine": "SwitchFirst", "draws": DRAWS_IN_ALL},
}
BY_PLUMED = {
    "LAMMPS": COARSE["LAMMPS"] | {"draws": 8_000},
    "ASE": COARSE["ASE"] | {"draws": 3_000},
}


@each_library
def test_one_coarse_step_leaves_the_distribution_invariant(library):
    passes(case(library, COARSE[library]))


@each_library
@pytest.mark.parametrize("mutant", ["sign of W", "shadow work left out"])
def test_a_wrong_work_is_caught(library, mutant):
    sample = jumps(case(library, COARSE[library]))
    assert sample.decided(ACCEPTANCE_MUTANTS[mutant](sample)).largest_z() > THRESHOLD


@each_library
def test_the_decisions_on_stored_paths_are_those_of_the_kernel(library):
    sample = jumps(case(library, COARSE[library]))
    assert sample.decided(log_ratios(sample)).largest_z() < THRESHOLD


@pytest.mark.slow  # as test_stationarity.py catches it through OpenMM each time
@each_library
def test_velocities_of_half_a_step_are_caught(library):
    assert jumps(case(library, HALF_STEP[library])).largest_z() > THRESHOLD


@pytest.mark.slow  # as test_stationarity.py catches it through OpenMM each time
@each_library
def test_switching_before_the_step_is_caught(library):
    assert jumps(case(library, SWITCH_FIRST[library])).largest_z() > THRESHOLD


@needs_plumed
@each_library
def test_one_jump_steered_by_plumed_leaves_the_distribution_invariant(library):
    by_plumed = case(library, BY_PLUMED[library] | {"cv": from_plumed("r", "r: DISTANCE ATOMS=1,2 NOPBC")})
    passes(by_plumed)
    sample = jumps(by_plumed)
    assert sample.decided(ACCEPTANCE_MUTANTS["sign of W"](sample)).largest_z() > THRESHOLD


SHORT = {"steps": 3, "timestep": 0.2, "kappa": 15.0, "draws": 40_000}
COSINE = {"steps": 20, "timestep": 0.15, "kappa": 30.0, "schedule": Cosine()}
FRICTION = {"steps": 80, "timestep": 0.15, "kappa": 15.0, "friction": 0.4, "draws": 30_000}
GIVEN_UP = FRICTION | {"gives_up": True}
LOCAL = {"steps": 10, "timestep": 0.28, "kappa": 1.0, "draws": 40_000}

WITH_FRICTION = {"LAMMPS": FRICTION, "ASE": FRICTION | {"draws": 6_000}}
FINE = {
    "LAMMPS": {
        "one coarse step": COARSE["LAMMPS"] | {"draws": DRAWS_IN_ALL},
        "three steps": SHORT,
        "three steps, two jumps": SHORT | {"jumps": 2},
        "LAMMPS's own bonds": SHORT | {"model": triangle.native()},
        "twenty steps, cosine": COSINE | {"draws": 40_000},
        "friction": WITH_FRICTION["LAMMPS"],
        "given up early": GIVEN_UP,
        "a CV with a gradient of its own": SHORT | {"cv": triangle.OwnGradient()},
    },
    "ASE": {
        "one coarse step": COARSE["ASE"] | {"draws": DRAWS_IN_ALL},
        "three steps, two jumps": SHORT | {"jumps": 2, "draws": 60_000},
        "twenty steps, cosine": COSINE | {"draws": 30_000},
        "friction": WITH_FRICTION["ASE"],
        "given up early": GIVEN_UP,
    },
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("library", "name"),
    [(library, name) for library, cases in FINE.items() for name in cases],
)
def test_jumps_leave_the_distribution_invariant(library, name):
    passes(case(library, FINE[library][name]))


@pytest.mark.slow
@each_library
@pytest.mark.parametrize("mutant", ACCEPTANCE_MUTANTS)
def test_a_wrong_acceptance_is_caught(library, mutant):
    sample = jumps(case(library, FINE[library]["one coarse step"]))
    assert sample.decided(ACCEPTANCE_MUTANTS[mutant](sample)).largest_z() > THRESHOLD


@pytest.mark.slow
@each_library
def test_heat_counted_as_work_is_caught(library):
    sample = jumps(case(library, WITH_FRICTION[library]))
    assert sample.heat.any()
    assert sample.decided(log_ratios(sample, work=sample.work + sample.heat)).largest_z() > THRESHOLD


@pytest.mark.slow
@each_library
def test_local_moves_leave_the_distribution_invariant(library):
    assert local_moves(case(library, LOCAL)).largest_z() < THRESHOLD


@pytest.mark.slow
def test_a_schedule_that_differs_backwards_is_caught():
    settings = {"steps": 6, "timestep": 0.2, "kappa": 15.0, "schedule": Quadratic(), "draws": 200_000}
    assert jumps(case("ASE", settings)).largest_z() > THRESHOLD
