"""A CV of one's own: the contour length of a chain of atoms, from the first to the last along all between."""

from dataclasses import dataclass
from math import inf

import numpy as np

from cvflow.core.frames import Positions
from cvflow.cv import AtomsCV


@dataclass(frozen=True)
class ContourLength(AtomsCV):
    """Σ |x_{i+1} - x_i| over a group of atoms in their order [nm].

    Raises:
        ValueError: the group is empty.
    """

    unit: str = "nm"

    @property
    def range(self) -> tuple[float, float]:
        return 0.0, inf

    def of_atoms(self, x: Positions) -> tuple[float, Positions]:
        bonds = np.diff(x, axis=0)
        lengths = np.linalg.norm(bonds, axis=1)
        directions = bonds / lengths[:, None]
        gradient = np.zeros_like(x)
        gradient[1:] += directions
        gradient[:-1] -= directions
        return float(lengths.sum()), gradient
