"""The words of a reference structure: a file's name, or positions."""

from pathlib import Path

from cvflow.config.section import Finite

GivenStructure = str | list[list[Finite]]
A_STRUCTURE = "a PDB file, or a list of positions [nm]"


def beside(folder: Path, given: GivenStructure) -> Path | list[list[float]]:
    """The structure, its file's name relative to the config's folder."""
    return folder / given if isinstance(given, str) else given


def named(given: GivenStructure) -> tuple[str, ...]:
    """The files that it is in."""
    return (given,) if isinstance(given, str) else ()
