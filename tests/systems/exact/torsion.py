"""Torsion: the torsion from a table, bonds and angles by rejection."""

import numpy as np
from scipy.special import i0

from tests.systems.exact import tabulated
from tests.systems.exact.tabulated import Tabulated, placed, polar, radial


def modes(phi: np.ndarray) -> np.ndarray:
    return 0.3 * _von_mises(phi, -0.2, 8.0) + 0.7 * _von_mises(phi, np.pi - 0.3, 5.0)


def _von_mises(phi: np.ndarray, mode: float, kappa: float) -> np.ndarray:
    return np.exp(kappa * np.cos(phi - mode)) / (2 * np.pi * i0(kappa))


def third_bond(phi: np.ndarray) -> np.ndarray:
    return 1.1 + 0.1 * np.cos(phi - 0.7)


def first_angle(phi: np.ndarray) -> np.ndarray:
    return 1.9 + 0.15 * np.sin(phi)


def torsion(x: np.ndarray) -> np.ndarray:
    """The angle between the outer bonds seen along the middle one."""
    near, middle, far = x[:, 0] - x[:, 1], x[:, 2] - x[:, 1], x[:, 3] - x[:, 2]
    axis = middle / np.linalg.norm(middle, axis=1, keepdims=True)
    up = near - (near * axis).sum(axis=1, keepdims=True) * axis
    hand = far - (far * axis).sum(axis=1, keepdims=True) * axis
    # Seen along the axis, axis × up points to the right of up.
    phi = np.arctan2((np.cross(axis, up) * hand).sum(axis=1), (up * hand).sum(axis=1))
    return np.where(phi >= np.pi, -np.pi, phi)


def energy(x: np.ndarray) -> np.ndarray:
    b1, b2, b3 = (x[:, i + 1] - x[:, i] for i in range(3))
    r1, r2, r3 = (np.sqrt((b**2).sum(axis=1)) for b in (b1, b2, b3))
    theta1, theta2 = np.arccos(-(b1 * b2).sum(axis=1) / r1 / r2), np.arccos(-(b2 * b3).sum(axis=1) / r2 / r3)
    phi = torsion(x)
    bonds = ((r1 - 1.0) ** 2 + (r2 - 1.3) ** 2 + (r3 - third_bond(phi)) ** 2) / (2 * 0.05**2)
    angles = ((theta1 - first_angle(phi)) ** 2 + (theta2 - 1.9) ** 2) / (2 * 0.1**2)
    return -np.log(modes(phi)) + bonds + angles + (x.sum(axis=1) ** 2).sum(axis=1) / 32


def _marginal(phi: np.ndarray) -> np.ndarray:
    """The measures r3² and sin θ1 leave <r3²> and <sin θ1>, the latter up to e^-50 of Gaussian tails."""
    return modes(phi) * (third_bond(phi) ** 2 + 0.05**2) * np.sin(first_angle(phi))


TABLE = Tabulated(_marginal, ((-np.pi, np.pi),), 20_000)


def draw(count: int, rng: np.random.Generator) -> np.ndarray:
    (phi,) = TABLE.draw(count, rng)
    r1, r2 = radial(1.0, 0.05, 2, count, rng), radial(1.3, 0.05, 2, count, rng)
    r3 = radial(third_bond(phi), 0.05, 2, count, rng)
    theta1, theta2 = polar(first_angle(phi), 0.1, count, rng), polar(1.9, 0.1, count, rng)
    # The middle bond along z. Seen along it, x is up and y to the right.
    zero = np.zeros(count)
    x = [
        r1[:, None] * np.column_stack([np.sin(theta1), zero, np.cos(theta1)]),
        np.zeros((count, 3)),
        np.column_stack([zero, zero, r2]),
    ]
    far = np.column_stack([np.sin(theta2) * np.cos(phi), np.sin(theta2) * np.sin(phi), -np.cos(theta2)])
    return placed(np.stack([*x, x[2] + r3[:, None] * far], axis=1), rng)


def density(points: np.ndarray) -> np.ndarray:
    return _marginal(points[:, 0]) / TABLE.normalisation


def free_energy_difference() -> float:
    return tabulated.free_energy_difference(TABLE, lambda phi: (phi > -1.7) & (phi < 1.25))
