"""Atoms by index, counted from 0, or by MDAnalysis selection strings."""

import warnings
from collections.abc import Sequence
from itertools import chain
from operator import index
from typing import Any

import numpy as np
from jaxtyping import Int

from cvflow.host.faults import brief

Place = int | str
"""One atom: its index, or a selection that matches it alone."""
Group = tuple[Place, ...]
"""Atoms: indices, and selections that match any number of them."""
Atoms = Place | Sequence[Place] | Int[np.ndarray, " atoms"]

Four = tuple[int, int, int, int]
"""Atoms of a torsion."""


def places(atoms: Sequence[Any]) -> Group:
    """Arguments of a CV's constructor: the atoms one by one, or one list of them.

    Raises:
        ValueError: they are neither indices nor selections.
    """
    if len(atoms) == 1 and not isinstance(atoms[0], int | str | np.integer):
        atoms = atoms[0]
    try:
        return tuple(atom if isinstance(atom, str) else index(atom) for atom in atoms)
    except TypeError as error:
        raise ValueError(f"atoms are indices counted from 0 and selection strings, got {brief(atoms)}") from error


def group(atoms: Atoms) -> Group:
    """One selection, one index, or a list of both."""
    return places((atoms,))


def check_places(cv: str, what: str, atoms: Group, count: int) -> None:
    """Check that a CV of `count` atoms has them, each another one.

    Raises:
        ValueError: it has not.
    """
    words = {2: "two", 3: "three", 4: "four"}.get(count, count)
    if len(atoms) != count or _faulty(atoms):
        raise ValueError(f"CV {cv}: {what} needs {words} different atoms counted from 0, got {atoms}")


def check_group(cv: str, what: str, atoms: Group) -> None:
    """Check that a group has atoms, none of them twice.

    Raises:
        ValueError: it has not.
    """
    if not atoms or _faulty(atoms):
        raise ValueError(f"CV {cv}: {what} needs a group of different atoms counted from 0, got {atoms}")


def _faulty(atoms: Group) -> bool:
    return len(set(atoms)) < len(atoms) or any(isinstance(atom, int) and atom < 0 for atom in atoms)


def indices(cv: str, atoms: Group) -> list[int]:
    """The atoms as indices.

    Raises:
        ValueError: some of them are still selection strings.
    """
    found = [atom for atom in atoms if isinstance(atom, int)]
    if len(found) < len(atoms):
        raise ValueError(f"CV {cv}: {atoms} holds selection strings; cvflow.cv.resolve(cv, topology) looks them up")
    return found


class AtomNames:
    """Looks selections up in an openmm Topology."""

    def __init__(self, topology: Any) -> None:
        self._topology = topology
        self._universe: Any = None

    @property
    def count(self) -> int:
        """How many atoms there are."""
        return int(self._topology.getNumAtoms())

    def atoms(self, cv: str, places: Group) -> tuple[int, ...]:
        """Indices of atoms that are named one by one.

        Raises:
            ValueError: a selection does not match exactly one atom.
        """
        return tuple(self._one(cv, place) for place in places)

    def group(self, cv: str, members: Group) -> tuple[int, ...]:
        """Indices of all atoms that the members name; in their order, each once.

        Raises:
            ValueError: a selection matches no atom.
        """
        found = [[member] if isinstance(member, int) else self._all(cv, member) for member in members]
        return tuple(dict.fromkeys(chain.from_iterable(found)))

    def masses(self, cv: str, atoms: Group) -> tuple[float, ...]:
        """Masses [amu] of the atoms' elements.

        Raises:
            ValueError: the topology does not know an atom's element.
        """
        elements = {atom.index: atom.element for atom in self._topology.atoms()}
        for atom in atoms:
            if elements.get(atom) is None:
                raise ValueError(f"CV {cv}: the topology has no element for atom {atom}: give weights as numbers")
        return tuple(float(elements[atom].mass._value) for atom in atoms)

    def residues(self, atoms: Sequence[int]) -> tuple[Int[np.ndarray, " atoms"], Int[np.ndarray, " atoms"]]:
        """Each atom's chain and residue, counted from 0 in the order of the topology."""
        places = np.array([(atom.residue.chain.index, atom.residue.index) for atom in self._topology.atoms()])
        return places[atoms, 0], places[atoms, 1]

    def backbone_torsions(self, atoms: Sequence[int]) -> list[tuple[Four, Four]]:
        """The atoms of φ and ψ, for each of the atoms' residues that has both in its chain."""
        chosen, found = set(atoms), []
        for members in self._topology.chains():
            residues = [{atom.name: atom.index for atom in residue.atoms()} for residue in members.residues()]
            for before, here, after in zip(residues, residues[1:], residues[2:], strict=False):
                if chosen & set(here.values()) and {"N", "CA", "C"} <= set(here) and "C" in before and "N" in after:
                    n, ca, c = here["N"], here["CA"], here["C"]
                    found.append(((before["C"], n, ca, c), (n, ca, c, after["N"])))
        return found

    def _one(self, cv: str, place: Place) -> int:
        if isinstance(place, int):
            return place
        found = self._all(cv, place)
        if len(found) > 1:
            raise ValueError(f"CV {cv}: selection {place!r} matches {len(found)} atoms, {found[:4]} ...; one is needed")
        return found[0]

    def _all(self, cv: str, selection: str) -> list[int]:
        import MDAnalysis  # a worker process gets indices, and can do without

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on attributes that the topology has not
            if self._universe is None:
                self._universe = _as_in_the_file(MDAnalysis.Universe(self._topology), self._topology)
            try:
                found = self._universe.select_atoms(selection).indices.tolist()
            except Exception as error:  # MDAnalysis has errors of its own for each word of its language
                reason = " ".join(str(error).split())
                raise ValueError(f"CV {cv}: {selection!r} is no selection for this topology ({reason})") from error
        if not found:
            raise ValueError(f"CV {cv}: selection {selection!r} matches no atom")
        return found


def _as_in_the_file(universe: Any, topology: Any) -> Any:
    """The universe with the residue numbers, insertion codes and chains that MDAnalysis reads from a PDB file itself.

    MDAnalysis counts an openmm Topology's residues and chains from one and zero, and drops its insertion codes.
    """
    residues, chains = list(topology.residues()), [chain.id.strip() for chain in topology.chains()]
    numbers = _residue_numbers([residue.id for residue in residues])
    universe.residues.resids = numbers
    universe.residues.resnums = numbers
    universe.add_TopologyAttr("icodes", np.array([residue.insertionCode.strip() for residue in residues], dtype=object))
    universe.segments.segids = np.array(chains if any(chains) else ["SYSTEM"] * len(chains), dtype=object)
    universe.atoms.chainIDs = np.array([atom.residue.chain.id.strip() for atom in topology.atoms()], dtype=object)
    return universe


def _residue_numbers(ids: Sequence[str]) -> Int[np.ndarray, " residues"]:
    """The numbers that residues have, going on past 9999 where a PDB file begins anew; counted from 1 if one has none.

    Source: MDAnalysis.topology.PDBParser, for the files that begin anew.
    """
    try:
        numbers = [int(number) for number in ids]
    except ValueError:
        return np.arange(1, len(ids) + 1)
    before = 0
    for place, number in enumerate(numbers):
        while number - before < -5000:
            number += 10000
        numbers[place] = before = number
    return np.array(numbers, dtype=int)
