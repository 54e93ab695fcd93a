"""Amber's topologies, with the potential in them."""

from pathlib import Path

from openmm import app

from cvflow.config.system_section import SystemSection
from cvflow.setup.files.unbuilt import Unbuilt, box_into
from cvflow.setup.starts.structure_file import read_by


def from_prmtop(given: SystemSection, folder: Path) -> Unbuilt:
    """A molecule from `system.prmtop`.

    Raises:
        ConfigError: it cannot be read.
    """
    file = read_by(app.AmberPrmtopFile, folder / str(given.prmtop), "system.prmtop", "prmtop")
    return Unbuilt(file.topology, file.createSystem, box_into(file.topology))
