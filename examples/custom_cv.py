"""A proton between two heavy atoms, sampled along a CV of one's own: python examples/custom_cv.py [FOLDER]."""

import sys

import numpy as np
import openmm
from openmm import app

import cvflow

DIFFERENCE = "distance(p1,p2)-distance(p3,p2)"  # d(A,H) - d(B,H) [nm]
WELL = f"17*((s/0.06)^2-1)^2+25*s; s={DIFFERENCE}"  # kJ/mol: a barrier of 7 kT, and the wells differ by 3 kJ/mol


def hydrogen_bond() -> cvflow.MolecularSystem:
    system, topology = openmm.System(), app.Topology()
    residue = topology.addResidue("HB", topology.addChain())
    spring = openmm.CustomExternalForce("k/2*((x-x0)^2+y^2+z^2)")
    spring.addPerParticleParameter("k")
    spring.addPerParticleParameter("x0")
    for name, mass, k, x0 in (("O", 16.0, 20000.0, -0.13), ("H", 1.008, 2000.0, 0.0), ("N", 14.0, 20000.0, 0.13)):
        topology.addAtom(name, app.Element.getBySymbol(name), residue)
        spring.addParticle(system.addParticle(mass), [k, x0])  # 2000 kJ/mol/nm² keep H near the line, 20000 A and B
    for force in (spring, on_the_three(WELL)):
        system.addForce(force)
    return cvflow.openmm_system(topology, system, temperature=300)


def on_the_three(expression: str) -> openmm.Force:
    force = openmm.CustomCompoundBondForce(3, expression)
    force.addBond([0, 1, 2], [])
    return force


if __name__ == "__main__":
    s = cvflow.cv.from_force("s", on_the_three(DIFFERENCE), unit="nm")
    starts = {name: np.array([[-0.13, 0, 0], [x, 0, 0], [0.13, 0, 0]]) for name, x in (("on_O", -0.03), ("on_N", 0.03))}
    result = cvflow.sample(
        hydrogen_bond(), cvs=[s], states={"on_O": "s < 0", "on_N": "s >= 0"}, starts=starts,
        out=sys.argv[1] if len(sys.argv) > 1 else "custom_cv_run", walkers=4, adapt_jumps=40, jumps=300,
        local_steps=100, path={"steps": 100}, engine={"platform": "Reference"},
    )  # fmt: skip
    value = result.delta_f("on_O", "on_N")
    print(f"F(on_N) - F(on_O) = {value.kT:.2f} ± {value.kT_stderr:.2f} kT", end=" ")
    print(f"= {value.kJ_mol:.2f} ± {value.kJ_mol_stderr:.2f} kJ/mol")
