"""The words of reference structures: files' names, or positions."""

from pathlib import Path
from typing import Any

from cvflow.config.section import Finite

GivenStructure = str | list[list[Finite]]
A_STRUCTURE = "a PDB file, or a list of positions [nm]"
GivenStructures = str | list[GivenStructure]
STRUCTURES = "a PDB file with several models, or a list of PDB files or of lists of positions [nm]"


def beside(folder: Path, given: GivenStructure) -> Path | list[list[float]]:
    """The structure, its file's name relative to the config's folder."""
    return folder / given if isinstance(given, str) else given


def named(given: GivenStructure) -> tuple[str, ...]:
    """The files that it is in."""
    return (given,) if isinstance(given, str) else ()


def all_beside(folder: Path, given: GivenStructures) -> Any:
    """Several structures, their files' names relative to the config's folder."""
    return folder / given if isinstance(given, str) else [beside(folder, each) for each in given]


def all_named(given: GivenStructures) -> tuple[str, ...]:
    """The files that they are in."""
    return (given,) if isinstance(given, str) else tuple(name for each in given for name in named(each))
