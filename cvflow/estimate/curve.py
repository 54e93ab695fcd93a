"""Free energies of the cells of a grid, with errors of the curve or the surface as it is shown."""

import numpy as np
from jaxtyping import Bool, Float, Int

from cvflow.estimate.correlation import standard_error
from cvflow.estimate.modes import joined, last_states
from cvflow.store import Record

_STRETCHES = 256
"""Means over as many stretches of a chain stand for its draws, at most: lags shorter than one matter to no error."""

Cells = Int[np.ndarray, "walkers draws"]
PerCell = Float[np.ndarray, " cells"]


def from_cells(record: Record, cells: Cells, count: int) -> tuple[PerCell, PerCell]:
    """F = -ln p [kT] of each of `count` cells, zero at the lowest, and its error; NaN where no sample fell.

    The error is that of the difference between a cell and the lowest one, in which what both share cancels. It is NaN
    between cells that different chains know, with no way seen between them in both directions.
    """
    probability = np.bincount(cells.ravel(), minlength=count) / cells.size
    with np.errstate(divide="ignore"):
        free_energy = np.where(probability > 0, -np.log(probability), np.nan)
    lowest = int(np.nanargmin(free_energy))
    apart = _apart(record, cells, lowest, count)
    stderr = np.full(count, np.nan)
    reference = _shares(cells, lowest) / probability[lowest]
    for cell in np.flatnonzero((probability > 0) & ~apart):
        stderr[cell] = standard_error(_shares(cells, int(cell)) / probability[cell] - reference)
    if np.isfinite(stderr).any():
        stderr[lowest] = 0.0
    return free_energy - free_energy[lowest], stderr


def _shares(cells: Cells, cell: int) -> Float[np.ndarray, "walkers stretches"]:
    """Part of each stretch of each chain in a cell; what is left over at the end of a chain counts for no error."""
    walkers, draws = cells.shape
    length = -(-draws // _STRETCHES)
    whole = cells[:, : draws // length * length].reshape(walkers, -1, length)
    return np.asarray((whole == cell).mean(axis=2))


def _apart(record: Record, cells: Cells, lowest: int, count: int) -> Bool[np.ndarray, " cells"]:
    """Cells in which chains have been that belong to other groups of states than those in the lowest cell."""
    if len(record.header.states) < 2:
        return np.zeros(count, dtype=bool)
    group = np.append(joined(record), -1)[last_states(record)]
    home = np.unique(group[cells == lowest])
    foreign = ~np.isin(group, home) if len(home) == 1 else np.ones(group.shape, dtype=bool)
    return np.bincount(cells[foreign], minlength=count) > 0
