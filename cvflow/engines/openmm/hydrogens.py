"""Heavy hydrogens: a longer time step for the same distribution of positions."""

from copy import deepcopy

import openmm
from openmm import app


def with_hydrogen_mass(system: openmm.System, topology: app.Topology, mass: float) -> openmm.System:
    """A copy of a System in which every hydrogen that moves has this mass [amu]; one of mass zero stays frozen.

    The momenta are the sampler's to choose: the distribution of positions does not know the masses, so this is exact,
    while bonds to hydrogen vibrate more slowly by the square root of their reduced mass. Nothing is taken from the
    atoms that hydrogens are bonded to, as the usual repartitioning does: they would move faster again.

    Raises:
        ValueError: the mass is not positive, or topology and system differ in the number of atoms.
    """
    if not mass > 0:
        raise ValueError(f"hydrogen_mass must be positive, got {mass} amu")
    if topology.getNumAtoms() != system.getNumParticles():
        raise ValueError(
            f"the topology has {topology.getNumAtoms()} atoms and the system {system.getNumParticles()}: give the same"
        )
    system = deepcopy(system)
    for atom in topology.atoms():
        if atom.element is app.element.hydrogen and system.getParticleMass(atom.index)._value > 0:
            system.setParticleMass(atom.index, mass)
    return system
