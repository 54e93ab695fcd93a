"""CHARMM's topologies, and the files with their parameters."""

from functools import partial
from pathlib import Path

from openmm import app, unit

from cvflow.config.references import read_text
from cvflow.config.section import ConfigError
from cvflow.config.system_section import SystemSection
from cvflow.core.frames import Box
from cvflow.host.faults import said
from cvflow.setup.files.unbuilt import Unbuilt
from cvflow.setup.starts.structure_file import read_by


def from_psf(given: SystemSection, folder: Path) -> Unbuilt:
    """A molecule from `system.psf`.

    Raises:
        ConfigError: it, or its parameters, cannot be read.
    """
    file = read_by(app.CharmmPsfFile, folder / str(given.psf), "system.psf", "psf file")
    parameters = _parameters([folder / name for name in given.parameter_files])

    def put(box: Box | None) -> None:
        file.box_vectors = None if box is None else box * unit.nanometer
        file.topology.setPeriodicBoxVectors(file.box_vectors)

    return Unbuilt(file.topology, partial(file.createSystem, parameters), put)


def _parameters(paths: list[Path]) -> app.CharmmParameterSet:
    what = "system.parameter_files"
    for path in paths:
        read_text(path, what)
    try:
        return app.CharmmParameterSet(*map(str, paths))
    except Exception as error:  # whatever its parsers raise
        listed = ", ".join(path.name for path in paths)
        raise ConfigError(f"{what}: {listed}: no parameters of CHARMM's that OpenMM reads ({said(error)})") from error
