"""Two distances: both from a table in the plane, the angle between them in closed form."""

import numpy as np

from tests.systems.exact import tabulated
from tests.systems.exact.tabulated import Tabulated, gauss, placed, sinhc, tilted_cosine


def modes(r12: np.ndarray, r23: np.ndarray) -> np.ndarray:
    first = gauss(r12, 1.0, 0.12) * gauss(r23, 1.7, 0.15)
    return 0.3 * first + 0.7 * gauss(r12, 1.6, 0.15) * gauss(r23, 1.1, 0.12)


def kappa(r12: np.ndarray, r23: np.ndarray) -> np.ndarray:
    return 4 * (r12 - r23)


def energy(x: np.ndarray) -> np.ndarray:
    a, b = x[:, 0] - x[:, 1], x[:, 2] - x[:, 1]
    r12, r23 = np.sqrt((a**2).sum(axis=1)), np.sqrt((b**2).sum(axis=1))
    cosine = (a * b).sum(axis=1) / r12 / r23
    return -np.log(modes(r12, r23)) - kappa(r12, r23) * cosine + (x.sum(axis=1) ** 2).sum(axis=1) / 18


def _marginal(r12: np.ndarray, r23: np.ndarray) -> np.ndarray:
    return modes(r12, r23) * r12**2 * r23**2 * sinhc(kappa(r12, r23))


TABLE = Tabulated(_marginal, ((0.0, 2.8), (0.2, 3.0)), 1400)


def draw(count: int, rng: np.random.Generator) -> np.ndarray:
    r12, r23 = TABLE.draw(count, rng)
    cosine = tilted_cosine(kappa(r12, r23), rng)
    zero = np.zeros(count)
    first = np.column_stack([r12, zero, zero])
    third = r23[:, None] * np.column_stack([cosine, np.sqrt(1 - cosine**2), zero])
    return placed(np.stack([first, np.zeros((count, 3)), third], axis=1), rng)


def density(points: np.ndarray) -> np.ndarray:
    return _marginal(points[:, 0], points[:, 1]) / TABLE.normalisation


def free_energy_difference() -> float:
    return tabulated.free_energy_difference(TABLE, lambda r12, r23: r12 < r23)
