"""Whether a structure is still the molecule that it was made from: its bonds, its chirality, its amide bonds."""

from collections import defaultdict
from collections.abc import Collection, Iterator

import numpy as np
from openmm import app

from cvflow.core.frames import Positions

STRETCH = 1.3
"""Factor by which a bond may be longer or shorter than it was."""

Neighbours = dict[int, list[int]]


def changes(
    before: Positions, after: Positions, topology: app.Topology, driven: Collection[frozenset[int]]
) -> Iterator[str]:
    """What has changed that no conformation changes, in words.

    Args:
        before: positions [nm] of a structure that is as it should be.
        after: of the one to look at.
        topology: names and bonds.
        driven: bonds that were turned on purpose, as pairs of atoms.
    """
    atoms, neighbours = list(topology.atoms()), _neighbours(topology)
    for bond in topology.bonds():
        pair = (bond[0].index, bond[1].index)
        ratio = _length(after, *pair) / _length(before, *pair)
        if not 1 / STRETCH < ratio < STRETCH:
            yield f"the bond {_pair(atoms, pair)} is {ratio:.2g} times as long"
        if _is_stiff(bond, neighbours) and frozenset(pair) not in driven and _turned(before, after, pair, neighbours):
            yield f"the bond {_pair(atoms, pair)} has turned between cis and trans"
    for centre, around in neighbours.items():
        if len(around) == 4 and _handedness(before, around) * _handedness(after, around) < 0:
            yield f"the chirality at {_name(atoms[centre])} is inverted"


def _neighbours(topology: app.Topology) -> Neighbours:
    found: Neighbours = defaultdict(list)
    for bond in topology.bonds():
        found[bond[0].index].append(bond[1].index)
        found[bond[1].index].append(bond[0].index)
    return {atom: sorted(around) for atom, around in found.items()}


def _length(positions: Positions, first: int, second: int) -> float:
    return float(np.linalg.norm(positions[first] - positions[second]))


def _is_stiff(bond: app.topology.Bond, neighbours: Neighbours) -> bool:
    """A double bond, if the topology says so, or an amide's: C with a lone O beside N, three neighbours each."""
    first, second = bond
    if any(len(neighbours[atom.index]) != 3 for atom in (first, second)):
        return False
    if bond.order == 2:
        return True
    elements = {atom.element: atom for atom in (first, second)}
    if set(elements) != {app.element.carbon, app.element.nitrogen}:
        return False
    carbon = elements[app.element.carbon]
    oxygens = [atom for atom in _bonded(carbon) if atom.element is app.element.oxygen]
    return any(len(neighbours[atom.index]) == 1 for atom in oxygens)


def _bonded(atom: app.topology.Atom) -> list[app.topology.Atom]:
    """Atoms bonded to it within its residue."""
    found = []
    for bond in atom.residue.bonds():
        if atom in tuple(bond):
            found.append(bond[1] if bond[0] is atom else bond[0])
    return found


def _turned(before: Positions, after: Positions, pair: tuple[int, int], neighbours: Neighbours) -> bool:
    """Whether the side on which two neighbours lie is another."""
    first = next(atom for atom in neighbours[pair[0]] if atom != pair[1])
    second = next(atom for atom in neighbours[pair[1]] if atom != pair[0])
    places = (first, *pair, second)
    return _cosine(before[list(places)]) * _cosine(after[list(places)]) < 0


def _cosine(x: Positions) -> float:
    """Of a torsion angle, but for a positive factor."""
    axis = x[2] - x[1]
    return float(np.cross(x[0] - x[1], axis) @ np.cross(x[3] - x[2], axis))


def _handedness(positions: Positions, around: list[int]) -> float:
    """Signed volume of the neighbours' tetrahedron."""
    a, b, c, d = positions[around]
    return float((b - a) @ np.cross(c - a, d - a))


def _pair(atoms: list[app.topology.Atom], pair: tuple[int, int]) -> str:
    first, second = (atoms[index] for index in pair)
    return f"{_name(first)} to {_name(second)}"


def _name(atom: app.topology.Atom) -> str:
    return f"{atom.name} of {atom.residue.name} {atom.residue.id}"
