"""Learned functions of the distances between atoms: what tilts a simple density towards the one that chains visit.

The best tilt exp(Σ_pairs f_pair(r_pair)) of a density q0 towards samples of p, by maximum likelihood, is the minimum of
-E_p[Σ f] + ln E_q0[exp Σ f], which is convex. The minimum has the samples' distribution of every single distance.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import minimize

CLOSEST_KIN = 3
"""Pairs at least this many places apart along the chain have a function; nearer ones are coordinates themselves."""

RADIAL_KNOTS = 44
"""Knots of a pair's function, evenly from the smallest distance seen to the largest."""

STRENGTH, SMOOTHNESS = 0.4, 4.0
"""Of the penalties on f² and on its second differences, summed over knots, in nats over all samples."""

Distances = Float[np.ndarray, "samples pairs"]


def pairs(beads: int) -> list[tuple[int, int]]:
    """Places of the pairs that have a function."""
    return [(i, j) for i in range(beads) for j in range(i + CLOSEST_KIN, beads)]


def distances(beads: Float[np.ndarray, "samples beads 3"]) -> Distances:
    """Distances [nm] of all pairs that have a function."""
    first, second = np.array(pairs(beads.shape[1])).T
    return np.linalg.norm(beads[:, first] - beads[:, second], axis=-1)


@dataclass(frozen=True)
class PairFunctions:
    """Piecewise linear functions f_pair, constant beyond the outermost knots.

    Attributes:
        low: distance of the first knot [nm], the same for all pairs.
        spacing: of the knots [nm].
        values: at the knots, in nats.
    """

    low: float
    spacing: float
    values: Float[np.ndarray, "pairs knots"]

    def __call__(self, distances: Distances) -> Float[np.ndarray, " samples"]:
        """Σ_pairs f_pair(r_pair), in nats, a number a sample."""
        return _sum(self.values, *_places(distances, self.low, self.spacing))


def learn(samples: Distances, base: Float[np.ndarray, "draws pairs"]) -> PairFunctions:
    """Fit the functions to distances [nm] by maximum likelihood, with a penalty on size and bends.

    Args:
        samples: of the density wanted.
        base: of the density that is to be tilted, drawn from it.
    """
    low, high = float(samples.min()), float(samples.max())
    spacing = (high - low) / (RADIAL_KNOTS - 1)
    wanted, drawn = _places(samples, low, spacing), _places(base, low, spacing)
    shape, count = (samples.shape[1], RADIAL_KNOTS), len(samples)
    mean = _marginals(shape, *wanted, np.full(count, 1 / count))

    def objective(flat: Float[np.ndarray, " _values"]) -> tuple[float, Float[np.ndarray, " _values"]]:
        values = flat.reshape(shape)
        tilt = _sum(values, *drawn)
        weights = np.exp(tilt - tilt.max())
        log_mean = float(np.log(weights.mean()) + tilt.max())
        bend = np.diff(values, n=2, axis=1)
        penalty = (STRENGTH * (values**2).sum() + SMOOTHNESS * (bend**2).sum()) / count
        slope = 2 * (STRENGTH * values + SMOOTHNESS * _unbend(bend)) / count
        slope += _marginals(shape, *drawn, weights / weights.sum()) - mean
        return float(log_mean - (mean * values).sum() + penalty), slope.ravel()

    found = minimize(objective, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 100})
    return PairFunctions(low, spacing, found.x.reshape(shape))


Places = Int[np.ndarray, "samples pairs"]


def _places(distances: Distances, low: float, spacing: float) -> tuple[Places, Distances]:
    """The knot below each distance, and how far it is on the way to the next."""
    position = np.clip((distances - low) / spacing, 0, RADIAL_KNOTS - 1 - 1e-9)
    knot = position.astype(int)
    return knot, position - knot


def _sum(values: Float[np.ndarray, "pairs knots"], knot: Places, part: Distances) -> Float[np.ndarray, " samples"]:
    column = np.arange(len(values))
    return ((1 - part) * values[column, knot] + part * values[column, knot + 1]).sum(axis=1)


def _marginals(
    shape: tuple[int, int], knot: Places, part: Distances, weights: Float[np.ndarray, " samples"]
) -> Float[np.ndarray, "pairs knots"]:
    """Weighted mean of how much each knot counts."""
    flat = knot + shape[1] * np.arange(shape[0])
    below = np.bincount(flat.ravel(), (weights[:, None] * (1 - part)).ravel(), shape[0] * shape[1])
    above = np.bincount((flat + 1).ravel(), (weights[:, None] * part).ravel(), shape[0] * shape[1])
    return (below + above).reshape(shape)


def _unbend(bend: Float[np.ndarray, "pairs inner"]) -> Float[np.ndarray, "pairs knots"]:
    """Transpose of the second difference."""
    padded = np.pad(bend, ((0, 0), (2, 2)))
    return np.diff(padded, n=2, axis=1)
