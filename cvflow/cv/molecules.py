"""Molecules: which atoms bonds join, and what is broken across a periodic box put together along them."""

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from cvflow.core.frames import Positions
from cvflow.cv.geometry import Vector
from cvflow.cv.images import Cell, Molecules

Bonds = Int[np.ndarray, "bonds 2"]


def molecules_of(bonds: Bonds, atoms: int) -> Molecules:
    """Which atoms are joined by bonds, directly or over others."""
    joined = coo_matrix((np.ones(len(bonds)), (bonds[:, 0], bonds[:, 1])), shape=(atoms, atoms))
    return connected_components(joined, directed=False)[1].astype(int)


def whole(x: Positions, bonds: Bonds, cell: Cell) -> tuple[Positions, int]:
    """Positions with broken molecules put together along their bonds, by whole box vectors, and how many there were.

    A molecule that is bonded to its own image cannot be whole, and stays as it is.
    """
    apart = x[bonds[:, 1]] - x[bonds[:, 0]]
    shifts = cell.nearest(apart) - apart
    broken = np.unique(cell.molecules[bonds[np.abs(shifts).max(axis=1, initial=0.0) > 1e-6, 0]])
    x, mended = x.copy(), 0
    for molecule in broken:
        mine = np.flatnonzero(cell.molecules[bonds[:, 0]] == molecule)
        moved = _moved(bonds[mine], shifts[mine])
        if moved is not None:
            mended += 1
            for atom, shift in moved.items():
                x[atom] += shift
    return x, mended


def _moved(bonds: Bonds, shifts: Float[np.ndarray, "bonds 3"]) -> dict[int, Vector] | None:
    """By how much each atom of a molecule is moved to lie beside its neighbours; None if no shifts do that."""
    neighbours: dict[int, list[tuple[int, Vector]]] = {}
    for (first, second), shift in zip(bonds.tolist(), shifts, strict=True):
        neighbours.setdefault(first, []).append((second, shift))
        neighbours.setdefault(second, []).append((first, -shift))
    root = min(neighbours)
    moved, waiting = {root: np.zeros(3)}, [root]
    while waiting:
        atom = waiting.pop()
        for other, shift in neighbours[atom]:
            if other not in moved:
                moved[other] = moved[atom] + shift
                waiting.append(other)
            elif np.abs(moved[other] - moved[atom] - shift).max() > 1e-6:
                return None
    return moved
