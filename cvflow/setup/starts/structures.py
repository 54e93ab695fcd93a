"""What a script may give for a structure of atoms: arrays, OpenMM's quantities, States, and what holds positions."""

from collections.abc import Callable
from typing import Any

import numpy as np
import openmm

from cvflow.core.frames import Frame
from cvflow.core.quantities import is_quantity, without_unit

Reader = Callable[[Any, str], Frame]
"""What makes a frame of anything else; the text names the start in errors."""


def structure(given: Any, what: str, periodic: bool, otherwise: Reader) -> Frame:
    """A frame [nm] of positions or of an object that has them.

    Args:
        given: an array or Quantity of positions, a State or Simulation, a Modeller or one of OpenMM's files, or else.
        what: names it in errors.
        periodic: whether the system has a box, so that a State's means something.
        otherwise: for what is none of these.

    Raises:
        ValueError: there are no positions in it.
    """
    if isinstance(given, Frame):
        return given
    if is_quantity(given) or isinstance(given, np.ndarray | list | tuple):
        return Frame(_array(given, what), None)
    if hasattr(given, "context"):
        given = given.context.getState(getPositions=True)
    if isinstance(given, openmm.State):
        return _of_state(given, what, periodic)
    if hasattr(given, "getPositions"):
        return Frame(_array(given.getPositions(), what), _box(given))
    return otherwise(given, what)


def _box(given: Any) -> np.ndarray | None:
    """Of one of OpenMM's files: a PDBFile or Modeller, a GromacsGroFile, an AmberInpcrdFile."""
    if hasattr(given, "topology"):
        vectors = given.topology.getPeriodicBoxVectors()
    elif hasattr(given, "getPeriodicBoxVectors"):
        vectors = given.getPeriodicBoxVectors()
    else:
        vectors = getattr(given, "boxVectors", None)
    return None if vectors is None else np.array([without_unit(vector, "a box") for vector in vectors])


def _of_state(state: openmm.State, what: str, periodic: bool) -> Frame:
    try:
        positions = np.array(state.getPositions(asNumpy=True)._value)
    except openmm.OpenMMException as error:
        raise ValueError(f"{what}: the State holds no positions: ask for it with getPositions=True") from error
    return Frame(positions, np.array(state.getPeriodicBoxVectors(asNumpy=True)._value) if periodic else None)


def _array(given: Any, what: str) -> np.ndarray:
    try:
        return np.array(without_unit(given, "positions") if is_quantity(given) else given, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} is no array of positions [nm] ({' '.join(str(error).split())})") from error
