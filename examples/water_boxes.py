"""Boxes of water for runs at constant volume: one a structure, all with the same box and the same number of molecules.

OpenMM's Modeller puts the water around each structure, which is held as it is by springs between all its atoms while a
barostat finds the volume: a small box as Modeller leaves it has a tenth too little water. Then all get the mean box of
the first.

    python examples/water_boxes.py examples/alanine/c7eq.pdb examples/alanine/c7ax.pdb --shape octahedron --waters 230 \
        --out examples/alanine_water
    python examples/water_boxes.py contact.pdb separated.pdb --shape cube --waters 180 --out examples/nacl_water
"""

import argparse
from itertools import combinations
from pathlib import Path

import numpy as np
import openmm
from openmm import app, unit

KELVIN, BAR, TIMESTEP, SPRING = 300.0, 1.0, 0.002, 20_000.0
"""ps; kJ/mol/nm²."""
FIELD = app.ForceField("amber14-all.xml", "amber14/tip3p.xml")


def solvated(name: Path, waters: int, shape: str) -> app.Modeller:
    solute = app.PDBFile(str(name))
    modeller = app.Modeller(solute.topology, solute.positions)
    modeller.addSolvent(FIELD, "tip3p", numAdded=waters, boxShape=shape, neutralize=False)
    return modeller


def simulation(modeller: app.Modeller, atoms: int, cutoff: float, seed: int) -> app.Simulation:
    """With the first so many atoms held to each other."""
    system = FIELD.createSystem(
        modeller.topology, nonbondedMethod=app.PME, nonbondedCutoff=cutoff, constraints=app.HBonds
    )
    positions = np.array(modeller.positions.value_in_unit(unit.nanometer))
    springs = openmm.HarmonicBondForce()
    for i, j in combinations(range(atoms), 2):
        springs.addBond(i, j, float(np.linalg.norm(positions[i] - positions[j])), SPRING)
    system.addForce(springs)
    barostat = openmm.MonteCarloBarostat(BAR, KELVIN)
    barostat.setRandomNumberSeed(seed)
    system.addForce(barostat)
    integrator = openmm.LangevinMiddleIntegrator(KELVIN, 1.0, TIMESTEP)
    integrator.setRandomNumberSeed(seed)
    made = app.Simulation(modeller.topology, system, integrator, openmm.Platform.getPlatform("CPU"), {"Threads": "1"})
    made.context.setPositions(modeller.positions)
    made.minimizeEnergy()
    made.context.setVelocitiesToTemperature(KELVIN, seed)
    return made


def mean_box(run: app.Simulation, steps: int) -> np.ndarray:
    """Over the second half of the steps [nm]."""
    run.step(steps // 2)
    boxes = []
    for _ in range(100):
        run.step(max(1, steps // 200))
        boxes.append(np.array(run.context.getState().getPeriodicBoxVectors().value_in_unit(unit.nanometer)))
    return np.mean(boxes, axis=0)


def brought_into(run: app.Simulation, box: np.ndarray, steps: int) -> np.ndarray:
    """Positions [nm] in that box: molecules moved by their centres, then some steps without the barostat."""
    state = run.context.getState(getPositions=True)
    before = np.array(state.getPeriodicBoxVectors().value_in_unit(unit.nanometer))
    positions = state.getPositions(asNumpy=True)._value
    for molecule in run.context.getMolecules():
        centre = positions[list(molecule)].mean(axis=0)
        positions[list(molecule)] += centre @ np.linalg.inv(before) @ box - centre
    run.system.getForce(run.system.getNumForces() - 1).setFrequency(0)
    run.context.reinitialize()
    run.context.setPeriodicBoxVectors(*box)
    run.context.setPositions(positions)
    run.minimizeEnergy()
    run.context.setVelocitiesToTemperature(KELVIN, 1)
    run.step(steps)
    return run.context.getState(getPositions=True).getPositions(asNumpy=True)._value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("structures", type=Path, nargs="+", help="PDB files of the solute, one for each state")
    parser.add_argument("--waters", type=int, required=True)
    parser.add_argument("--shape", default="cube", choices=["cube", "dodecahedron", "octahedron"])
    parser.add_argument("--cutoff", type=float, default=0.8, help="nm")
    parser.add_argument("--steps", type=int, default=20_000, help="at constant pressure, for each structure")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    box = None
    for number, name in enumerate(given.structures):
        modeller = solvated(name, given.waters, given.shape)
        run = simulation(modeller, app.PDBFile(str(name)).topology.getNumAtoms(), given.cutoff, number + 1)
        own = mean_box(run, given.steps)
        box = own if box is None else box
        positions = brought_into(run, box, given.steps // 4)
        modeller.topology.setPeriodicBoxVectors(box * unit.nanometer)
        with open(given.out / name.name, "w", encoding="ascii") as file:
            app.PDBFile.writeFile(modeller.topology, positions * unit.nanometer, file)
        volume = float(np.linalg.det(own))
        print(f"{name.name}: {volume:.3f} nm³ at {BAR:g} bar, {given.waters / volume:.2f} molecules of water a nm³")


if __name__ == "__main__":
    main()
