"""A serialised OpenMM System, and its atoms' names in another file."""

from pathlib import Path
from typing import NamedTuple

import openmm
from openmm import app

from cvflow.config.references import deserialised
from cvflow.config.section import ConfigError
from cvflow.config.system_section import SystemSection
from cvflow.setup.files.topology_file import nameless
from cvflow.setup.starts.structure_file import topology_file


class Molecule(NamedTuple):
    """Names and bonds, the potential, and what was changed in the files."""

    topology: app.Topology
    system: openmm.System
    notes: tuple[str, ...] = ()


def from_xml(given: SystemSection, folder: Path, with_names: bool) -> Molecule:
    """With its names; a run that goes on has its CVs' atoms by index, and can do without.

    Raises:
        ConfigError: a file cannot be read.
    """
    system = deserialised(folder / str(given.xml), "system.xml")
    if not isinstance(system, openmm.System):
        raise ConfigError(f"system.xml: {given.xml} holds no OpenMM System")
    file = folder / str(given.topology)
    topology = _names(file) if with_names else _names_if_any(file, system.getNumParticles())
    return Molecule(topology, system)


def _names(file: Path) -> app.Topology:
    return topology_file(file, "system.topology").topology


def _names_if_any(file: Path, atoms: int) -> app.Topology:
    """What a run goes on with: nothing of the chain hangs on the file, which may be gone or another."""
    try:
        topology = _names(file)
    except ConfigError:
        return nameless(atoms)
    return topology if topology.getNumAtoms() == atoms else nameless(atoms)
