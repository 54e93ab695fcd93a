"""Free energy along two CVs."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cvflow.estimate.convergence import cv_chains
from cvflow.estimate.grid import Axis, axis
from cvflow.store import Record

BLOCKS = 24
"""Stretches of the chains, of all walkers together, whose spread is the error."""

_SHORTEST_BLOCK = 4


class Surface(NamedTuple):
    """F along two CVs [kT], zero at its minimum; NaN where no sample fell."""

    first: Axis
    second: Axis
    free_energy: Float[np.ndarray, "first second"]
    stderr: Float[np.ndarray, "first second"]


def surface(record: Record, cvs: tuple[str, str], bins: int) -> Surface:
    """F(z1, z2) = -ln p from production, with errors from blocks of the chains.

    The blocks of one walker follow each other, so correlations longer than a block escape the error; an error is NaN
    where the chains are too short for blocks.

    Raises:
        ValueError: the CVs are unknown or the same, there are fewer than two bins, or no production turns yet.
    """
    if cvs[0] == cvs[1]:
        raise ValueError(f"a free energy along two CVs needs two different ones, got {cvs[0]} twice")
    first, second = (axis(record, cv, bins) for cv in cvs)
    chains = cv_chains(record)
    columns = [record.header.cvs.index(cv) for cv in cvs]
    cell = first.bin_of(chains[:, :, columns[0]]) * bins + second.bin_of(chains[:, :, columns[1]])
    probability = _frequencies(cell.reshape(-1), bins)
    error = _error(cell, bins)
    with np.errstate(divide="ignore", invalid="ignore"):
        free_energy = np.where(probability > 0, -np.log(probability), np.nan)
        stderr = np.where(probability > 0, error / probability, np.nan)
    return Surface(first, second, free_energy - np.nanmin(free_energy), stderr)


def _frequencies(cell: np.ndarray, bins: int) -> Float[np.ndarray, "bins bins"]:
    return np.bincount(cell, minlength=bins * bins).reshape(bins, bins) / len(cell)


def _error(cell: np.ndarray, bins: int) -> Float[np.ndarray, "bins bins"]:
    """Standard error of each cell's probability."""
    walkers, draws = cell.shape
    each = min(-(-BLOCKS // walkers), draws // _SHORTEST_BLOCK)
    if walkers * each < 2:
        return np.full((bins, bins), np.nan)
    length = draws // each
    blocks = cell[:, : each * length].reshape(walkers * each, length)
    frequencies = np.stack([_frequencies(block, bins) for block in blocks])
    return frequencies.std(axis=0, ddof=1) / np.sqrt(len(blocks))
