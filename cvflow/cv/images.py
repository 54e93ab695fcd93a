"""Periodic images: displacements by the nearest one, and groups of several molecules gathered.

Atoms of one molecule are taken as they are among each other: it is whole, and may be longer than half the box.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from jaxtyping import Float, Int

from cvflow.core.frames import Box, Positions

Vectors = Float[np.ndarray, "*batch 3"]
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

    @cached_property
    def vectors(self) -> Float[np.ndarray, "periodic 3"]:
        """Box vectors of the periodic directions [nm]."""
        return self.box[np.any(self.box != 0, axis=1)]

    @cached_property
    def _axes(self) -> tuple[Float[np.ndarray, "periodic periodic"], Float[np.ndarray, "3 periodic"]]:
        """Box vectors in axes where each has no components beyond its own place, and those axes."""
        if len(self.vectors) == 3 and not np.triu(self.box, 1).any():
            return self.box, np.eye(3)
        axes, upper = np.linalg.qr(self.vectors.T)
        return upper.T, axes

    @cached_property
    def _edges(self) -> Float[np.ndarray, "3"] | None:
        """Of a rectangular box that is periodic in all directions [nm]: there, directions do not know of each other."""
        edges = np.diag(self.box)
        return edges if edges.all() and not (self.box - np.diag(edges)).any() else None

    @cached_property
    def _inverse(self) -> Box:
        """From positions to numbers of box vectors."""
        return np.linalg.pinv(self.box)

    @property
    def width(self) -> float:
        """Edge [nm] of the brick that images are taken from: up to half of it the image is the nearest; else inf."""
        return float(np.abs(np.diag(self._axes[0])).min(initial=np.inf))

    def shift(self, apart: Vectors) -> Vectors:
        """What takes a displacement to the image that OpenMM takes: the nearest, if no longer than half the `width`.

        By whole box vectors, the last one first, as rows of a lower triangular box; of a skewed box the image is not
        always the nearest, but the same wherever atoms are wrapped.
        """
        if self._edges is not None:
            return -self._edges * np.floor(apart / self._edges + 0.5)
        lower, axes = self._axes
        along, shift = apart @ axes, np.zeros_like(apart)
        for k in reversed(range(len(lower))):
            turns = np.floor(along[..., k, None] / lower[k, k] + 0.5)
            along, shift = along - turns * lower[k], shift - turns * self.vectors[k]
        return shift

    def image(self, apart: Vectors) -> Vectors:
        """The displacement with its `shift`."""
        return apart + self.shift(apart)

    def nearest(self, apart: Vectors) -> Vectors:
        """The shortest of a displacement's images; of a skewed box, as long as it is a reduced one, as OpenMM's are."""
        apart = apart - np.round(apart @ self._inverse) @ self.box
        if not np.any(self.box - np.diag(np.diag(self.box))):
            return apart
        images = apart[..., None, :] + _AROUND @ self.box
        shortest = (images**2).sum(axis=-1).argmin(axis=-1)
        return np.take_along_axis(images, shortest[..., None, None], axis=-2)[..., 0, :]

    def beside(self, x: Positions) -> Positions:
        """A chain of atoms, each in the image that is beside the one before it."""
        placed = x.copy()
        placed[1:] += np.cumsum(self.shift(x[1:] - x[:-1]), axis=0)
        return placed


def gathered(x: Positions, cell: Cell) -> Positions:
    """Positions of a group whose molecules are put together: each beside the nearest atom of those already placed.

    The first atom's molecule stays, and the others come one by one, the nearest first.
    """
    piece = cell.molecules
    placed, shift = x.copy(), np.zeros_like(x)
    least, new = np.full(len(x), np.inf), piece == piece[0]
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
