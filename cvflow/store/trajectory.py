"""Frames of the chains as XTC files, one a walker, for MDAnalysis and VMD."""

import errno
import logging
import os
import struct
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from openmm import app

from cvflow.core.frames import Frame

_LOG = logging.getLogger(__name__)

_MAGIC = {1995: 4, 2023: 8}
"""Of an XTC frame: how many bytes say the length of its packed coordinates."""
_HEAD = 56
"""Magic number, atoms, step, time, nine numbers of the box, atoms again."""
_PACKING = 32
"""Precision, two corners of a grid and an index, before that length."""
_UNPACKED = 9
"""Up to so many atoms are written as plain numbers."""


class Trajectories:
    """Appends one frame a turn and walker. XTC rounds to 0.001 nm: for looking, never for going on from."""

    def __init__(
        self, folder: Path, topology: app.Topology, walkers: int, spacing: float, frames: Sequence[int]
    ) -> None:
        """Open the files, cut to whole frames and to `frames` of them (a store's turns; zeros for a new run).

        A file that holds fewer is said, and goes on with the times that its frames would have had.

        Args:
            folder: where `walker_<i>.xtc` lie.
            topology: for the number of atoms and the box.
            walkers: number of files.
            spacing: time between frames [ps], that of a local move of mean length.
            frames: of each walker, that are committed.
        """
        self._paths = [folder / f"walker_{walker}.xtc" for walker in range(walkers)]
        self._ends: list[int] = []
        self._files: list[app.XTCFile] = []
        for path, wanted in zip(self._paths, frames, strict=True):
            ends = list(islice(frame_ends(path, topology.getNumAtoms()), wanted))
            _cut(path, ends[-1] if ends else 0)
            missing = wanted - len(ends)
            if missing:
                _LOG.warning("note: %s has %d of %d frames; it goes on, the run is whole", path, len(ends), wanted)
            self._ends.append(ends[-1] if ends else 0)
            self._files.append(app.XTCFile(str(path), topology, spacing, firstStep=missing, append=bool(ends)))

    def append(self, walker: int, frame: Frame) -> None:
        """Write a frame.

        Raises:
            OSError: it is not in the file afterwards, as on a full disk, of which OpenMM says nothing.
        """
        path, begin = self._paths[walker], self._ends[walker]
        self._files[walker].writeModel(frame.positions, periodicBoxVectors=_vectors(frame))
        ends = list(frame_ends(path, len(frame.positions), begin))
        if not ends:
            _cut(path, begin)
            raise OSError(errno.ENOSPC, "a frame could not be written; is the disk full?", str(path))
        self._ends[walker] = ends[-1]


def frame_ends(path: Path, atoms: int, begin: int = 0) -> Iterator[int]:
    """Where each whole frame of an XTC file ends, from `begin` until a frame is cut or is none; none without a file.

    Source: the layout of xdrfile's `xtc_header` and `xdrfile_compress_coord_float`.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        while (length := _frame_length(file, begin, atoms)) and begin + length <= size:
            begin += length
            yield begin


def frame_atoms(path: Path) -> int:
    """Number of atoms of an XTC file's first frame; 0 if it has none."""
    if not path.is_file():
        return 0
    with path.open("rb") as file:
        return int.from_bytes(file.read(8)[4:], "big")


def _frame_length(file: BinaryIO, begin: int, atoms: int) -> int:
    """Bytes of the frame that begins there; 0 if none of so many atoms does."""
    file.seek(begin)
    head = file.read(_HEAD)
    if len(head) < _HEAD:
        return 0
    magic, *counts = struct.unpack(">2i44xi", head)
    if magic not in _MAGIC or counts != [atoms, atoms]:
        return 0
    if atoms <= _UNPACKED:
        return _HEAD + 12 * atoms
    file.seek(_PACKING, os.SEEK_CUR)
    packed = file.read(_MAGIC[magic])
    length = int.from_bytes(packed, "big")
    return _HEAD + _PACKING + _MAGIC[magic] + length + -length % 4  # of a cut head more than there is, whatever it says


def _cut(path: Path, size: int) -> None:
    """Take away what lies behind the last whole frame, or all."""
    if size:
        os.truncate(path, size)
    else:
        path.unlink(missing_ok=True)


def _vectors(frame: Frame) -> list[app.topology.Vec3] | None:
    return None if frame.box is None else [app.topology.Vec3(*row) for row in frame.box]
