"""The distance between the centres of two groups of atoms."""

from dataclasses import dataclass, replace
from math import inf

import numpy as np
import openmm
from jaxtyping import Float

from cvflow.core.frames import Box, Positions
from cvflow.cv.base import AtomsCV
from cvflow.cv.images import Cell, gathered
from cvflow.cv.openmm_force import Energy
from cvflow.cv.selection import AtomNames, Atoms, Group, group, indices
from cvflow.cv.weights import GivenWeights, Weights, as_weights, check_weights, shares, weighted


@dataclass(frozen=True)
class CentreDistance(AtomsCV):
    """Distance [nm] between the weighted centres of two groups, in a periodic box by the centres' nearest image.

    The molecules of a group are gathered; groups that share one are gathered together, and their centres stay as they
    are.

    Attributes:
        atoms: the first group.
        atoms2: the second group.
        weights: of the first group's atoms; equal ones if left out, the centre of mass with "mass".
        weights2: of the second group's atoms.

    Raises:
        ValueError: a group is empty, or weights do not go with it.
    """

    atoms2: Group
    weights: Weights = ()
    weights2: Weights = ()
    unit: str = "nm"
    what = "a distance of centres"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_weights(self.name, self.atoms, self.weights)
        check_weights(self.name, self.atoms2, self.weights2)

    @property
    def range(self) -> tuple[float, float]:
        return 0.0, inf

    @property
    def groups(self) -> tuple[Group, ...]:
        return self.atoms, self.atoms2

    def of_atoms(self, x: Positions) -> tuple[float, Positions]:
        first, second = self.shares
        apart = second @ x[len(first) :] - first @ x[: len(first)]
        r = float(np.linalg.norm(apart))
        along = apart / r
        return r, np.concatenate([-np.outer(first, along), np.outer(second, along)])

    @property
    def shares(self) -> tuple[Float[np.ndarray, " first"], Float[np.ndarray, " second"]]:
        """Weights of each group's atoms, which add up to one."""
        first, second = ((self.atoms, self.weights), (self.atoms2, self.weights2))
        return shares(self.name, *first), shares(self.name, *second)

    def half_box(self, box: Box | None) -> float:
        if box is None or not self.takes_images:
            return inf
        return 0.5 * self.surroundings.cell(box, len(self.indices)).width

    def placed(self, x: Positions, cell: Cell) -> Positions:
        count = len(self.atoms)
        if set(cell.molecules[:count]) & set(cell.molecules[count:]):
            return gathered(x, cell)
        parts = (x[:count], cell.molecules[:count]), (x[count:], cell.molecules[count:])
        first, second = (gathered(atoms, Cell(cell.box, molecules)) for atoms, molecules in parts)
        apart = self.shares[1] @ second - self.shares[0] @ first
        return np.concatenate([first, second + cell.shift(apart)])

    def openmm_force(self, energy: Energy) -> openmm.Force:
        """Called back where nearest images are not those of the centres alone: OpenMM gathers no group."""
        if self.takes_images and not self._of_whole_groups:
            return super().openmm_force(energy)
        force = openmm.CustomCentroidBondForce(2, energy("distance(g1,g2)"))
        for atoms, weights in zip(self.groups, self.shares, strict=True):
            force.addGroup(indices(self.name, atoms), weights.tolist())
        force.addBond([0, 1], [])
        force.setUsesPeriodicBoundaryConditions(self.takes_images)
        return force

    @property
    def _of_whole_groups(self) -> bool:
        """Whether each group is of one molecule, or one atom."""
        count = len(self.atoms)
        molecules = self.surroundings.molecules or tuple(range(len(self.indices)))
        return len(set(molecules[:count])) == len(set(molecules[count:])) == 1

    def resolved(self, names: AtomNames) -> "CentreDistance":
        atoms, weights = weighted(self.name, self.atoms, self.weights, names)
        atoms2, weights2 = weighted(self.name, self.atoms2, self.weights2, names)
        return replace(self, atoms=atoms, weights=weights, atoms2=atoms2, weights2=weights2)


def centre_distance(
    name: str,
    first: Atoms,
    second: Atoms,
    weights: GivenWeights = (),
    weights2: GivenWeights = (),
    unit: str = "nm",
    *,
    periodic: bool = True,
) -> CentreDistance:
    """Distance [nm] between the centres of two groups; of mass with ``weights="mass", weights2="mass"``.

    `periodic=False` takes atoms as they lie in a periodic box, without nearest images.

    Raises:
        ValueError: as `CentreDistance`.
    """
    groups, shares = (group(first), group(second)), (as_weights(weights), as_weights(weights2))
    return CentreDistance(name, *groups, *shares, unit, periodic=periodic)
