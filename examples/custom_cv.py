"""A proton between two heavy atoms, sampled along a CV of one's own: python examples/custom_cv.py [FOLDER]."""

import sys

import numpy as np
import openmm
from openmm import app

import cvflow

DIFFERENCE = "distance(p1,p2)-distance(p3,p2)"  # d(O,H) - d(N,H) [nm]
ENERGY = (  # kJ/mol: a barrier of 7 kT between wells that differ by 3 kJ/mol, and springs that bind the atoms
    "17*((s/0.06)^2-1)^2+25*s+1000*(x2^2+y2^2+z2^2)"
    f"+10000*((x1+0.13)^2+y1^2+z1^2+(x3-0.13)^2+y3^2+z3^2); s={DIFFERENCE}"
)


def on_the_atoms(expression: str) -> openmm.Force:
    force = openmm.CustomCompoundBondForce(3, expression)
    force.addBond([0, 1, 2], [])
    return force


if __name__ == "__main__":
    system, topology = openmm.System(), app.Topology()
    residue = topology.addResidue("OHN", topology.addChain())
    for element in (app.element.oxygen, app.element.hydrogen, app.element.nitrogen):
        topology.addAtom(element.symbol, element, residue)
        system.addParticle(element.mass)
    system.addForce(on_the_atoms(ENERGY))
    s = cvflow.cv.from_force("s", on_the_atoms(DIFFERENCE), unit="nm")
    starts = {name: np.array([[-0.13, 0, 0], [x, 0, 0], [0.13, 0, 0]]) for name, x in (("OH", -0.03), ("NH", 0.03))}
    result = cvflow.sample(
        cvflow.openmm_system(topology, system, temperature=300), cvs=[s], states={"OH": "s < 0", "NH": "s >= 0"},
        starts=starts, out=sys.argv[1] if len(sys.argv) > 1 else "custom_cv_run", walkers=4, adapt_jumps=40, jumps=500,
        local_steps=100, path={"steps": 100}, engine={"platform": "Reference"},
    )  # fmt: skip
    f = result.delta_f("OH", "NH")
    print(f"F(NH) - F(OH) = {f.kT:.2f} ± {f.kT_stderr:.2f} kT = {f.kJ_mol:.2f} ± {f.kJ_mol_stderr:.2f} kJ/mol")
