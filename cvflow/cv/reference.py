"""Reference structures: from files or positions to plain data, and to the atoms of a group."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cvflow.core.frames import Positions
from cvflow.core.quantities import plain
from cvflow.cv.selection import AtomNames, Group, indices
from cvflow.host.faults import brief

ReferencePositions = tuple[tuple[float, float, float], ...]
"""Positions [nm]."""
GivenReference = str | Path | Sequence[Sequence[float]] | Any
"""A PDB file by its name, an openmm.app.PDBFile, or positions [nm, or a Quantity]."""

GivenFrames = str | Path | Sequence[Any] | Any
"""A PDB file with several models, or several references."""


def reference_structure(cv: str, given: GivenReference) -> ReferencePositions:
    """Positions [nm] as plain data.

    Raises:
        ValueError: they are none.
    """
    if isinstance(given, str | Path):
        given = _pdb(cv, Path(given))
    if hasattr(given, "getPositions"):
        given = given.getPositions()
    try:
        return tuple((float(x), float(y), float(z)) for x, y, z in plain(given, "positions"))
    except (TypeError, ValueError) as error:
        what = "a PDB file or a list of positions [nm], three numbers an atom"
        raise ValueError(f"CV {cv}: a reference is {what}, got {brief(given)}") from error


def reference_frames(cv: str, given: GivenFrames) -> tuple[ReferencePositions, ...]:
    """Positions [nm] of each of several references, as plain data.

    Raises:
        ValueError: they are none.
    """
    frames: Any = _pdb(cv, Path(given)) if isinstance(given, str | Path) else given
    if hasattr(frames, "getNumFrames"):
        frames = [frames.getPositions(frame=i) for i in range(frames.getNumFrames())]
    if not isinstance(frames, Sequence | np.ndarray):
        raise ValueError(f"CV {cv}: references are a PDB file with several models or a list, got {brief(given)}")
    return tuple(reference_structure(cv, frame) for frame in frames)


def check_reference(cv: str, reference: ReferencePositions) -> Positions:
    """The positions [nm] of a reference as an array.

    Raises:
        ValueError: they are none.
    """
    x = np.array(reference, dtype=float)
    if x.ndim != 2 or x.shape[1] != 3 or not np.isfinite(x).all():
        raise ValueError(f"CV {cv}: a reference is a list of positions [nm], three numbers an atom")
    return x


def of_group(cv: str, reference: ReferencePositions, atoms: Group, names: AtomNames) -> ReferencePositions:
    """The positions [nm] of a group's atoms, of a reference that has those alone, or those of all atoms.

    Raises:
        ValueError: it has neither.
    """
    if len(reference) == len(atoms):
        return reference
    if len(reference) != names.count:
        raise ValueError(
            f"CV {cv}: the reference has {len(reference)} positions: give those of the group's "
            f"{len(atoms)} atoms, or of all {names.count}"
        )
    return tuple(reference[i] for i in indices(cv, atoms))


def _pdb(cv: str, path: Path) -> Any:
    from openmm import app  # a worker process gets positions

    try:
        return app.PDBFile(str(path))
    except Exception as error:  # OpenMM's reader has no error of its own
        raise ValueError(f"CV {cv}: {path} cannot be read as a PDB file ({brief(error)})") from error
