"""Heavy hydrogens: every hydrogen that moves, and nothing else."""

import numpy as np
import openmm
import pytest
from openmm import app

from cvflow.core.frames import Frame
from cvflow.cv import distance
from cvflow.engines.openmm import OpenMMSpec, with_hydrogen_mass


def water(masses):
    """Three harmonic atoms, H-O-H, of these masses."""
    system, bonds, topology = openmm.System(), openmm.HarmonicBondForce(), app.Topology()
    residue = topology.addResidue("HOH", topology.addChain())
    for mass, name in zip(masses, ("H1", "O", "H2"), strict=True):
        system.addParticle(mass)
        topology.addAtom(name, app.Element.getBySymbol(name[0]), residue)
    bonds.addBond(0, 1, 0.1, 5e4)
    bonds.addBond(1, 2, 0.1, 5e4)
    system.addForce(bonds)
    return system, topology


def masses(system):
    return [system.getParticleMass(i)._value for i in range(system.getNumParticles())]


def test_every_hydrogen_gets_the_mass_but_a_frozen_one():
    system, topology = water([0.0, 16.0, 1.0])
    heavy = with_hydrogen_mass(system, topology, 4.0)
    assert masses(heavy) == [0.0, 16.0, 4.0]
    assert masses(system) == [0.0, 16.0, 1.0]


def test_a_frozen_hydrogen_stays_where_it_is():
    system, topology = water([0.0, 16.0, 1.0])
    xml = openmm.XmlSerializer.serialize(with_hydrogen_mass(system, topology, 4.0))
    engine = OpenMMSpec(xml, (distance("d", 1, 2),), 2.5, 0.0005, platform="Reference").build()
    start = np.array([[0.0, 0, 0], [0.12, 0, 0], [0.12, 0.11, 0]])
    for frame in (
        engine.free_path(Frame(start, None), 50, 0.0, np.random.default_rng(0)).frame,
        engine.relaxed(Frame(start, None)),
    ):
        assert (frame.positions[0] == start[0]).all()
        assert (frame.positions[1:] != start[1:]).any()


@pytest.mark.parametrize("mass", [0.0, -1.0])
def test_the_mass_is_positive(mass):
    with pytest.raises(ValueError, match="must be positive"):
        with_hydrogen_mass(*water([1.0, 16.0, 1.0]), mass)
