"""Free energies of the cells of a grid, with errors of the curve or the surface as it is shown."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool

from cvflow.estimate.correlation import standard_error
from cvflow.estimate.joined_density import Cells, JoinedDensity, PassedCells, Stretches, WeightedCells
from cvflow.estimate.modes import joined, last_states
from cvflow.estimate.zero import PerCell, zero_of
from cvflow.store import Record


def from_cells(record: Record, visited: WeightedCells, passed: PassedCells, count: int) -> tuple[PerCell, PerCell]:
    """F = -ln p [kT] of each of `count` cells, zero at the lowest, and its error; both are NaN where there is no error.

    p is that of the chains and of the paths together. A cell has no error where too few independent visits or paths
    tell it, and where different chains know it and the lowest one, with no way seen between them in both directions.
    It has no F there either: that of a cell seen once, on the way over a barrier, is far too low.
    """
    probability, of_probability = JoinedDensity(visited, passed, count).solved()
    with np.errstate(divide="ignore"):
        free_energy = np.where(probability > 0, -np.log(probability), np.nan)
    free_energy -= np.nanmin(free_energy)
    apart = _apart(record, visited.cells, int(np.nanargmin(free_energy)), count)

    def influence(cell: int) -> Stretches:
        return of_probability(cell) / probability[cell]

    stderr = band(np.where(apart, np.nan, free_energy), influence)
    return np.where(np.isfinite(stderr), free_energy, np.nan), stderr


def band(free_energy: PerCell, influence: Callable[[int], Stretches]) -> PerCell:
    """Errors of a curve as it is shown, against one that is zero at its own lowest cell, which may be another one.

    What cells share cancels. The lowest cell has no error where it is sure to be the lowest.

    Args:
        free_energy: zero at its lowest cell [kT]; NaN where nothing is known.
        influence: what each stretch of each chain adds to ln p of a cell.
    """
    stderr = np.full(len(free_energy), np.nan)
    if not np.isfinite(free_energy).any():  # chains that never met know the lowest cell alike
        return stderr
    zero = zero_of(free_energy, influence)
    reference = sum(zero.chance[cell] * influence(int(cell)) for cell in np.flatnonzero(zero.chance))
    for cell in np.flatnonzero(np.isfinite(free_energy)):
        stderr[cell] = np.hypot(standard_error(influence(int(cell)) - reference), zero.spread)
    lowest = int(np.nanargmin(free_energy))
    if zero.chance[lowest] == 1 and np.isfinite(stderr).any():
        stderr[lowest] = 0.0
    return stderr


def _apart(record: Record, cells: Cells, lowest: int, count: int) -> Bool[np.ndarray, " cells"]:
    """Cells in which chains have been that belong to other groups of states than those in the lowest cell."""
    if len(record.header.states) < 2:
        return np.zeros(count, dtype=bool)
    group = np.append(joined(record), -1)[last_states(record)]
    home = np.unique(group[cells == lowest])
    foreign = ~np.isin(group, home) if len(home) == 1 else np.ones(group.shape, dtype=bool)
    return np.bincount(cells[foreign], minlength=count) > 0
