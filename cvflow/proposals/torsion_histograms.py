"""Independent torsions, each with a density of its own: smoothed histograms on circles."""

from dataclasses import dataclass
from math import pi

import numpy as np
from jaxtyping import Float

BINS = 36
"""Of a whole turn."""

BACKGROUND = 0.1
"""Part of the density that is spread evenly over the circle, so that it is zero nowhere."""

Angles = Float[np.ndarray, "count torsions"]


@dataclass(frozen=True)
class TorsionHistograms:
    """Piecewise constant densities.

    Attributes:
        masses: probability of each bin of each torsion.
    """

    masses: Float[np.ndarray, "torsions bins"]

    def draw(self, count: int, rng: np.random.Generator) -> Angles:
        """Draw angles in [-π, π), a row a sample."""
        last = np.cumsum(self.masses, axis=1)
        picked = [np.searchsorted(edges, edges[-1] * rng.random(count), side="right") for edges in last]
        return (np.minimum(np.stack(picked, axis=1), BINS - 1) + rng.random((count, len(last)))) * 2 * pi / BINS - pi

    def log_density(self, angles: Angles) -> Float[np.ndarray, " count"]:
        """Log density per radian of each."""
        masses = self.masses[np.arange(len(self.masses)), _bins(angles)]
        return np.log(masses * BINS / (2 * pi)).sum(axis=1)


def fitted(angles: Angles) -> TorsionHistograms:
    """Histograms of angles [rad], each bin smoothed over its neighbours with weights 1 2 3 2 1."""
    counts = np.stack([np.bincount(column, minlength=BINS) for column in _bins(angles).T])
    shifted = np.stack([(3 - abs(by)) / 9 * np.roll(counts, by, axis=1) for by in range(-2, 3)])
    smooth = shifted.sum(axis=0) / len(angles)
    return TorsionHistograms((1 - BACKGROUND) * smooth + BACKGROUND / BINS)


def _bins(angles: Angles) -> np.ndarray:
    return np.floor((angles + pi) * BINS / (2 * pi)).astype(int) % BINS
