"""The topology of a run, as `gmx dump` prints it: GROMACS reads its own .tpr, whatever version that is of."""

import re
from typing import NamedTuple

Rigid = tuple[tuple[int, int], ...]
"""Atoms at a fixed distance, from 0."""

_BLOCK = re.compile(r"moltype += (\d+) .*\n\s+#molecules += (\d+)")
_KIND = re.compile(r"\n   moltype \((\d+)\):")
_MASS = re.compile(r"atom\[ *\d+\]=\{type=.*?, m= *(\S+), .*?resind= *(\d+),")
_NAME = re.compile(r'atom\[\d+\]=\{name="(.*?)"\}')
_RESIDUE = re.compile(r'residue\[\d+\]=\{name="(.*?)",')
_BOND = re.compile(r"\(CONSTR(?:NC)?\) +(\d+) +(\d+)")
_WATER = re.compile(r"\(SETTLE\) +(\d+) +(\d+) +(\d+)")
_VIRTUAL = re.compile(r"functype\[\d+\]=(VSITE\w*)\b")


class DumpedResidue(NamedTuple):
    """A residue: its name and its atoms'. The number that a dump has is that in its molecule: all waters are 1."""

    name: str
    atoms: tuple[str, ...]


DumpedChain = tuple[DumpedResidue, ...]
"""All molecules of one kind that follow each other."""


class DumpedMolecules(NamedTuple):
    """All molecules of a run, in their order.

    Attributes:
        chains: with the names of all atoms.
        masses: of the atoms [amu].
        rigid: the pairs whose distance mdrun keeps, by constraints or as rigid water.
    """

    chains: tuple[DumpedChain, ...]
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
    chains: list[DumpedChain] = []
    masses: list[float] = []
    pairs: list[tuple[int, int]] = []
    for kind, count in _BLOCK.findall(dump):
        molecule = kinds[int(kind)]
        chains.append(molecule.chains[0] * int(count))
        for _ in range(int(count)):
            pairs += [(len(masses) + a, len(masses) + b) for a, b in molecule.rigid]
            masses += molecule.masses
    return DumpedMolecules(tuple(chains), tuple(masses), tuple(pairs))


def _molecule(text: str) -> DumpedMolecules:
    """One kind of molecule, its atoms counted from 0."""
    atoms, names, residues = (word.findall(text) for word in (_MASS, _NAME, _RESIDUE))
    inside: list[list[str]] = [[] for _ in residues]
    for (_, residue), name in zip(atoms, names, strict=True):
        inside[int(residue)].append(name)
    chain = tuple(DumpedResidue(name, tuple(own)) for name, own in zip(residues, inside, strict=True))
    bonds = [(int(a), int(b)) for a, b in _BOND.findall(text)]
    for water in _WATER.findall(text):
        oxygen, *hydrogens = map(int, water)
        bonds += [(oxygen, hydrogens[0]), (oxygen, hydrogens[1]), (hydrogens[0], hydrogens[1])]
    return DumpedMolecules((chain,), tuple(float(mass) for mass, _ in atoms), tuple(bonds))
