"""Gaussian mixture: everything in closed form."""

import numpy as np
from scipy.stats import norm

DIM, SEPARATION, WEIGHT = 16, 8.0, 0.3


def components(dim: int = DIM) -> tuple[tuple[float, np.ndarray, np.ndarray], ...]:
    """Weight, mean and standard deviations of each."""
    centre = SEPARATION / 2 * np.ones(dim) / np.sqrt(dim)
    return (
        (WEIGHT, -centre, np.linspace(0.5, 2.0, dim)),
        (1 - WEIGHT, centre, np.linspace(1.5, 0.75, dim)),
    )


def energy(x: np.ndarray) -> np.ndarray:
    parts = [np.log(w) + norm.logpdf(x, mean, sigma).sum(axis=1) for w, mean, sigma in components(x.shape[1])]
    return -np.logaddexp(*parts)


def draw(count: int, rng: np.random.Generator, dim: int = DIM) -> np.ndarray:
    first = rng.uniform(size=(count, 1)) < WEIGHT
    (_, mean_1, sigma_1), (_, mean_2, sigma_2) = components(dim)
    noise = rng.normal(size=(count, dim))
    return np.where(first, mean_1 + sigma_1 * noise, mean_2 + sigma_2 * noise)


def density(points: np.ndarray, dim: int = DIM) -> np.ndarray:
    """Of s, whose variance in a component is the mean of the component's variances."""
    return sum(
        w * norm.pdf(points[:, 0], mean.sum() / np.sqrt(dim), np.sqrt((sigma**2).mean()))
        for w, mean, sigma in components(dim)
    )


def free_energy_difference(dim: int = DIM) -> float:
    first = sum(
        w * norm.cdf(0, mean.sum() / np.sqrt(dim), np.sqrt((sigma**2).mean())) for w, mean, sigma in components(dim)
    )
    return float(np.log(first / (1 - first)))
