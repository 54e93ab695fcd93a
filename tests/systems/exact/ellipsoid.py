"""Ellipsoid: the norm from a table, the direction from von Mises-Fisher's density."""

import numpy as np

from tests.systems.exact import tabulated
from tests.systems.exact.tabulated import Tabulated, gauss, sinhc, tilted_cosine

A = np.diag([1.0, 2.5, 0.4])
POLE = np.array([2.0, -1.0, 2.0]) / 3


def modes(rho: np.ndarray) -> np.ndarray:
    return 0.65 * gauss(rho, 1.0, 0.18) + 0.35 * gauss(rho, 2.2, 0.20)


def kappa(rho: np.ndarray) -> np.ndarray:
    return 2.5 * (rho - 1.5)


def energy(x: np.ndarray) -> np.ndarray:
    rho = np.sqrt(np.einsum("ni,ij,nj->n", x, A, x))
    along = x @ np.sqrt(A) @ POLE / rho
    return -np.log(modes(rho)) - kappa(rho) * along


def _marginal(rho: np.ndarray) -> np.ndarray:
    return modes(rho) * rho**2 * sinhc(kappa(rho))


TABLE = Tabulated(_marginal, ((0.0, 4.2),), 20_000)


def draw(count: int, rng: np.random.Generator) -> np.ndarray:
    (rho,) = TABLE.draw(count, rng)
    cosine = tilted_cosine(kappa(rho), rng)
    across = rng.normal(size=(count, 3))
    across -= np.outer(across @ POLE, POLE)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    n = cosine[:, None] * POLE + np.sqrt(1 - cosine**2)[:, None] * across
    return rho[:, None] * n / np.sqrt(np.diag(A))


def density(points: np.ndarray) -> np.ndarray:
    return _marginal(points[:, 0]) / TABLE.normalisation


def free_energy_difference() -> float:
    return tabulated.free_energy_difference(TABLE, lambda rho: rho < 1.55)
