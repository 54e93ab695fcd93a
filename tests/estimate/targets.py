"""Targets with known log Z, and what is drawn from them: for estimators that need no run."""

import numpy as np

from cvflow.proposals.mixture import GaussianMixture

LOG_Z = 3.7

TARGET = GaussianMixture(((-2.0, 0.0), (2.0, 0.0)), ((0.6, 1.0), (0.9, 0.5)), (0.8, 0.2))
"""Two states of unlike weight and shape."""

WIDER = GaussianMixture(((-1.8, 0.3), (2.2, -0.2)), ((1.0, 1.3), (1.3, 0.9)), (0.5, 0.5))
"""A density that has all of the target, none of it as it is."""


def energy(points, log_z=LOG_Z):
    """Of the target, in kT: exp(-u) adds up to exp(log_z)."""
    return -TARGET.log_density(points) - log_z


def right(z):
    """Neither biased, nor too spread, nor too narrow."""
    window = 2.6 / np.sqrt(2 * len(z))
    return np.isfinite(z).all() and abs(z.mean()) < 0.2 and 1 - window < z.std() < 1 + window


def remembering(draws, memory, rng):
    """A chain of the target that keeps its point with this chance, and else draws a new one: a row."""
    fresh = TARGET.draw(draws, rng)
    kept = rng.random(draws) < memory
    kept[0] = False
    return fresh[np.maximum.accumulate(np.where(kept, 0, np.arange(draws)))]
