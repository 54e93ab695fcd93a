"""Structures from files of any format that OpenMM or MDAnalysis reads: positions, box and names."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import openmm
from openmm import app

from cvflow.config.references import deserialised, read_text
from cvflow.config.section import ConfigError
from cvflow.core.frames import Frame
from cvflow.core.units import ANGSTROM
from cvflow.host.faults import said


class Structure(NamedTuple):
    """What a file holds of a structure.

    Attributes:
        frame: positions, and the box if there is one.
        topology: the atoms' names, where the format has them.
        always_boxed: whether the format has box vectors for systems without a box, too.
    """

    frame: Frame
    topology: app.Topology | None = None
    always_boxed: bool = False

    def frame_in(self, periodic: bool) -> Frame:
        """The frame for a system with a box, or without: there the vectors of a State mean nothing."""
        return self.frame._replace(box=None) if self.always_boxed and not periodic else self.frame


def place(given: str | Path, folder: Path) -> tuple[Path, int | None]:
    """The file of a start, and the number of its frame where "file:frame" has one; frames are counted from 0."""
    path = folder / given
    name, colon, number = str(given).rpartition(":")
    if path.is_file() or not colon or not number.isdecimal():
        return path, None
    return folder / name, int(number)


def read_structure(given: str | Path, folder: Path, what: str) -> Structure:
    """The structure in a file, or in one frame of it.

    Args:
        given: a file, or "file:frame".
        folder: what the file's name is relative to.
        what: names it in errors.

    Raises:
        ConfigError: the file cannot be read, or has no such frame, or several and none is named.
    """
    path, frame = place(given, folder)
    if not path.is_file():
        read_text(path, what)  # says why not
    reader = _READERS.get(path.suffix.lower(), _by_mdanalysis if _known_to_mdanalysis(path) else _pdb)
    return reader(path, frame, what)


def of_atom_group(group: Any) -> Structure:
    """Of MDAnalysis's atoms, or a Universe, which are in Å: the current frame."""
    from MDAnalysis.lib.mdamath import triclinic_vectors

    atoms, cell = group.atoms, group.dimensions
    box = None if cell is None or not np.any(cell[:3]) else ANGSTROM * np.array(triclinic_vectors(cell), dtype=float)
    return Structure(Frame(ANGSTROM * np.array(atoms.positions, dtype=float), box), _names_of(atoms))


def named_atoms(names: list[str], residues: list[str], numbers: list[int]) -> app.Topology:
    """Atoms by their own names, and their residues' names and numbers; a residue begins where one of those changes."""
    topology, residue, before = app.Topology(), None, None
    chain = topology.addChain()
    for name, of, number in zip(names, residues, numbers, strict=True):
        if residue is None or (of, number) != before:
            residue, before = topology.addResidue(of, chain), (of, number)
        topology.addAtom(name, None, residue)
    return topology


def topology_file(path: Path, what: str) -> app.PDBFile | app.PDBxFile:
    """A PDB or mmCIF file, by its ending, as OpenMM reads it.

    Raises:
        ConfigError: it cannot be read.
    """
    kind: Callable[[str], Any] = app.PDBxFile if path.suffix.lower() in _CIF else app.PDBFile
    return read_by(kind, path, what, "mmCIF file" if kind is app.PDBxFile else "PDB file")


def read_by(reader: Callable[[str], Any], path: Path, what: str, kind: str) -> Any:
    """What a reader of OpenMM's makes of a text file.

    Args:
        reader: of the file's name.
        path: the file.
        what: names it in errors.
        kind: what the file should be.

    Raises:
        ConfigError: the file cannot be read, or is none of those.
    """
    read_text(path, what)
    try:
        return reader(str(path))
    except Exception as error:  # whatever its parsers raise
        raise ConfigError(f"{what}: {path} is no {kind} that OpenMM reads ({said(error)})") from error


