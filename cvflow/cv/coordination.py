"""The coordination number between two groups of atoms."""

from dataclasses import dataclass, replace
from itertools import product
from math import inf

import numpy as np
import openmm
from openmm.unit import Quantity

from cvflow.core.frames import Positions
from cvflow.core.quantities import positive
from cvflow.cv import formulas
from cvflow.cv.base import AtomsCV
from cvflow.cv.images import Cell
from cvflow.cv.openmm_force import Energy
from cvflow.cv.pairs import Displacements, Pair, images_of_pairs, pair_force
from cvflow.cv.selection import AtomNames, Atoms, Group, group, indices


@dataclass(frozen=True)
class Coordination(AtomsCV):
    """Coordination number Σ_i Σ_j s(r_ij/r0) over the pairs of two groups without common atoms.

    s(x) = (1 - x⁶)/(1 - x¹²), written as 1/(1 + x⁶), which has no 0/0 at x = 1.

    Attributes:
        atoms: the first group.
        atoms2: the second group.
        r0: distance [nm] at which a pair counts one half.

    Raises:
        ValueError: a group is empty, the groups share atoms, or r0 is not positive.
    """

    atoms2: Group
    r0: float
    unit: str = ""
    what = "a coordination number"

    def __post_init__(self) -> None:
        super().__post_init__()
        common = {atom for atom in self.atoms if isinstance(atom, int)} & set(self.atoms2)
        if common:
            raise ValueError(f"CV {self.name}: the two groups of a coordination number share atoms {sorted(common)}")
        if not 0 < self.r0 < inf:
            raise ValueError(f"CV {self.name}: r0 must be positive, got {self.r0}")

    @property
    def range(self) -> tuple[float, float]:
        if any(isinstance(atom, str) for atom in self.atoms + self.atoms2):
            return 0.0, inf
        return 0.0, float(len(self.atoms) * len(self.atoms2))

    @property
    def groups(self) -> tuple[Group, ...]:
        return self.atoms, self.atoms2

    def of_atoms(self, x: Positions) -> tuple[float, Positions]:
        first = len(self.atoms)
        return self._of_pairs(x[:first, None] - x[None, first:])

    def of_images(self, x: Positions, cell: Cell) -> tuple[float, Positions]:
        """Of each pair's nearest image; pairs of one molecule are taken as they lie."""
        first = len(self.atoms)
        apart = x[:first, None] - x[None, first:]
        other = cell.molecules[:first, None] != cell.molecules[None, first:]
        return self._of_pairs(images_of_pairs(apart, other, cell))

    def _of_pairs(self, apart: Displacements) -> tuple[float, Positions]:
        """The number and its gradient, of displacements [nm] from the second group to the first."""
        counted, square = formulas.counted(apart, self.r0)
        slope = (-6 * square**2 * counted**2 / self.r0**2)[:, :, None] * apart
        return float(counted.sum()), np.concatenate([slope.sum(axis=1), -slope.sum(axis=0)])

    def openmm_force(self, energy: Energy) -> openmm.Force:
        molecules = dict(zip(self.indices, self.surroundings.molecules or self.indices, strict=True))
        pairs = [
            Pair(first, second, self.takes_images and molecules[first] != molecules[second])
            for first, second in product(*(indices(self.name, atoms) for atoms in self.groups))
        ]
        return pair_force(energy, f"1/(1+(r/{float(self.r0)!r})^6)", pairs)

    def resolved(self, names: AtomNames) -> "Coordination":
        first, second = (names.group(self.name, atoms) for atoms in self.groups)
        return replace(self, atoms=first, atoms2=second)


def coordination(
    name: str, first: Atoms, second: Atoms, r0: float | Quantity, unit: str = "", *, periodic: bool = True
) -> Coordination:
    """Coordination number between two groups, a pair at the distance r0 [nm, or a Quantity] counting one half.

    `periodic=False` takes atoms as they lie in a periodic box, without nearest images.

    Raises:
        ValueError: as `Coordination`.
    """
    return Coordination(name, group(first), group(second), positive(r0, "r0"), unit, periodic=periodic)
