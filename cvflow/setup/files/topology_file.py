"""topology.pdb: the atoms' names as the PDB format can hold them, so that its readers find every atom."""

import re
from collections.abc import Iterator
from io import StringIO
from itertools import count, pairwise
from string import ascii_uppercase, digits

from openmm import app, unit

from cvflow.core.frames import Frame

_ATOM = re.compile(r"[!-~]{1,4}\Z")
_RESIDUE = re.compile(r"[!-~]{1,3}\Z")
_NUMBER = re.compile(r"(-\d{1,3}|\d{1,4})\Z")
_DIGITS = digits + ascii_uppercase


def topology_text(topology: app.Topology, frame: Frame) -> str:
    """A PDB file of the frame, in which every atom of a residue has a name of its own and no two residues run together.

    Names and numbers that the format can hold stay as they are.
    """
    file = StringIO()
    app.PDBFile.writeFile(_written(topology, frame), frame.positions * unit.nanometer, file, keepIds=True)
    return file.getvalue()


def nameless(atoms: int) -> app.Topology:
    """So many atoms of which nothing is known."""
    made = app.Topology()
    residue = made.addResidue("", made.addChain())
    for _ in range(atoms):
        made.addAtom("", None, residue)
    return made


def has_names(topology: app.Topology) -> bool:
    """Whether anything is known of the atoms."""
    return any(atom.name or atom.element for atom in topology.atoms())


def _written(topology: app.Topology, frame: Frame) -> app.Topology:
    """A copy with names that can be read back, in the frame's box."""
    made, atoms = app.Topology(), {}
    if frame.box is not None:
        made.setPeriodicBoxVectors(frame.box * unit.nanometer)
    for chain in topology.chains():
        mine, keep = made.addChain(chain.id), _told_apart(chain)
        for number, residue in enumerate(chain.residues(), start=1):
            # Wrapped as GROMACS and VMD do: MDAnalysis does not know OpenMM's hexadecimal numbers.
            place = (residue.id, residue.insertionCode) if keep else (str(number % 10000), "")
            copy = made.addResidue(_residue_name(residue.name), mine, *place)
            for atom, name in zip(residue.atoms(), _atom_names(residue), strict=True):
                atoms[atom] = made.addAtom(name, atom.element, copy, formalCharge=_charge(atom))
    for first, second in topology.bonds():
        made.addBond(atoms[first], atoms[second])
    return made


def _told_apart(chain: app.topology.Chain) -> bool:
    """Whether the residues' own numbers fit and neighbours' differ: readers begin a residue where a number changes."""
    places = [(residue.id, residue.insertionCode) for residue in chain.residues()]
    fit = all(_NUMBER.match(number) and len(code.strip()) <= 1 for number, code in places)
    return fit and all(one != other for one, other in pairwise(places))


def _residue_name(name: str) -> str:
    return name[:3] if _RESIDUE.match(name[:3]) else "UNK"


def _atom_names(residue: app.topology.Residue) -> Iterator[str]:
    """The atoms' own names where they fit and are the first of their kind, others made of the element and a number."""
    own = [atom.name if _ATOM.match(atom.name) else "" for atom in residue.atoms()]
    taken, seen = set(own), set[str]()
    fresh: dict[str, Iterator[str]] = {}
    for atom, name in zip(residue.atoms(), own, strict=True):
        if not name or name in seen:
            symbol = atom.element.symbol.upper() if atom.element is not None else "X"
            name = next(made for made in fresh.setdefault(symbol, _numbered(symbol)) if made not in taken)
            taken.add(name)
        seen.add(name)
        yield name


def _numbered(symbol: str) -> Iterator[str]:
    """C1, C2, … CZZZ, and then, for residues of more atoms than that, whatever four characters can say."""
    for number in count(1):
        text = _base36(number)
        yield f"{symbol}{text}" if len(symbol) + len(text) <= 4 else text.rjust(4, "0")


def _base36(number: int) -> str:
    text = ""
    while number:
        number, rest = divmod(number, 36)
        text = _DIGITS[rest] + text
    return text


def _charge(atom: app.topology.Atom) -> int | None:
    """Where it is of one digit: the format has two columns."""
    charge = atom.formalCharge
    return charge if charge is not None and abs(charge) < 10 else None