def _pdb(path: Path, frame: int | None, what: str) -> Structure:
    """PDB and mmCIF; of a file of several models the first, if none is named."""
    file = topology_file(path, what)
    index = checked_frame(frame or 0, file.getNumFrames(), path, what)
    box = file.topology.getPeriodicBoxVectors()
    positions = np.array(file.getPositions(asNumpy=True, frame=index)._value)
    return Structure(Frame(positions, None if box is None else np.array(box._value)), file.topology)


def _gro(path: Path, frame: int | None, what: str) -> Structure:
    file = read_by(app.GromacsGroFile, path, what, "gro file")
    index = _only_frame(frame, file.getNumFrames(), path, what)
    box = np.array(file.getPeriodicBoxVectors(frame=index)._value)
    positions = np.array(file.getPositions(asNumpy=True, frame=index)._value)
    names = named_atoms(file.atomNames, file.residueNames, file.residueIds)
    return Structure(Frame(positions, box if box.any() else None), names)


def _inpcrd(path: Path, frame: int | None, what: str) -> Structure:
    try:
        file = app.AmberInpcrdFile(str(path))
    except Exception as error:  # whatever its parsers raise
        raise ConfigError(f"{what}: {path} is no file of Amber's coordinates ({said(error)})") from error
    _only_frame(frame, 1, path, what)
    box = file.boxVectors
    positions = np.array(file.getPositions(asNumpy=True)._value)
    return Structure(Frame(positions, None if box is None else np.array([vector._value for vector in box])))


def _state(path: Path, frame: int | None, what: str) -> Structure:
    state = deserialised(path, what)
    if not isinstance(state, openmm.State):
        raise ConfigError(f"{what}: {path} holds a {type(state).__name__}, not an OpenMM State")
    _only_frame(frame, 1, path, what)
    try:
        positions = np.array(state.getPositions(asNumpy=True)._value)
    except openmm.OpenMMException as error:
        raise ConfigError(f"{what}: the State in {path} holds no positions: ask for it with them") from error
    return Structure(Frame(positions, np.array(state.getPeriodicBoxVectors(asNumpy=True)._value)), always_boxed=True)


def _by_mdanalysis(path: Path, frame: int | None, what: str) -> Structure:
    """Trajectories, and what structures OpenMM does not read; in single precision."""
    from MDAnalysis import Universe

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            universe = Universe(str(path))
            index = _only_frame(frame, len(universe.trajectory), path, what)
            universe.trajectory[index]
            return of_atom_group(universe)
    except ConfigError:
        raise
    except Exception as error:  # whatever its parsers raise
        raise ConfigError(f"{what}: {path} is not read by MDAnalysis ({said(error)})") from error


def _known_to_mdanalysis(path: Path) -> bool:
    from MDAnalysis.coordinates.core import get_reader_for

    try:
        get_reader_for(str(path))
    except ValueError:
        return False
    return True


def _names_of(atoms: Any) -> app.Topology | None:
    """Where both atoms and residues have names."""
    if not (hasattr(atoms, "names") and hasattr(atoms, "resnames")) or not all(atoms.resnames):
        return None
    return named_atoms(list(map(str, atoms.names)), list(map(str, atoms.resnames)), list(map(int, atoms.resindices)))


def _only_frame(frame: int | None, count: int, path: Path, what: str) -> int:
    """The frame that is named, or the only one."""
    if frame is None and count > 1:
        raise ConfigError(
            f'{what}: {path.name} has {count} frames: say which one, "{path.name}:{count - 1}" for the last'
        )
    return checked_frame(frame or 0, count, path, what)


def checked_frame(frame: int, count: int, path: Path, what: str) -> int:
    """The number of a frame.

    Raises:
        ConfigError: there are not so many.
    """
    if not frame < count:
        raise ConfigError(f"{what}: {path.name} has no frame {frame}: it has {count}, counted from 0")
    return frame


_CIF = (".cif", ".mmcif", ".pdbx")
_READERS = {
    **dict.fromkeys((".pdb", ".ent", *_CIF), _pdb),
    **dict.fromkeys((".inpcrd", ".rst7", ".restrt", ".rst", ".ncrst"), _inpcrd),
    ".gro": _gro,
    ".xml": _state,
}
"""By the ending of the file's name; MDAnalysis reads many others."""
