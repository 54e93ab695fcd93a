"""Nearest images in a periodic box: what a CV is once its atoms' nearest images are taken.

The CVs themselves are of the coordinates as they are. Where the two differ, atoms that belong together lie on two sides
of the box, and the CV tells apart what is the same configuration. Atoms of one molecule are taken as they are: it is
whole, and may be longer than half the box.
"""

from dataclasses import dataclass
from functools import singledispatch
from itertools import product

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from cvflow.core.frames import Box, Frame, Positions
from cvflow.core.periodic import into_period
from cvflow.cv.base import AtomsCV, CollectiveVariable
from cvflow.cv.centre_distance import CentreDistance
from cvflow.cv.combination import Combination
from cvflow.cv.coordination import Coordination
from cvflow.cv.force import ForceCV, atoms_of
from cvflow.cv.geometry import Angle, Distance, Torsion, Vector
from cvflow.cv.plumed import PlumedCV
from cvflow.cv.selection import indices

Vectors = Float[np.ndarray, "*batch 3"]
Bonds = Int[np.ndarray, "bonds 2"]
Molecules = Int[np.ndarray, " atoms"]
"""The number of each atom's molecule."""

PAIRS = 1 << 18
"""Pairs of atoms looked at in one go."""

_AROUND = np.array(list(product((0, -1, 1), repeat=3)), dtype=float)


@dataclass(frozen=True)
class Cell:
    """A periodic box and what is whole in it.

    Attributes:
        box: vectors as rows [nm]; zero for a direction that is not periodic.
        molecules: of the atoms.
    """

    box: Box
    molecules: Molecules

    def nearest(self, apart: Vectors) -> Vectors:
        """The shortest of a displacement's images; of a skewed box, as long as it is a reduced one, as OpenMM's are."""
        apart = apart - np.round(apart @ np.linalg.pinv(self.box)) @ self.box
        if not np.any(self.box - np.diag(np.diag(self.box))):
            return apart
        images = apart[..., None, :] + _AROUND @ self.box
        shortest = (images**2).sum(axis=-1).argmin(axis=-1)
        return np.take_along_axis(images, shortest[..., None, None], axis=-2)[..., 0, :]

    def between(self, x: Positions, first: Int[np.ndarray, "*batch"], second: Int[np.ndarray, "*batch"]) -> Vectors:
        """From first atoms to second ones: as it is within a molecule, else the nearest image."""
        apart = x[second] - x[first]
        same = self.molecules[first] == self.molecules[second]
        return np.where(same[..., None], apart, self.nearest(apart))


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


def image_shift(cv: CollectiveVariable, frame: Frame, cell: Cell) -> float:
    """By how much nearest images change the CV, on a circle the shorter way; zero where it takes them itself."""
    if isinstance(cv, PlumedCV):
        return 0.0
    if isinstance(cv, Combination):
        pairs = zip(cv.coefficients, cv.terms, strict=True)
        shift = sum(factor * image_shift(term, frame, cell) for factor, term in pairs)
    else:
        shift = nearest_value(cv, frame, cell) - cv.evaluate(frame)
    return into_period(shift, cv.period)


@singledispatch
def nearest_value(cv: CollectiveVariable, frame: Frame, cell: Cell) -> float:
    """The CV with nearest images where those of different molecules meet."""
    return cv.evaluate(frame)


@nearest_value.register
def _group(cv: AtomsCV, frame: Frame, cell: Cell) -> float:
    """Molecules of all the CV's atoms are gathered."""
    atoms = np.array(cv.indices)
    return cv.evaluate(_with(frame, atoms, gathered(frame.positions, atoms, cell)))


@nearest_value.register
def _chain(cv: Distance | Angle | Torsion, frame: Frame, cell: Cell) -> float:
    """Each atom beside the one before it."""
    atoms = np.array(cv.indices)
    steps = cell.between(frame.positions, atoms[:-1], atoms[1:])
    placed = frame.positions[atoms[0]] + np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])
    return cv.evaluate(_with(frame, atoms, placed))


@nearest_value.register
def _centre_distance(cv: CentreDistance, frame: Frame, cell: Cell) -> float:
    """Groups that share a molecule are gathered as one; others each by itself, with the centres' nearest image."""
    first, second = (np.array(indices(cv.name, atoms)) for atoms in cv.groups)
    if set(cell.molecules[first]) & set(cell.molecules[second]):
        both = np.unique(np.concatenate([first, second]))
        return cv.evaluate(_with(frame, both, gathered(frame.positions, both, cell)))
    groups = zip(cv.shares, (first, second), strict=True)
    centres = [share @ gathered(frame.positions, atoms, cell) for share, atoms in groups]
    return float(np.linalg.norm(cell.nearest(centres[1] - centres[0])))


@nearest_value.register
def _coordination(cv: Coordination, frame: Frame, cell: Cell) -> float:
    first, second = (np.array(indices(cv.name, atoms)) for atoms in cv.groups)
    return cv.of_pairs(cell.between(frame.positions, *np.broadcast_arrays(first[:, None], second[None])))[0]


@nearest_value.register
def _force(cv: ForceCV, frame: Frame, cell: Cell) -> float:
    """A force that takes images itself is left to it, and so is one whose atoms it does not name."""
    atoms = np.array(sorted(set(atoms_of(cv.force))), dtype=int)
    if cv.force.usesPeriodicBoundaryConditions() or not len(atoms):
        return cv.evaluate(frame)
    return cv.evaluate(_with(frame, atoms, gathered(frame.positions, atoms, cell)))


def gathered(x: Positions, atoms: Int[np.ndarray, " group"], cell: Cell) -> Float[np.ndarray, "group 3"]:
    """Positions of a group whose molecules are put together: each beside the nearest atom of those already placed."""
    piece = cell.molecules[atoms]
    placed, shift = x[atoms].copy(), np.zeros((len(atoms), 3))
    least, new = np.full(len(atoms), np.inf), piece == piece[0]
    waiting = ~new
    while waiting.any():
        rest = np.flatnonzero(waiting)
        for block in np.array_split(np.flatnonzero(new), 1 + new.sum() * len(rest) // PAIRS):
            apart = placed[rest][:, None] - placed[block][None]
            near = cell.nearest(apart)
            square = (near**2).sum(axis=2)
            best, row = square.argmin(axis=1), np.arange(len(rest))
            nearer = square[row, best] < least[rest]
            least[rest[nearer]] = square[row, best][nearer]
            shift[rest[nearer]] = (near - apart)[row, best][nearer]
        chosen = rest[least[rest].argmin()]
        new = waiting & (piece == piece[chosen])
        placed[new] += shift[chosen]
        waiting &= ~new
    return placed


def _with(frame: Frame, atoms: Int[np.ndarray, " group"], placed: Float[np.ndarray, "group 3"]) -> Frame:
    """The frame with some atoms moved."""
    positions = frame.positions.copy()
    positions[atoms] = placed
    return frame._replace(positions=positions)
