"""Invertible maps that carry each system's first state onto its second, for a check of the states' weights.

`move(x, way)` maps configurations (count, *shape) there (way = 1) or back (-1), and gives the logarithm of the map's
Jacobian; -inf where the map is not defined.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tests.systems.exact import ellipsoid, mixture, torsion, tunnel


class Moved(NamedTuple):
    """Where the map leads, and ln |det ∂x'/∂x|."""

    x: np.ndarray
    log_jacobian: np.ndarray


def _tunnel(x: np.ndarray, way: int) -> Moved:
    shift = np.concatenate([[tunnel.D], np.full(tunnel.DIM_Y, -tunnel.D)])
    return Moved(x + way * shift, np.zeros(len(x)))


def _phi4(x: np.ndarray, way: int) -> Moved:
    """The reflection, from the negative state there and from the positive state back."""
    return Moved(-x, np.where(way * x.sum(axis=1) < 0, 0.0, -np.inf))


def _mixture(x: np.ndarray, way: int) -> Moved:
    (_, mean_1, sigma_1), (_, mean_2, sigma_2) = mixture.components()[::way]
    return Moved(mean_2 + (x - mean_1) / sigma_1 * sigma_2, np.full(len(x), np.log(sigma_2 / sigma_1).sum()))


def _two_modes(x: np.ndarray, way: int) -> Moved:
    return Moved(x + 2.0 * way, np.zeros(len(x)))


def _angle(x: np.ndarray, way: int) -> Moved:
    """Turn the second bond so that the angle grows by one, unless it would pass π (or, back, 0)."""
    a, b = x[:, 0] - x[:, 1], x[:, 2] - x[:, 1]
    signed = np.arctan2(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0], (a * b).sum(axis=1))
    after = np.abs(signed) + way
    turn = way * np.sign(signed)
    turned = np.column_stack(
        [np.cos(turn) * b[:, 0] - np.sin(turn) * b[:, 1], np.sin(turn) * b[:, 0] + np.cos(turn) * b[:, 1]]
    )
    moved = x.copy()
    moved[:, 2] = x[:, 1] + turned
    return Moved(moved, np.where((after > 0) & (after < np.pi), 0.0, -np.inf))


def _torsion(x: np.ndarray, way: int) -> Moved:
    """Turn the last atom about the middle bond by the distance of the modes, from the first state there alone."""
    axis = x[:, 2] - x[:, 1]
    axis = axis / np.linalg.norm(axis, axis=1, keepdims=True)
    far, turn = x[:, 3] - x[:, 2], way * (np.pi - 0.1)
    along = (far * axis).sum(axis=1, keepdims=True) * axis
    moved = x.copy()
    moved[:, 3] = x[:, 2] + along + np.cos(turn) * (far - along) + np.sin(turn) * np.cross(axis, far)
    phi = torsion.torsion(x if way == 1 else moved)
    return Moved(moved, np.where((phi > -1.7) & (phi < 1.25), 0.0, -np.inf))


def _ellipsoid(x: np.ndarray, way: int) -> Moved:
    """Lengthen the norm by 1.2 in the opposite direction, which the outer shell prefers."""
    rho = np.sqrt(np.einsum("ni,ij,nj->n", x, ellipsoid.A, x))
    factor = (rho + 1.2 * way) / rho
    # ρ² dρ dΩ: the measure changes by the squared ratio of the norms, whatever A is.
    return Moved(-x * factor[:, None], np.where(factor > 0, 2 * np.log(np.maximum(factor, 1e-300)), -np.inf))


def _two_distances(x: np.ndarray, way: int) -> Moved:
    """Lengthen the first bond and shorten the second by 0.6 each, the middle atom at rest."""
    moved, log_jacobian = x.copy(), np.zeros(len(x))
    for atom, change in ((0, 0.6 * way), (2, -0.6 * way)):
        bond = x[:, atom] - x[:, 1]
        length = np.linalg.norm(bond, axis=1)
        factor = 1 + change / length
        moved[:, atom] = x[:, 1] + factor[:, None] * bond
        log_jacobian += np.where(factor > 0, 2 * np.log(np.maximum(factor, 1e-300)), -np.inf)
    return Moved(moved, log_jacobian)


MOVES: dict[str, Callable[[np.ndarray, int], Moved]] = {
    "gaussian_tunnel": _tunnel,
    "phi4": _phi4,
    "gaussian_mixture": _mixture,
    "two_modes": _two_modes,
    "angle": _angle,
    "torsion": _torsion,
    "ellipsoid": _ellipsoid,
    "two_distances": _two_distances,
}
