"""Rigid bonds as `gmx dump` prints a run's topology."""

import re

Pairs = tuple[tuple[int, int], ...]
"""Atoms at a fixed distance, from 0."""

_BLOCK = re.compile(r"moltype += (\d+) .*\n\s+#molecules += (\d+)")
_KIND = re.compile(r"\n   moltype \((\d+)\):")
_ATOMS = re.compile(r"atom \((\d+)\):")
_BOND = re.compile(r"\(CONSTR(?:NC)?\) +(\d+) +(\d+)")
_WATER = re.compile(r"\(SETTLE\) +(\d+) +(\d+) +(\d+)")
_VIRTUAL = re.compile(r"functype\[\d+\]=(VSITE\w*)\b")


def rigid_pairs(dump: str) -> Pairs:
    """The pairs whose distance mdrun keeps, by constraints or as rigid water.

    Raises:
        ValueError: there are virtual sites.
    """
    virtual = _VIRTUAL.search(dump)
    if virtual:
        raise ValueError(f"the topology has virtual sites ({virtual[1]}), which are not handled: take one without")
    _, *parts = _KIND.split(dump)
    kinds = {int(number): _molecule(text) for number, text in zip(parts[::2], parts[1::2], strict=True)}
    pairs: list[tuple[int, int]] = []
    first = 0
    for kind, count in _BLOCK.findall(dump):
        atoms, inside = kinds[int(kind)]
        for start in range(first, first + atoms * int(count), atoms):
            pairs += [(start + a, start + b) for a, b in inside]
        first += atoms * int(count)
    return tuple(pairs)


def _molecule(text: str) -> tuple[int, Pairs]:
    """How many atoms a kind of molecule has, and which of them are held."""
    found = _ATOMS.search(text)
    assert found is not None
    bonds = [(int(a), int(b)) for a, b in _BOND.findall(text)]
    for water in _WATER.findall(text):
        oxygen, *hydrogens = map(int, water)
        bonds += [(oxygen, hydrogens[0]), (oxygen, hydrogens[1]), (hydrogens[0], hydrogens[1])]
    return int(found[1]), tuple(bonds)
