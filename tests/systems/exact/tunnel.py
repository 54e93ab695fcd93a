"""Gaussian tunnel: everything in closed form."""

import numpy as np
from scipy.stats import norm

DIM_Y, D, W1 = 19, 10.0, 0.3
SIGMA = np.linspace(0.5, 5, DIM_Y)


def mean(z: np.ndarray) -> np.ndarray:
    return D / 2 * np.cos(np.pi * z / D)


def energy(x: np.ndarray) -> np.ndarray:
    z, y = x[:, 0], x[:, 1:]
    return -np.log(density(z[:, None])) - norm.logpdf(y, mean(z)[:, None], SIGMA).sum(axis=1)


def draw(count: int, rng: np.random.Generator) -> np.ndarray:
    z = np.where(rng.uniform(size=count) < W1, 0.0, D) + rng.normal(size=count)
    return np.column_stack([z, mean(z)[:, None] + SIGMA * rng.normal(size=(count, DIM_Y))])


def density(points: np.ndarray) -> np.ndarray:
    z = points[:, 0]
    return W1 * norm.pdf(z) + (1 - W1) * norm.pdf(z, D)


def free_energy_difference() -> float:
    left = W1 * norm.cdf(D / 2) + (1 - W1) * norm.cdf(-D / 2)
    return float(np.log(left / (1 - left)))
