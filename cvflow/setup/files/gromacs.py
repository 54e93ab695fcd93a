"""GROMACS's topologies, with the files that they include."""

from functools import partial
from pathlib import Path

from openmm import app

from cvflow.config.section import ConfigError
from cvflow.config.system_section import SystemSection
from cvflow.setup.files.unbuilt import Unbuilt, box_into
from cvflow.setup.starts.structure_file import read_by


def from_top(given: SystemSection, folder: Path) -> Unbuilt:
    """A molecule from `system.top`.

    Raises:
        ConfigError: it, or what it includes, cannot be read.
    """
    include = None if given.include_dir is None else folder / given.include_dir
    if include is not None and not include.is_dir():
        raise ConfigError(f"system.include_dir: {include} is no folder")
    reader = partial(app.GromacsTopFile, includeDir=None if include is None else str(include))
    # Absolute: the folder of a name without one would be none at all.
    file = read_by(reader, (folder / str(given.top)).absolute(), "system.top", "top file")
    return Unbuilt(file.topology, file.createSystem, box_into(file.topology))
