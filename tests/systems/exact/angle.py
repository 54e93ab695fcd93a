"""Angle: the angle from a table, the bonds by rejection."""

import numpy as np
from scipy.stats import norm

from tests.systems.exact import tabulated
from tests.systems.exact.tabulated import Tabulated, gauss, placed, radial


def modes(theta: np.ndarray) -> np.ndarray:
    return 0.3 * gauss(theta, 1.1, 0.16) + 0.7 * gauss(theta, 2.1, 0.20)


def bond_mean(theta: np.ndarray) -> np.ndarray:
    return 1 + 0.4 * np.cos(theta)


def energy(x: np.ndarray) -> np.ndarray:
    a, b = x[:, 0] - x[:, 1], x[:, 2] - x[:, 1]
    r1, r2 = np.hypot(*a.T), np.hypot(*b.T)
    theta = np.arccos((a * b).sum(axis=1) / (r1 * r2))
    bonds = ((r1 - bond_mean(theta)) / 0.12) ** 2 / 2 + ((r2 - 1.2) / 0.1) ** 2 / 2
    return -np.log(modes(theta)) + bonds + ((x[:, 0] + x[:, 1] + x[:, 2]) ** 2).sum(axis=1) / 18


def _marginal(theta: np.ndarray) -> np.ndarray:
    """The measure r1 of the first bond leaves its mean length over r1 > 0."""
    mean = bond_mean(theta)
    return modes(theta) * (mean * norm.cdf(mean / 0.12) + 0.12 * norm.pdf(mean / 0.12))


TABLE = Tabulated(_marginal, ((0.0, np.pi),), 20_000)


def draw(count: int, rng: np.random.Generator) -> np.ndarray:
    (theta,) = TABLE.draw(count, rng)
    r1, r2 = radial(bond_mean(theta), 0.12, 1, count, rng), radial(1.2, 0.1, 1, count, rng)
    side = theta * rng.choice([-1, 1], count)
    zero = np.zeros(count)
    first, second = np.column_stack([r1, zero]), np.column_stack([r2 * np.cos(side), r2 * np.sin(side)])
    return placed(np.stack([first, np.zeros((count, 2)), second], axis=1), rng)


def density(points: np.ndarray) -> np.ndarray:
    return _marginal(points[:, 0]) / TABLE.normalisation


def free_energy_difference() -> float:
    return tabulated.free_energy_difference(TABLE, lambda theta: theta < 1.55)
