"""Alanine dipeptide built from internal coordinates: 22 atoms, no file needed."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from openmm import app

from cvflow.core.frames import Positions


class Placed(NamedTuple):
    """How one atom is placed: its name, and its bond, angle and torsion to three atoms that are placed before.

    Attributes:
        name: of the atom, in its residue.
        neighbours: indices of the bonded atom, the angle's and the torsion's.
        bond: nm.
        angle: degrees.
        torsion: degrees, added to the free angle if there is one.
        free: "phi" or "psi", if the torsion turns with it.
    """

    name: str
    neighbours: tuple[int, int, int]
    bond: float
    angle: float
    torsion: float
    free: str = ""


RESIDUES = (("ACE", range(6)), ("ALA", range(6, 16)), ("NME", range(16, 22)))

PHI = (4, 6, 8, 14)
"""C of the acetyl group, N, CA, C."""
PSI = (6, 8, 14, 16)
"""N, CA, C, N of the methylamide."""

_SEEDS = ((1, "CH3", (0.0, 0.0, 0.0)), (4, "C", (0.152, 0.0, 0.0)), (6, "N", (0.2119, 0.1195, 0.0)))
"""Index, name and position [nm] of the three atoms that all others hang on."""

_PLACED: dict[int, Placed] = {
    0: Placed("HH31", (1, 4, 6), 0.109, 109.5, 60.0),
    2: Placed("HH32", (1, 4, 6), 0.109, 109.5, 180.0),
    3: Placed("HH33", (1, 4, 6), 0.109, 109.5, -60.0),
    8: Placed("CA", (6, 4, 1), 0.1449, 121.9, 180.0),
    5: Placed("O", (4, 6, 8), 0.1229, 122.9, 0.0),
    7: Placed("H", (6, 4, 1), 0.101, 119.0, 0.0),
    14: Placed("C", (8, 6, 4), 0.1522, 111.0, 0.0, "phi"),
    9: Placed("HA", (8, 6, 4), 0.109, 109.5, 120.0, "phi"),
    10: Placed("CB", (8, 6, 4), 0.1526, 109.7, -120.0, "phi"),
    11: Placed("HB1", (10, 8, 6), 0.109, 109.5, 60.0),
    12: Placed("HB2", (10, 8, 6), 0.109, 109.5, 180.0),
    13: Placed("HB3", (10, 8, 6), 0.109, 109.5, -60.0),
    15: Placed("O", (14, 8, 6), 0.1229, 120.4, 180.0, "psi"),
    16: Placed("N", (14, 8, 6), 0.1335, 116.6, 0.0, "psi"),
    17: Placed("H", (16, 14, 8), 0.101, 119.0, 0.0),
    18: Placed("CH3", (16, 14, 8), 0.1449, 121.9, 180.0),
    19: Placed("HH31", (18, 16, 14), 0.109, 109.5, 60.0),
    20: Placed("HH32", (18, 16, 14), 0.109, 109.5, 180.0),
    21: Placed("HH33", (18, 16, 14), 0.109, 109.5, -60.0),
}
"""The L form: CB is 120° behind C in the torsion about N-CA. In the order in which the atoms can be placed."""


def alanine_dipeptide_positions(phi: float, psi: float) -> Positions:
    """ACE-ALA-NME with planar trans peptide groups and the backbone torsions φ and ψ [rad]; positions [nm]."""
    turned = {"": 0.0, "phi": phi, "psi": psi}
    positions = np.zeros((len(_SEEDS) + len(_PLACED), 3))
    for index, _, place in _SEEDS:
        positions[index] = place
    for index, atom in _PLACED.items():
        first, second, third = (positions[neighbour] for neighbour in atom.neighbours)
        torsion = np.radians(atom.torsion) + turned[atom.free]
        positions[index] = _beside(first, second, third, atom.bond, np.radians(atom.angle), torsion)
    return positions


def alanine_dipeptide_topology() -> app.Topology:
    """Names, residues, elements and bonds, in the order of the positions."""
    names = {index: name for index, name, _ in _SEEDS} | {index: atom.name for index, atom in _PLACED.items()}
    topology = app.Topology()
    chain = topology.addChain("A")
    for residue_name, atoms in RESIDUES:
        residue = topology.addResidue(residue_name, chain)
        for index in atoms:
            topology.addAtom(names[index], app.Element.getBySymbol(names[index][0]), residue)
    atoms_made = list(topology.atoms())
    bonds = [(1, 4), (4, 6), *((index, atom.neighbours[0]) for index, atom in _PLACED.items())]
    for pair in sorted(tuple(sorted(bond)) for bond in bonds):
        topology.addBond(atoms_made[pair[0]], atoms_made[pair[1]])
    return topology


def _beside(
    first: Float[np.ndarray, "3"],
    second: Float[np.ndarray, "3"],
    third: Float[np.ndarray, "3"],
    bond: float,
    angle: float,
    torsion: float,
) -> Float[np.ndarray, "3"]:
    """The point at a bond from `first`, an angle to `second` and a torsion to `third`."""
    along = (first - second) / np.linalg.norm(first - second)
    normal = np.cross(second - third, along)
    normal /= np.linalg.norm(normal)
    across = np.cross(normal, along)
    return first + bond * (
        -np.cos(angle) * along + np.sin(angle) * (np.cos(torsion) * across + np.sin(torsion) * normal)
    )
