"""GROMACS's rigid bonds: where they are, as `gmx dump` prints a run's topology, and whether a path has kept them."""

import re
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from MDAnalysis.lib.formats.libmdaxdr import TRRFrame

from cvflow.engines.external.rigid import lengths, tangential

Rigid = tuple[tuple[int, int], ...]
"""Atoms at a fixed distance, from 0."""

_SLIP = 1e-4
"""What rigid bonds may be off by: lengths relatively, start velocities relative to the largest. In single precision
LINCS and SETTLE are by 1e-6; velocities of half a step before would be by 1e-2 and more."""

_BLOCK = re.compile(r"moltype += (\d+) .*\n\s+#molecules += (\d+)")
_KIND = re.compile(r"\n   moltype \((\d+)\):")
_ATOMS = re.compile(r"atom \((\d+)\):")
_BOND = re.compile(r"\(CONSTR(?:NC)?\) +(\d+) +(\d+)")
_WATER = re.compile(r"\(SETTLE\) +(\d+) +(\d+) +(\d+)")
_VIRTUAL = re.compile(r"functype\[\d+\]=(VSITE\w*)\b")


def rigid_pairs(dump: str) -> Rigid:
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


def _molecule(text: str) -> tuple[int, Rigid]:
    """How many atoms a kind of molecule has, and which of them are held."""
    found = _ATOMS.search(text)
    assert found is not None
    bonds = [(int(a), int(b)) for a, b in _BOND.findall(text)]
    for water in _WATER.findall(text):
        oxygen, *hydrogens = map(int, water)
        bonds += [(oxygen, hydrogens[0]), (oxygen, hydrogens[1]), (hydrogens[0], hydrogens[1])]
    return int(found[1]), tuple(bonds)


def began_as_given(first: TRRFrame, given: Float[np.ndarray, "atoms 3"], masses: Sequence[float], rigid: Rigid) -> bool:
    """Whether a path's first step has the velocities it was given, made tangential to rigid bonds.

    Without rigid bonds they are the same to the last bit.
    """
    if not rigid:
        return np.array_equal(first.v, given)
    x, v, box = (rows.astype(float) for rows in (first.x, given, first.box))
    try:
        kept = tangential(v, x, box, np.array(masses), np.array(rigid))
    except ValueError:
        return False
    return bool(np.abs(first.v - kept).max() < _SLIP * np.abs(given).max())


def kept_lengths(first: TRRFrame, last: TRRFrame, rigid: Rigid) -> bool:
    """Whether rigid bonds are as long at a path's end as at its beginning: where LINCS fails it may warn and go on."""
    if not rigid:
        return True
    before, after = (lengths(end.x.astype(float), end.box.astype(float), np.array(rigid)) for end in (first, last))
    return bool((np.abs(after - before) < _SLIP * before).all())
