"""A cheap potential of n-butane for paths to move on: a force field whose coefficients `fit_surrogate.py` has found.

Bonds and angles are polynomials of fourth order, with products of neighbours; torsions are cosines; atoms three bonds
apart or more repel and attract each other.
"""

import json
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import openmm
from ase import Atoms
from ase.io import read
from openmm import app

HERE = Path(__file__).parent

HYDROGEN_MASS = 4.0
"""amu, as in butane.py."""

REACH = 0.118
"""Longest bond to a hydrogen [nm]; those of carbons are at most 0.165."""

BOND, ANGLE = 0.13, 1.91
"""What bonds [nm] and angles [rad] are measured from, whatever the atoms."""

EXPRESSIONS = {
    "bond": [f"(r-{BOND})^{n}" for n in (1, 2, 3, 4)],
    "angle": [f"(theta-{ANGLE})^{n}" for n in (1, 2, 3, 4)],
    "torsion": [f"cos({n}*theta)" for n in (1, 2, 3)],
    "pair": ["r^(-12)*1e-6", "r^(-6)*1e-3", "exp(-20*r)"],
    "cross": [
        f"(distance(p1,p2)-{BOND})*(distance(p2,p3)-{BOND})",
        f"(distance(p1,p2)-{BOND}+distance(p2,p3)-{BOND})*(angle(p1,p2,p3)-{ANGLE})",
    ],
}
"""Terms of each kind, as OpenMM writes them; one coefficient a term and class of atoms."""


class Term(NamedTuple):
    """Some atoms, and what kind and class of term they have."""

    kind: str
    atoms: tuple[int, ...]
    name: str


def terms(atoms: Atoms) -> list[Term]:
    """All terms of the molecule."""
    return list(_terms(atoms))


def _terms(atoms: Atoms) -> Iterator[Term]:
    x, symbols, count = atoms.positions / 10, atoms.get_chemical_symbols(), len(atoms)
    longest = {0: 0.165, 1: REACH, 2: 0.0}
    bonds = {
        frozenset((i, j))
        for i, j in combinations(range(count), 2)
        if np.linalg.norm(x[i] - x[j]) < longest[(symbols[i] + symbols[j]).count("H")]
    }
    near = {i: [j for j in range(count) if frozenset((i, j)) in bonds] for i in range(count)}
    types = [_type(i, near, symbols) for i in range(count)]

    def named(*chain: int) -> str:
        names = [types[i] for i in chain]
        return "-".join(min(names, names[::-1]))

    distance = {frozenset(pair): 1 for pair in bonds}
    for i, j in sorted(map(sorted, bonds)):
        yield Term("bond", (i, j), named(i, j))
    for middle in range(count):
        for i, j in combinations(near[middle], 2):
            distance.setdefault(frozenset((i, j)), 2)
            yield Term("angle", (i, middle, j), named(i, middle, j))
            yield Term("cross", (i, middle, j), named(i, middle, j))
    for i, j in sorted(map(sorted, bonds)):
        for a, b in ((a, b) for a in near[i] for b in near[j] if a != j and b != i):
            yield Term("torsion", (a, i, j, b), named(a, i, j, b))
    for i, j in combinations(range(count), 2):
        if distance.get(frozenset((i, j)), 3) > 2:
            yield Term("pair", (i, j), named(i, j))


def _type(atom: int, near: dict[int, list[int]], symbols: list[str]) -> str:
    """Of a carbon its hydrogens; of a hydrogen those of its carbon."""
    carbon = atom if symbols[atom] == "C" else near[atom][0]
    return f"{symbols[atom]}{sum(symbols[j] == 'H' for j in near[carbon])}"


def system(coefficients: dict[str, list[float]], atoms: Atoms) -> openmm.System:
    """The force field with these coefficients, by kind and class."""
    made, forces = openmm.System(), {}
    for symbol, mass in zip(atoms.get_chemical_symbols(), atoms.get_masses(), strict=True):
        made.addParticle(HYDROGEN_MASS if symbol == "H" else mass)
    for kind, parts in EXPRESSIONS.items():
        energy = "+".join(f"c{n}*{part}" for n, part in enumerate(parts))
        forces[kind] = _force(kind, energy)
        for n in range(len(parts)):
            getattr(forces[kind], f"addPer{_word(kind)}Parameter")(f"c{n}")
        made.addForce(forces[kind])
    for term in terms(atoms):
        values = coefficients[f"{term.kind} {term.name}"]
        force = forces[term.kind]
        if term.kind in ("bond", "pair"):
            force.addBond(*term.atoms, values)
        elif term.kind == "angle":
            force.addAngle(*term.atoms, values)
        elif term.kind == "torsion":
            force.addTorsion(*term.atoms, values)
        else:
            force.addBond(term.atoms, values)
    return made


def _force(kind: str, energy: str) -> openmm.Force:
    if kind in ("bond", "pair"):
        return openmm.CustomBondForce(energy)
    if kind == "angle":
        return openmm.CustomAngleForce(energy)
    return openmm.CustomTorsionForce(energy) if kind == "torsion" else openmm.CustomCompoundBondForce(3, energy)


def _word(kind: str) -> str:
    return {"angle": "Angle", "torsion": "Torsion"}.get(kind, "Bond")


def cheap() -> tuple[app.Topology, openmm.System]:
    """What `engine.surrogate` names."""
    atoms, topology = read(HERE / "anti.xyz"), app.Topology()
    residue = topology.addResidue("MOL", topology.addChain())
    for symbol in atoms.get_chemical_symbols():
        topology.addAtom(symbol, app.Element.getBySymbol(symbol), residue)
    coefficients = json.loads((HERE / "surrogate.json").read_text(encoding="utf-8"))
    return topology, system(coefficients, atoms)
