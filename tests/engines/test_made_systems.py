"""Systems that a function makes, with forces of Python's: exact, with the power to fail."""

from dataclasses import replace

import numpy as np
import pytest

from cvflow.doctor.verify import dumbbell
from cvflow.doctor.verify.one_jump import ACCEPTANCE_MUTANTS, Case, jumps
from cvflow.engines.openmm.certificates import THRESHOLD
from cvflow.engines.openmm.function import made_by
from cvflow.host.functions import NamedFunction
from tests.engines import by_python
from tests.engines.by_python import MadeCase
from tests.engines.stationarity import passes

COARSE = MadeCase(steps=1, timestep=0.28, kappa=20.0, draws=60_000)


def test_one_jump_leaves_the_distribution_invariant():
    passes(replace(COARSE, draws=8_000))


@pytest.mark.slow
def test_one_jump_of_more_draws_leaves_the_distribution_invariant():
    passes(COARSE)


@pytest.mark.slow
@pytest.mark.parametrize("mutant", ACCEPTANCE_MUTANTS)
def test_a_wrong_acceptance_is_caught(mutant):
    sample = jumps(COARSE)
    assert sample.decided(ACCEPTANCE_MUTANTS[mutant](sample)).largest_z() > THRESHOLD


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
def test_the_energy_is_the_same_system_s(platform):
    """Which is stored as XML otherwise."""
    (frame,) = dumbbell.frames(dumbbell.exact_draws(1, np.random.default_rng(3)))
    made = MadeCase(steps=1, timestep=0.1, kappa=1.0, platform=platform).build()
    stored = Case(steps=1, timestep=0.1, kappa=1.0, platform=platform).build()
    assert made.potential_energy(frame) == pytest.approx(stored.potential_energy(frame), rel=1e-6)


def test_each_call_makes_a_system_of_its_own():
    function = NamedFunction(f"{by_python.__file__}:made")
    assert made_by(function).system is not made_by(function).system
