"""A few molecules of water of a force field of OpenMM's, without a box."""

import numpy as np
import openmm
from openmm import app, unit

OXYGENS = np.array([[0.0, 0.0, 0.0], [0.29, 0.03, 0.0], [0.1, 0.27, 0.05]])
HYDROGENS = np.array([[0.0757, 0.0586, 0.0], [-0.0757, 0.0586, 0.0]])


def cluster(model: str, rigid: bool = True) -> tuple[openmm.System, np.ndarray]:
    """Three molecules, with the sites that the model has: "tip3p", "tip4pew" or "tip5p"."""
    topology, positions = app.Topology(), []
    chain = topology.addChain()
    for oxygen in OXYGENS:
        residue = topology.addResidue("HOH", chain)
        o, *hydrogens = (
            topology.addAtom(name, element, residue)
            for name, element in (("O", app.element.oxygen), ("H1", app.element.hydrogen), ("H2", app.element.hydrogen))
        )
        for hydrogen in hydrogens:
            topology.addBond(o, hydrogen)
        positions += [oxygen, *(oxygen + HYDROGENS)]
    field = app.ForceField({"tip5p": "tip5p.xml"}.get(model, f"amber14/{model}.xml"))
    made = app.Modeller(topology, np.array(positions) * unit.nanometer)
    made.addExtraParticles(field)
    system = field.createSystem(made.topology, nonbondedMethod=app.NoCutoff, rigidWater=rigid, removeCMMotion=False)
    return system, np.array(made.positions.value_in_unit(unit.nanometer))
