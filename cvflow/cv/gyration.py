"""The radius of gyration of a group of atoms."""

from dataclasses import dataclass, replace
from math import inf

import numpy as np
import openmm
from jaxtyping import Float

from cvflow.core.frames import Positions
from cvflow.cv import formulas
from cvflow.cv.base import AtomsCV
from cvflow.cv.openmm_force import Energy, algebra
from cvflow.cv.selection import AtomNames, Atoms, group
from cvflow.cv.weights import GivenWeights, Weights, as_weights, check_weights, shares, weighted


@dataclass(frozen=True)
class Gyration(AtomsCV):
    """Radius of gyration [nm] of a group, (Σ w_i |x_i - c|² / Σ w_i)^(1/2) around its weighted centre c.

    Attributes:
        weights: equal ones if left out, as in PLUMED's GYRATION.

    Raises:
        ValueError: fewer than two atoms, or weights that do not go with them.
    """

    weights: Weights = ()
    unit: str = "nm"
    what = "a radius of gyration"

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.atoms) == 1 and isinstance(self.atoms[0], int):
            raise ValueError(f"CV {self.name}: a radius of gyration needs two atoms or more")
        check_weights(self.name, self.atoms, self.weights)

    @property
    def range(self) -> tuple[float, float]:
        return 0.0, inf

    @property
    def shares(self) -> Float[np.ndarray, " atoms"]:
        """Weights that add up to one."""
        return shares(self.name, self.atoms, self.weights)

    def of_atoms(self, x: Positions) -> tuple[float, Positions]:
        share = self.shares[:, None]
        apart = formulas.from_centre(x, share)
        radius = float(formulas.gyration(apart, share, np))
        return radius, share * apart / radius

    def openmm_force(self, energy: Energy) -> openmm.Force:
        """Each atom's squared distance from the centre: a term an atom, where the pairs' would be a term a pair.

        Called back where molecules have to be gathered, which OpenMM does not do.
        """
        if self.takes_images:
            return super().openmm_force(energy)
        atoms, weights = self.indices, self.shares.tolist()
        spread = openmm.CustomCentroidBondForce(2, "share*distance(g1,g2)^2")
        spread.addPerBondParameter("share")
        spread.addGroup(atoms, weights)
        for i, (atom, weight) in enumerate(zip(atoms, weights, strict=True)):
            spread.addGroup([atom], [1.0])
            spread.addBond([0, i + 1], [weight])
        return algebra(energy("sqrt(cvflow_spread)"), {"cvflow_spread": spread})

    def resolved(self, names: AtomNames) -> "Gyration":
        atoms, weights = weighted(self.name, self.atoms, self.weights, names)
        return replace(self, atoms=atoms, weights=weights)


def gyration(
    name: str, atoms: Atoms, weights: GivenWeights = (), unit: str = "nm", *, periodic: bool = True
) -> Gyration:
    """Radius of gyration [nm] of the atoms: indices counted from 0, selection strings, or a list of both.

    `weights` are equal, or "mass" (of the topology's elements), or one number an atom. `periodic=False` takes atoms as
    they lie in a periodic box, without nearest images.

    Raises:
        ValueError: as `Gyration`.
    """
    return Gyration(name, group(atoms), as_weights(weights), unit, periodic=periodic)
