"""Where a free energy is zero: which of its cells may be the lowest, and how well that is known."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cvflow.estimate.correlation import Series, correlation_window, standard_error

_DRAWS = 4_000

_REACH = 4.0
"""Errors within which a cell has a chance to be the lowest."""

_WELL_KNOWN = 1.0
"""Error [kT] above which a cell was visited so seldom that ln p is not normal; its p stays small whatever its ln p."""

PerCell = Float[np.ndarray, " cells"]


class Zero(NamedTuple):
    """The lowest cell, as far as it is known.

    The exact zero is the minimum of F over the cells. By how much it lies below F at the cell that is lowest here is no
    linear function of the cells' probabilities. Its linear part is that of F at each cell times the cell's chance to be
    the lowest (Stein's lemma), and what is left has no correlation with any of them.

    Attributes:
        chance: of each cell to be the lowest; their sum is one.
        spread: root mean square of what is left [kT].
    """

    chance: PerCell
    spread: float


class _Rival(NamedTuple):
    """A cell that may be the lowest, and its ln p less that of the lowest one."""

    cell: int
    series: Series
    error: float


def zero_of(free_energy: PerCell, influence: Callable[[int], Series]) -> Zero:
    """Draw the cells that may be the lowest together, from normals with their errors and correlations.

    Args:
        free_energy: zero at its lowest cell [kT]; NaN where nothing is known.
        influence: what each draw of each chain, or each stretch of it, adds to ln p of a cell.
    """
    lowest = int(np.nanargmin(free_energy))
    chance = np.zeros(len(free_energy))
    rivals = _rivals(free_energy, lowest, influence)
    if not rivals:
        chance[lowest] = 1.0
        return Zero(chance, 0.0)
    cells = [lowest, *(rival.cell for rival in rivals)]
    moves = np.pad(_together(rivals), ((0, 0), (1, 0)))
    drawn = free_energy[cells] + moves
    shares = np.bincount(drawn.argmin(axis=1), minlength=len(cells)) / len(drawn)
    chance[cells] = shares
    left = np.mean(drawn.min(axis=1) ** 2) - np.mean((moves @ shares) ** 2)
    return Zero(chance, float(np.sqrt(max(left, 0.0))))


def _rivals(free_energy: PerCell, lowest: int, influence: Callable[[int], Series]) -> list[_Rival]:
    """Cells that are above the lowest one by no more than their errors reach, in an order that is not the grid's."""
    reference, found = influence(lowest), []
    for cell in np.flatnonzero(free_energy < _REACH * _WELL_KNOWN):
        series = influence(int(cell)) - reference
        error = standard_error(series)
        if error < _WELL_KNOWN and free_energy[cell] < _REACH * error:
            found.append(_Rival(int(cell), series, error))
    return sorted(found, key=lambda rival: (free_energy[rival.cell], rival.error))


def _together(rivals: list[_Rival]) -> Float[np.ndarray, "samples rivals"]:
    """Normals with the rivals' errors, correlated as the means of their series over stretches of the longest window."""
    walkers, draws = rivals[0].series.shape
    each = max(draws // max(correlation_window(rival.series) for rival in rivals), 1)
    stretches = np.stack(
        [rival.series[:, : draws // each * each].reshape(walkers * each, -1).mean(axis=1) for rival in rivals]
    )
    stretches -= stretches.mean(axis=1, keepdims=True)
    stretches *= np.array([[rival.error] for rival in rivals]) / np.linalg.norm(stretches, axis=1, keepdims=True)
    rng = np.random.default_rng(0)
    return rng.multivariate_normal(np.zeros(len(rivals)), stretches @ stretches.T, _DRAWS, method="eigh")
