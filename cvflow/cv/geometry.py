"""CVs that are geometry of a few atoms."""

from dataclasses import dataclass

import numpy as np

from cvflow.cv.base import CollectiveVariable, checked_name
from cvflow.state import Frame


@dataclass(frozen=True)
class Distance(CollectiveVariable):
    """Distance [nm] between two atoms, of the coordinates as they are.

    No minimum image is taken (OpenMM's bonds and PLUMED's NOPBC do the same): cvflow never wraps molecules, and a chain
    may be longer than half the box.

    Raises:
        ValueError: the atoms are not two different indices counted from 0.
    """

    name: str
    atoms: tuple[int, int]
    unit: str = "nm"

    def __post_init__(self) -> None:
        checked_name(self.name)
        if len(self.atoms) != 2 or self.atoms[0] == self.atoms[1] or min(self.atoms) < 0:
            raise ValueError(f"CV {self.name}: a distance needs two different atoms counted from 0, got {self.atoms}")

    @property
    def highest_atom(self) -> int:
        return max(self.atoms)

    def evaluate(self, frame: Frame) -> float:
        first, second = self.atoms
        return float(np.linalg.norm(frame.positions[second] - frame.positions[first]))


def distance(name: str, first: int, second: int, unit: str = "nm") -> Distance:
    """Distance between two atoms, counted from 0."""
    return Distance(name, (int(first), int(second)), unit)
