"""Two modes of one shape: everything in closed form. As in the table of the source, but with the wide spectrum."""

import numpy as np
from scipy.stats import norm

DIM, WEIGHT = 16, 2 / 3
SIGMA = np.sqrt(0.05 * np.logspace(0, -2, DIM))
NORMAL = SIGMA**-2 / np.sqrt((SIGMA**-4).sum())
COMPONENTS = ((WEIGHT, -1.0), (1 - WEIGHT, 1.0))


def energy(x: np.ndarray) -> np.ndarray:
    return -np.logaddexp(*(np.log(w) + norm.logpdf(x, mean, SIGMA).sum(axis=1) for w, mean in COMPONENTS))


def draw(count: int, rng: np.random.Generator) -> np.ndarray:
    mean = np.where(rng.uniform(size=(count, 1)) < WEIGHT, -1.0, 1.0)
    return mean + SIGMA * rng.normal(size=(count, DIM))


def density(points: np.ndarray) -> np.ndarray:
    width = np.sqrt((NORMAL**2 * SIGMA**2).sum())
    return sum(w * norm.pdf(points[:, 0], mean * NORMAL.sum(), width) for w, mean in COMPONENTS)


def free_energy_difference() -> float:
    width = np.sqrt((NORMAL**2 * SIGMA**2).sum())
    first = sum(w * norm.cdf(0, mean * NORMAL.sum(), width) for w, mean in COMPONENTS)
    return float(np.log(first / (1 - first)))
