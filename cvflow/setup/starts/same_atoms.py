"""Whether a structure has the system's atoms, in its order."""

from openmm import app

from cvflow.config.settings import ConfigError

MEND = "give the same atoms in the same order"


def check_same_atoms(start: app.Topology, topology: app.Topology, what: str) -> None:
    """Check names, elements and residues' names of all atoms; `what` names the structure.

    Raises:
        ConfigError: one is another, or there are more or fewer; the first one that is.
    """
    for ours, theirs in zip(topology.atoms(), start.atoms(), strict=False):
        if not _alike(ours, theirs):
            raise ConfigError(
                f"{what}: atom {ours.index} is {_words(theirs)} there and {_words(ours)} in the system: {MEND}"
            )
    if start.getNumAtoms() != topology.getNumAtoms():
        counts = f"{start.getNumAtoms()} atoms there and {topology.getNumAtoms()} in the system"
        raise ConfigError(f"{what}: {counts}: {MEND}")


def _alike(ours: app.topology.Atom, theirs: app.topology.Atom) -> bool:
    """Where one of them has no element, names alone tell."""
    known = ours.element is not None and theirs.element is not None
    same = ours.name == theirs.name and ours.residue.name == theirs.residue.name
    return same and (not known or ours.element is theirs.element)


def _words(atom: app.topology.Atom) -> str:
    element = "" if atom.element is None else f" ({atom.element.symbol})"
    return f"{atom.name}{element} of {atom.residue.name}"
