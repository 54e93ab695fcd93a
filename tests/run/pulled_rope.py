"""Two atoms of which one stands still, on a slope of 50 kT with waves on it: F along their distance is known."""

import numpy as np
import openmm
from openmm import app

KT = 2.494338785445972
"""kJ/mol, at 300 K."""

CONFIG = {
    "run": {"seed": 3, "walkers": 2, "local_steps": 50},
    "system": {"python": "rope.py:rope", "starts": {"near": "near.pdb"}},
    "engine": {"temperature": 300.0, "platform": "Reference"},
    "cv": [{"name": "r", "type": "distance", "atoms": [0, 1]}],
    "path": {"timestep": 0.02},
    "states": {"near": "r < 1.0", "far": "r >= 1.0"},
    "pull": {"from": 0.5, "to": 1.5, "stages": 10, "paths": 30, "steps": 100, "equilibration": 500, "between": 100},
}

SOURCE = "from tests.run.pulled_rope import rope\n"

START = """\
HETATM    1  A    AR A   1       0.000   0.000   0.000  1.00  0.00          AR
HETATM    2  B    AR A   2       6.000   0.000   0.000  1.00  0.00          AR
END
"""


def rope():
    """The topology and the System."""
    system = openmm.System()
    system.addParticle(0.0)
    system.addParticle(40.0)
    force = openmm.CustomBondForce(f"{KT}*(50*(r-0.5)+3*sin(12.5*r))")
    force.addBond(0, 1, [])
    system.addForce(force)
    topology = app.Topology()
    chain = topology.addChain()
    for name in "AB":
        topology.addAtom(name, app.Element.getBySymbol("Ar"), topology.addResidue("AR", chain))
    return topology, system


def exact(edges):
    """F of bins [kT], up to a constant: the distance's volume element is in it."""
    fine = np.linspace(edges[0], edges[-1], 50 * (len(edges) - 1) + 1)
    middles = 0.5 * (fine[1:] + fine[:-1])
    energy = 50 * (middles - 0.5) + 3 * np.sin(12.5 * middles) - 2 * np.log(middles)
    return -np.log(np.exp(-energy).reshape(-1, 50).mean(axis=1))


def fill(folder):
    """The config's files."""
    (folder / "rope.py").write_text(SOURCE)
    (folder / "near.pdb").write_text(START)
