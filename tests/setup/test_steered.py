"""Springs that are found from what equilibration visited."""

from pathlib import Path

import numpy as np
import pytest

from cvflow.config.settings import parse
from cvflow.setup import from_config

TORSIONS = {"system": {"name": "alanine_dipeptide"}, "run": {"walkers": 2}, "flow": {}}


@pytest.fixture(scope="module")
def alanine():
    return from_config(parse(TORSIONS, "test"), Path())


def visited(psi):
    """φ in one well; ψ around these values, one after the other."""
    rng = np.random.default_rng(0)
    around = np.stack([np.full(24, -1.3), np.resize(psi, 24)], axis=-1)
    return around + 0.3 * rng.normal(size=(2, 24, 2))


def test_a_state_of_several_wells_makes_springs_that_are_warned_of(alanine):
    (said,) = alanine.steered.doubts(alanine, visited([2.6, -0.6]))
    assert "psi 4.1:" in said
    assert "phi" not in said
    assert "set path.kappa, to 512 say" in said


def test_a_single_well_s_springs_are_not(alanine):
    assert alanine.steered.doubts(alanine, visited([2.6])) == ()


def test_springs_that_are_given_are_not(alanine):
    assert alanine.steered.doubts(alanine.changed(path={"kappa": 1.0}), visited([2.6, -0.6])) == ()
