"""States that only the program can read: the bytes of its files, packed into one array."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import safetensors.numpy
from jaxtyping import UInt8

from cvflow.core.frames import Frame


def packed(folder: Path, names: Sequence[str]) -> Frame:
    """The state in these files of a folder.

    Raises:
        ValueError: one is missing, or empty.
    """
    return Frame(_array(safetensors.numpy.save({name: _array(_bytes(folder / name)) for name in names})), None)


def packed_file(path: Path, name: str) -> Frame:
    """A state of one file, which may be called otherwise where it comes from.

    Raises:
        ValueError: it is missing, or empty.
    """
    return Frame(_array(safetensors.numpy.save({name: _array(_bytes(path))})), None)


def unpack(frame: Frame, folder: Path) -> None:
    """Write the state's files into a folder."""
    for name, data in safetensors.numpy.load(frame.positions.tobytes()).items():
        (folder / name).write_bytes(data.tobytes())


def _bytes(path: Path) -> bytes:
    if not path.is_file() or not path.stat().st_size:
        raise ValueError(f"{path} is {'empty' if path.is_file() else 'not a file'}")
    return path.read_bytes()


def _array(data: bytes) -> UInt8[np.ndarray, " bytes"]:
    return np.frombuffer(data, dtype=np.uint8)
