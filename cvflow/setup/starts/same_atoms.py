"""Whether a structure has the system's atoms, in its order."""

from openmm import app

from cvflow.config.section import ConfigError
from cvflow.setup.starts.structure_file import Structure

SAME_ATOMS = "give the same atoms in the same order"


def check_structure(structure: Structure, topology: app.Topology, what: str) -> None:
    """Check that a structure has the topology's atoms: by their names, or at least their number; `what` names it.

    Raises:
        ConfigError: it does not.
    """
    if structure.topology is not None:
        check_same_atoms(structure.topology, topology, what)
    else:
        _check_number(len(structure.frame.positions), topology, what)


def check_same_atoms(start: app.Topology, topology: app.Topology, what: str) -> None:
    """Check names, elements and residues' names of all atoms; `what` names the structure.

    Raises:
        ConfigError: one is another, or there are more or fewer; the first one that is.
    """
    for ours, theirs in zip(topology.atoms(), start.atoms(), strict=False):
        if not _alike(ours, theirs):
            raise ConfigError(
                f"{what}: atom {ours.index} is {_words(theirs)} there and {_words(ours)} in the system: {SAME_ATOMS}"
            )
    _check_number(start.getNumAtoms(), topology, what)


def _check_number(atoms: int, topology: app.Topology, what: str) -> None:
    if atoms != topology.getNumAtoms():
        raise ConfigError(f"{what}: {atoms} atoms there and {topology.getNumAtoms()} in the system: {SAME_ATOMS}")


def _alike(ours: app.topology.Atom, theirs: app.topology.Atom) -> bool:
    """Where one of them has no element, names alone tell; OpenMM has read ours, and calls HIE HIS and WAT HOH."""
    known = ours.element is not None and theirs.element is not None
    same = _names(ours) == _names(theirs) or _usual(ours) == _usual(theirs)
    return same and (not known or ours.element is theirs.element)


def _names(atom: app.topology.Atom) -> tuple[str, str]:
    return atom.residue.name, atom.name


def _usual(atom: app.topology.Atom) -> tuple[str, str]:
    """The names by which OpenMM's readers call them."""
    app.PDBFile._loadNameReplacementTables()
    residue = app.PDBFile._residueNameReplacements.get(atom.residue.name, atom.residue.name)
    return residue, app.PDBFile._atomNameReplacements.get(residue, {}).get(atom.name, atom.name)


def _words(atom: app.topology.Atom) -> str:
    element = "" if atom.element is None else f" ({atom.element.symbol})"
    return f"{atom.name}{element} of {atom.residue.name}"
