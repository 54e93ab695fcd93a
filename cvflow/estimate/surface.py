"""Free energy along two CVs."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cvflow.estimate.convergence import chain_weights, cv_chains
from cvflow.estimate.curve import from_cells
from cvflow.estimate.grid import Axis, axis
from cvflow.estimate.joined_density import PassedCells, WeightedCells
from cvflow.estimate.path_density import path_slices
from cvflow.store import Record


class FreeEnergySurface(NamedTuple):
    """F along two CVs [kT], zero at its minimum, with its error; both are NaN where there is no error.

    Errors are as those of a `FreeEnergyProfile`.
    """

    first: Axis
    second: Axis
    free_energy: Float[np.ndarray, "first second"]
    stderr: Float[np.ndarray, "first second"]


def surface(record: Record, cvs: tuple[str, str], bins: int) -> FreeEnergySurface:
    """F(z1, z2) = -ln p from production, chains and works, with the standard error of each cell.

    Raises:
        ValueError: the CVs are unknown or the same, there are fewer than two bins, or no production turns yet.
    """
    if cvs[0] == cvs[1]:
        raise ValueError(f"a free energy along two CVs needs two different ones, got {cvs[0]} twice")
    first, second = (axis(record, cv, bins) for cv in cvs)
    chains = cv_chains(record)
    columns = [record.header.cvs.index(cv) for cv in cvs]
    cells = first.bin_of(chains[:, :, columns[0]]) * bins + second.bin_of(chains[:, :, columns[1]])
    slices = path_slices(record)
    one, other = first.bin_inside(slices.cv[:, columns[0]]), second.bin_inside(slices.cv[:, columns[1]])
    cell = np.where((one >= 0) & (other >= 0), one * bins + other, -1)
    passed = PassedCells(slices, cell, len(chains), chains.shape[1] // 2)
    visited = WeightedCells(cells, chain_weights(record))
    free_energy, stderr = (of.reshape(bins, bins) for of in from_cells(record, visited, passed, bins * bins))
    return FreeEnergySurface(first, second, free_energy, stderr)
