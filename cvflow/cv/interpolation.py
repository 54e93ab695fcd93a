"""Interpolations between two sets of positions, for paths that move atoms along a prescribed way.

Law of every interpolation: knots(a, b) == knots(b, a)[::-1], up to rounding. Without it the path backwards is another
path, and the chain biased.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cvflow.cv.internal_coordinates import Beads

Knots = Float[np.ndarray, "knots beads 3"]


@dataclass(frozen=True)
class Straight:
    """Every atom on its straight line: after the alignment, the least Σ |Δ|², hence the least friction.

    Distances along the chain shrink on the way. Where the atoms are held, that costs nothing: their own energy counts
    at both ends only.
    """

    pieces = 1

    def knots(self, start: Beads, end: Beads) -> Knots:
        """The two ends."""
        return np.stack([start, end])


@dataclass(frozen=True)
class LengthKeeping:
    """The straight line, drawn back to where neighbours' and next neighbours' distances go evenly from start to end.

    Each point of the line is moved by steps against the gradient of Σ (distance - wanted)², whatever comes before or
    after it, so that the way back is the same. Knots are at equal distances along the way.

    Attributes:
        pieces: straight pieces of the way.
        iterations: gradient steps; they bring distances to within about a hundredth.
    """

    pieces: int = 25
    iterations: int = 200

    def knots(self, start: Beads, end: Beads) -> Knots:
        """The way, one more point than pieces."""
        fraction = np.linspace(0, 1, 8 * self.pieces + 1)[:, None, None]
        fine = start + (end - start) * fraction
        wanted = [(by, (1 - fraction) * _lengths(start, by) + fraction * _lengths(end, by)) for by in (1, 2)]
        for _ in range(self.iterations):
            fine[1:-1] -= 0.2 * sum(_pull(fine[1:-1], by, lengths[1:-1]) for by, lengths in wanted)
        return _even(fine, self.pieces)


def _lengths(beads: Beads, by: int) -> Float[np.ndarray, "pairs 1"]:
    return np.linalg.norm(beads[by:] - beads[:-by], axis=-1, keepdims=True)


def _pull(beads: Knots, by: int, wanted: Float[np.ndarray, "knots pairs 1"]) -> Knots:
    """Gradient of half the squared errors of the distances between atoms `by` places apart."""
    vectors = beads[:, by:] - beads[:, :-by]
    distances = np.linalg.norm(vectors, axis=-1, keepdims=True)
    errors = (distances - wanted) * vectors / np.maximum(distances, 1e-3)
    gradient = np.zeros_like(beads)
    gradient[:, by:] += errors
    gradient[:, :-by] -= errors
    return gradient


def _even(fine: Knots, pieces: int) -> Float[np.ndarray, "even beads 3"]:
    """Points at equal distances along a way, its ends as they are."""
    passed = np.concatenate([[0.0], np.cumsum(np.sqrt((np.diff(fine, axis=0) ** 2).sum(axis=(1, 2))))])
    wanted = np.linspace(0, passed[-1], pieces + 1)
    piece = np.clip(np.searchsorted(passed, wanted, side="right") - 1, 0, len(fine) - 2)
    part = ((wanted - passed[piece]) / (passed[piece + 1] - passed[piece]))[:, None, None]
    knots = (1 - part) * fine[piece] + part * fine[piece + 1]
    knots[0], knots[-1] = fine[0], fine[-1]
    return knots


Interpolation = Straight | LengthKeeping
"""`pieces`, and `knots`: positions [nm] from start to end, both included, at equal spaces of time, joined by lines."""

INTERPOLATIONS: dict[str, type[Straight] | type[LengthKeeping]] = {"straight": Straight, "lengths": LengthKeeping}
"""By the name that `[path] way` takes."""
