"""Molecules from a structure, PDB or mmCIF, and a force field."""

from functools import partial
from pathlib import Path

from openmm import app

from cvflow.config.system_section import SystemSection
from cvflow.setup.files.force_field import force_field
from cvflow.setup.files.unbuilt import Unbuilt, box_into, box_of
from cvflow.setup.starts.placing import is_no_box
from cvflow.setup.starts.structure_file import topology_file


def from_structure(given: SystemSection, folder: Path) -> Unbuilt:
    """A molecule from `system.pdb` or `system.cif`, and `system.forcefield`.

    Raises:
        ConfigError: one of them cannot be read.
    """
    (word,) = given.sources
    name, notes = str(getattr(given, word)), tuple[str, ...]()
    topology = topology_file(folder / name, f"system.{word}").topology
    box = box_of(topology)
    if box is not None and is_no_box(box):
        topology.setPeriodicBoxVectors(None)
        line = "CRYST1 line" if word == "pdb" else "cell"
        notes = (f"system.{word}: the {line} of {name} has a cell of 1 Å or less, which is no box: dropped",)
    return of_field(topology, given_field(given, folder), notes)


def of_field(topology: app.Topology, field: app.ForceField, notes: tuple[str, ...] = ()) -> Unbuilt:
    """Atoms that a force field is to be applied to."""
    return Unbuilt(topology, partial(field.createSystem, topology), box_into(topology), notes)


def given_field(given: SystemSection, folder: Path) -> app.ForceField:
    """The force field of `system.forcefield`.

    Raises:
        ConfigError: a file cannot be read.
    """
    return force_field(given.forcefield, folder, "system.forcefield")
