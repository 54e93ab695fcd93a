"""The molecule's energy in OpenMM is that of the density which its draws come from."""

import numpy as np
import openmm
import pytest

from cvflow.core.frames import Frame
from cvflow.engines.openmm import OpenMMSpec
from tests.engines import molecule
from tests.systems.exact import torsion as exact


def test_the_engine_has_the_energy_of_the_density():
    xml = openmm.XmlSerializer.serialize(molecule.system())
    engine = OpenMMSpec(xml, (molecule.cv(),), molecule.KT, 0.01, platform="Reference").build()
    x = molecule.exact_draws(200, np.random.default_rng(0))
    energy = np.array([engine.potential_energy(Frame(positions, None)) for positions in x])
    np.testing.assert_allclose(energy, exact.energy(x), rtol=1e-9, atol=1e-9)


def test_draws_lie_on_both_sides_of_the_cut():
    observed = molecule.observables(molecule.exact_draws(20_000, np.random.default_rng(1)))
    assert observed["beyond -π"].mean() == pytest.approx(0.2, abs=0.1)
    assert observed["before π"].mean() == pytest.approx(0.3, abs=0.1)
