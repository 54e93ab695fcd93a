"""The topology of a run, as `gmx dump` prints it: GROMACS reads its own .tpr, whatever version that is of."""

import re
from typing import NamedTuple

Rigid = tuple[tuple[int, int], ...]
"""Atoms at a fixed distance, from 0."""

_BLOCK = re.compile(r"moltype += (\d+) .*\n\s+#molecules += (\d+)")
_KIND = re.compile(r"\n   moltype \((\d+)\):")
_MASS = re.compile(r"atom\[ *\d+\]=\{type=.*?, m= *(\S+), .*?resind= *(\d+),")
_NAME = re.compile(r'atom\[\d+\]=\{name="(.*?)"\}')
_RESIDUE = re.compile(r'residue\[\d+\]=\{name="(.*?)", nr=(-?\d+),')
_BOND = re.compile(r"\(CONSTR(?:NC)?\) +(\d+) +(\d+)")
_WATER = re.compile(r"\(SETTLE\) +(\d+) +(\d+) +(\d+)")
_VIRTUAL = re.compile(r"functype\[\d+\]=(VSITE\w*)\b")


class DumpedResidue(NamedTuple):
    """A residue: its name, its number, and the names of its atoms."""

    name: str
    number: str
    atoms: tuple[str, ...]


class DumpedMolecules(NamedTuple):
    """All molecules of a run, in their order.

    Attributes:
        residues: with the names of all atoms.
        masses: of the atoms [amu].
        rigid: the pairs whose distance mdrun keeps, by constraints or as rigid water.
    """

    residues: tuple[DumpedResidue, ...]
    masses: tuple[float, ...]
    rigid: Rigid


def molecules(dump: str) -> DumpedMolecules:
    """What a dump of a .tpr has of them.

    Raises:
        ValueError: there are virtual sites.
    """
    virtual = _VIRTUAL.search(dump)
    if virtual:
        raise ValueError(f"the topology has virtual sites ({virtual[1]}), which are not handled: take one without")
    _, *parts = _KIND.split(dump)
    kinds = {int(number): _molecule(text) for number, text in zip(parts[::2], parts[1::2], strict=True)}
    residues: list[DumpedResidue] = []
    masses: list[float] = []
    pairs: list[tuple[int, int]] = []
    for kind, count in _BLOCK.findall(dump):
        molecule = kinds[int(kind)]
        for _ in range(int(count)):
            pairs += [(len(masses) + a, len(masses) + b) for a, b in molecule.rigid]
            residues += molecule.residues
            masses += molecule.masses
    return DumpedMolecules(tuple(residues), tuple(masses), tuple(pairs))


def _molecule(text: str) -> DumpedMolecules:
    """One kind of molecule, its atoms counted from 0."""
    atoms, names = _MASS.findall(text), _NAME.findall(text)
    inside: list[list[str]] = [[] for _ in _RESIDUE.findall(text)]
    for (_, residue), name in zip(atoms, names, strict=True):
        inside[int(residue)].append(name)
    named = zip(_RESIDUE.findall(text), inside, strict=True)
    residues = [DumpedResidue(name, number, tuple(own)) for (name, number), own in named]
    bonds = [(int(a), int(b)) for a, b in _BOND.findall(text)]
    for water in _WATER.findall(text):
        oxygen, *hydrogens = map(int, water)
        bonds += [(oxygen, hydrogens[0]), (oxygen, hydrogens[1]), (hydrogens[0], hydrogens[1])]
    return DumpedMolecules(tuple(residues), tuple(float(mass) for mass, _ in atoms), tuple(bonds))
