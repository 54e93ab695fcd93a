"""The probability of cells from what chains visit and from what paths between states pass, each where it knows more."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from cvflow.estimate.correlation import standard_error
from cvflow.estimate.path_density import PathSlices
from cvflow.estimate.zero import PerCell

_STRETCHES = 256
"""Means over as many stretches of a chain stand for its draws, at most: lags shorter than one matter to no error."""

_FEWEST = 10.0
"""Paths, in Kish's number, below which they say nothing of a cell: the largest weights may not be among them."""

_ROUNDS = 3
"""After which a cell's probability, and with it what each part knows of it, has settled."""

Cells = Int[np.ndarray, "walkers draws"]
Stretches = Float[np.ndarray, "walkers stretches"]


@dataclass(frozen=True)
class WeightedCells:
    """What chains visited, by cells.

    Attributes:
        cells: of the draws.
        weights: of the draws, one on the mean.
    """

    cells: Cells
    weights: Float[np.ndarray, "walkers draws"]

    def probability(self, count: int) -> PerCell:
        """Of each cell, as the chains alone tell it."""
        return np.bincount(self.cells.ravel(), self.weights.ravel(), count) / self.cells.size

    def share(self, cell: int) -> Stretches:
        """What each stretch of each chain says of the probability of a cell."""
        return stretched(np.where(self.cells == cell, self.weights, 0.0))


@dataclass(frozen=True)
class PassedCells:
    """What paths passed, by cells.

    Attributes:
        slices: of paths.
        cell: of each slice; -1 for none.
        walkers: of the run.
        turns: of each walker.
    """

    slices: PathSlices
    cell: Int[np.ndarray, " slices"]
    walkers: int
    turns: int

    def probability(self, count: int) -> PerCell:
        """Of each cell, as the paths alone tell it."""
        inside = self.cell >= 0
        total = np.bincount(self.cell[inside], self.slices.weight[inside], count)
        return total / (self.walkers * self.turns)

    def each_turn(self, cell: int) -> Float[np.ndarray, "walkers turns"]:
        """What each turn says of the probability of a cell."""
        inside = self.cell == cell
        size = self.walkers * self.turns
        return np.bincount(self.slices.turn[inside], self.slices.weight[inside], size).reshape(self.walkers, self.turns)


@dataclass(frozen=True)
class JoinedDensity:
    """Probabilities of cells, and what each stretch of each chain adds to them.

    Each cell's is ω times that of the chains and 1 - ω times that of the paths, with ω by the errors of both: those of
    the chains go with the root of the probability, those of the paths with the probability itself, so that a part which
    happens to be low is not taken for one that knows more.

    Attributes:
        visited: by chains.
        passed: by paths.
        count: number of cells.
    """

    visited: WeightedCells
    passed: PassedCells
    count: int

    def solved(self) -> tuple[PerCell, Callable[[int], Stretches]]:
        """Probabilities, zero where nothing is known, and the influence on each."""
        visited = self.visited.probability(self.count)
        passed = self.passed.probability(self.count)
        chains = np.array([self._share(cell, visited[cell], passed[cell]) for cell in range(self.count)])

        def influence(cell: int) -> Stretches:
            share = chains[cell]
            of_chains = self.visited.share(cell) if share > 0 else 0.0
            of_paths = self._by_stretches(cell) if share < 1 else 0.0
            return np.asarray(share * of_chains + (1 - share) * of_paths)

        return chains * visited + (1 - chains) * passed, influence

    def _share(self, cell: int, visited: float, passed: float) -> float:
        """ω of a cell."""
        if passed == 0.0:
            return 1.0
        each = self.passed.each_turn(cell) / passed
        if each.sum() ** 2 < _FEWEST * (each**2).sum():
            return 1.0
        relative = standard_error(self._by_stretches(cell) / passed) ** 2
        if not np.isfinite(relative):
            return 1.0
        error = standard_error(self.visited.share(cell)) if visited > 0 else np.nan
        if not np.isfinite(error):
            return 0.0
        by_count, joined = error**2 / visited, 0.5 * (visited + passed)
        for _ in range(_ROUNDS):
            share = relative * joined / (relative * joined + by_count)
            joined = share * visited + (1 - share) * passed
        return float(share)

    def _by_stretches(self, cell: int) -> Stretches:
        return stretched(np.repeat(self.passed.each_turn(cell), 2, axis=1))


def stretched(draws: np.ndarray) -> Stretches:
    """Means over stretches of the chains; what is left over at the end of a chain counts for no error."""
    walkers, count = draws.shape
    length = -(-count // _STRETCHES)
    return np.asarray(draws[:, : count // length * length].reshape(walkers, -1, length).mean(axis=2))
