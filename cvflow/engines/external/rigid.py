"""Bonds of fixed length: the velocities that they allow, by a projection in the metric of the masses."""

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from cvflow.core.frames import Box, Positions

_ROUNDS, _NOT_YET = 1000, 7
"""Iterations at most, some 20 being the rule, and lsmr's word for too few."""


def tangential(
    velocities: Float[np.ndarray, "atoms 3"],
    positions: Positions,
    box: Box,
    masses: Float[np.ndarray, " atoms"],
    pairs: Int[np.ndarray, "bonds 2"],
) -> Float[np.ndarray, "atoms 3"]:
    """P v = v - M⁻¹B (BᵀM⁻¹B)⁻¹ Bᵀv, the columns of B being the gradients of the bonds' lengths.

    Of Maxwell velocities it makes those of the constrained system: P is orthogonal in the metric of the masses. It is
    had by least squares, from M^½v = M^-½B μ.

    Args:
        velocities: [nm/ps].
        positions: [nm], each atom in whichever image; every bond is shorter than half the box.
        box: vectors as rows [nm].
        masses: [amu].
        pairs: of atoms at a fixed distance.

    Raises:
        ValueError: no least squares are found, since there are numbers that are none.

    Source: T. Lelièvre, M. Rousset, G. Stoltz, Math. Comp. 81, 2071 (2012), section 2.
    """
    root = np.repeat(np.sqrt(masses), 3)
    rows, entries = _gradients(positions, box, pairs)
    bonds = np.repeat(np.arange(len(pairs)), 6)
    spanned = sparse.csr_array((entries / root[rows], (rows, bonds)), shape=(len(root), len(pairs)))
    wanted = root * velocities.ravel()
    impulses, stopped, *_ = sparse.linalg.lsmr(spanned, wanted, atol=1e-12, btol=1e-12, conlim=0, maxiter=_ROUNDS)
    if stopped == _NOT_YET:
        raise ValueError(f"velocities are not tangential to the rigid bonds after {_ROUNDS} iterations")
    return ((wanted - spanned @ impulses) / root).reshape(velocities.shape)


def lengths(positions: Positions, box: Box, pairs: Int[np.ndarray, "bonds 2"]) -> Float[np.ndarray, " bonds"]:
    """Of the bonds, between nearest images [nm]."""
    return np.linalg.norm(_separations(positions, box, pairs), axis=1)


def _separations(positions: Positions, box: Box, pairs: Int[np.ndarray, "bonds 2"]) -> Float[np.ndarray, "bonds 3"]:
    apart = positions[pairs[:, 0]] - positions[pairs[:, 1]]
    return apart - np.round(apart @ np.linalg.inv(box)) @ box


def _gradients(
    positions: Positions, box: Box, pairs: Int[np.ndarray, "bonds 2"]
) -> tuple[Int[np.ndarray, " entries"], Float[np.ndarray, " entries"]]:
    """Of each bond's length by the coordinates of its atoms: which coordinates, and values."""
    along = _separations(positions, box, pairs) / lengths(positions, box, pairs)[:, None]
    return (3 * pairs[:, :, None] + np.arange(3)).ravel(), np.stack([along, -along], axis=1).ravel()
