"""The distance between the centres of two groups of atoms, of the coordinates as they are."""

from dataclasses import dataclass, replace
from math import inf

import numpy as np
import openmm
from jaxtyping import Float

from cvflow.core.frames import Positions
from cvflow.cv.base import AtomsCV
from cvflow.cv.openmm_force import Energy
from cvflow.cv.selection import AtomNames, Atoms, Group, group, indices
from cvflow.cv.weights import GivenWeights, Weights, as_weights, check_weights, shares, weighted


@dataclass(frozen=True)
class CentreDistance(AtomsCV):
    """Distance [nm] between the weighted centres of two groups.

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

    def openmm_force(self, energy: Energy) -> openmm.Force:
        force = openmm.CustomCentroidBondForce(2, energy("distance(g1,g2)"))
        for atoms, weights in zip(self.groups, self.shares, strict=True):
            force.addGroup(indices(self.name, atoms), weights.tolist())
        force.addBond([0, 1], [])
        return force

    def resolved(self, names: AtomNames) -> "CentreDistance":
        atoms, weights = weighted(self.name, self.atoms, self.weights, names)
        atoms2, weights2 = weighted(self.name, self.atoms2, self.weights2, names)
        return replace(self, atoms=atoms, weights=weights, atoms2=atoms2, weights2=weights2)


def centre_distance(
    name: str, first: Atoms, second: Atoms, weights: GivenWeights = (), weights2: GivenWeights = (), unit: str = "nm"
) -> CentreDistance:
    """Distance [nm] between the centres of two groups; of mass with ``weights="mass", weights2="mass"``.

    Raises:
        ValueError: as `CentreDistance`.
    """
    return CentreDistance(name, group(first), group(second), as_weights(weights), as_weights(weights2), unit)
