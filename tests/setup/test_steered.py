"""Springs that are found from what equilibration visited."""

from pathlib import Path

import numpy as np
import pytest

from cvflow.config.settings import parse
from cvflow.setup import from_config
from cvflow.setup.steered import BLUR

TORSIONS = {"system": {"name": "alanine_dipeptide"}, "run": {"walkers": 2}, "flow": {}}


@pytest.fixture(scope="module")
def alanine():
    return from_config(parse(TORSIONS, "test"), Path())


def visited(psi, width=0.3):
    """φ in one well of width 0.3; ψ around these values, one after the other."""
    rng = np.random.default_rng(0)
    around = np.stack([np.full(24, -1.3), np.resize(psi, 24)], axis=-1)
    return around + [0.3, width] * rng.normal(size=(2, 24, 2))


def test_springs_of_a_state_of_several_wells_are_those_of_one(alanine):
    """0.4 standard deviations of a well, not of the state, which has 1.6 rad: a spring of 6 kJ/mol/rad²."""
    of_one = alanine.kT / (BLUR * 0.3) ** 2
    np.testing.assert_allclose(alanine.kappa(visited([2.6, -0.6])), of_one, rtol=0.5)
    assert alanine.steered.doubts(alanine, visited([2.6, -0.6])) == ()


def test_a_single_well_s_springs_are_its_own(alanine):
    np.testing.assert_allclose(alanine.kappa(visited([2.6])), alanine.kT / (BLUR * 0.3) ** 2, rtol=0.5)
    assert alanine.steered.doubts(alanine, visited([2.6])) == ()


def test_springs_that_stay_soft_are_warned_of(alanine):
    (said,) = alanine.steered.doubts(alanine, visited([1.5], width=0.9))
    assert "psi 2" in said
    assert "phi" not in said
    assert "set path.kappa, to 512 say" in said


def test_springs_that_are_given_are_not(alanine):
    assert alanine.steered.doubts(alanine.changed(path={"kappa": 1.0}), visited([2.6, -0.6])) == ()
