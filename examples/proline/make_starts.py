"""Ace-Pro-NMe with the amide bond before proline cis and trans, downhill in energy from ideal angles.

Heavy atoms from bond lengths, angles and torsions, hydrogens by OpenMM's Modeller.

    python examples/proline/make_starts.py examples/proline
"""

import sys
from pathlib import Path

import numpy as np
import openmm
from openmm import app, unit

FIELD = app.ForceField("amber99sbildn.xml", "amber99_obc.xml")

ATOMS = """
    ACE CH3
    ACE C    ACE CH3
    ACE O    ACE C   ACE CH3                 0.1229 120.4
    PRO N    ACE C   ACE CH3  ACE O          0.1335 116.6  180
    PRO CA   PRO N   ACE C    ACE CH3        0.1449 121.9  {omega}
    PRO C    PRO CA  PRO N    ACE C          0.1522 111.0  -70
    PRO CB   PRO CA  PRO N    ACE C          0.1530 103.0  170
    PRO CG   PRO CB  PRO CA   PRO N          0.1530 104.0  -25
    PRO CD   PRO N   PRO CA   PRO CB         0.1470 112.0    8
    PRO O    PRO C   PRO CA   PRO N          0.1229 120.4  -30
    NME N    PRO C   PRO CA   PRO N          0.1335 116.6  150
    NME C    NME N   PRO C    PRO CA         0.1449 121.9  180
"""
"""An atom; those that it is placed by; distance from the first of them [nm], angle at it, torsion [degrees]."""


def placed(first: np.ndarray, second: np.ndarray, third: np.ndarray, length: float, angle: float, torsion: float):
    """The fourth atom, bonded to the first, with this torsion about the bond of first and second; angles in degrees."""
    bend, turn = np.radians(angle), np.radians(torsion)
    along = (first - second) / np.linalg.norm(first - second)
    normal = np.cross(second - third, along)
    normal /= np.linalg.norm(normal)
    side = np.cross(normal, along)
    across = np.cos(turn) * side + np.sin(turn) * normal
    return first + length * (np.sin(bend) * across - np.cos(bend) * along)


def heavy_atoms(omega: int) -> app.Modeller:
    topology, positions = app.Topology(), {}
    chain = topology.addChain("A")
    for words in map(str.split, ATOMS.format(omega=omega).strip().splitlines()):
        residue, name = words[:2]
        if residue not in [each.name for each in topology.residues()]:
            topology.addResidue(residue, chain)
        topology.addAtom(name, app.Element.getBySymbol(name[0]), list(topology.residues())[-1])
        positions[residue, name] = position(words[2:], positions)
    topology.createStandardBonds()
    return app.Modeller(topology, np.array(list(positions.values())) * unit.nanometer)


def position(words: list[str], positions: dict[tuple[str, str], np.ndarray]) -> np.ndarray:
    """From the rest of a line of `ATOMS`."""
    if not words:
        return np.zeros(3)
    number = next((i for i, word in enumerate(words) if word[0].isdigit()), len(words))
    by = [positions[residue, name] for residue, name in zip(words[:number:2], words[1:number:2], strict=True)]
    values = [float(word) for word in words[number:]]
    if len(by) == 1:
        return by[0] + [0.1522, 0, 0]
    if len(by) == 2:
        return placed(*by, by[1] + [0, 0.1, 0], *values, 0.0)
    return placed(*by, *values)


def relaxed(modeller: app.Modeller) -> list[openmm.Vec3]:
    reference = openmm.Platform.getPlatform("Reference")
    modeller.addHydrogens(FIELD, platform=reference)
    system = FIELD.createSystem(modeller.topology, constraints=app.HBonds)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), reference)
    context.setPositions(modeller.positions)
    openmm.LocalEnergyMinimizer.minimize(context)
    return context.getState(positions=True).getPositions()


def main() -> None:
    for name, omega in {"cis": 0, "trans": 180}.items():
        modeller = heavy_atoms(omega)
        positions = relaxed(modeller)
        with (Path(sys.argv[1]) / f"{name}.pdb").open("w") as out:
            app.PDBFile.writeFile(modeller.topology, positions, out, keepIds=True)


if __name__ == "__main__":
    main()
