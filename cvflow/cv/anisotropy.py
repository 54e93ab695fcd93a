"""The shape of a group of atoms, whatever their order."""

from dataclasses import dataclass

import numpy as np

from cvflow.core.frames import Positions
from cvflow.cv.base import AtomsCV
from cvflow.cv.selection import Atoms, group


@dataclass(frozen=True)
class Anisotropy(AtomsCV):
    """Root κ of the relative shape anisotropy of a group, κ² = (3 tr S² / (tr S)² - 1)/2 with S its gyration tensor.

    Zero for atoms on a sphere, a cube or an octahedron, 1/2 for a planar ring, one for a line; the same for any order
    of the atoms. Around zero it is like a distance in five dimensions: κ² would have no slope there to be pulled by.

    Raises:
        ValueError: the group is empty.

    Source: Theodorou and Suter, Macromolecules 18, 1206 (1985); κ² is PLUMED's GYRATION TYPE=KAPPA2 of equal masses.
    """

    unit: str = ""

    @property
    def range(self) -> tuple[float, float]:
        return 0.0, 1.0

    def of_atoms(self, x: Positions) -> tuple[float, Positions]:
        apart = x - x.mean(axis=0)
        tensor = apart.T @ apart
        trace, squares = np.trace(tensor), np.sum(tensor**2)
        kappa = float(np.sqrt(max(1.5 * squares / trace**2 - 0.5, 0.0)))
        if kappa < 1e-9:  # as at a distance of zero, no direction is up
            return kappa, np.zeros_like(x)
        return kappa, 3 * (apart @ tensor - squares / trace * apart) / (kappa * trace**2)


def anisotropy(name: str, atoms: Atoms, unit: str = "", *, periodic: bool = True) -> Anisotropy:
    """Root of the atoms' relative shape anisotropy: indices counted from 0, selection strings, or a list of both.

    `periodic=False` takes atoms as they lie in a periodic box, without nearest images.

    Raises:
        ValueError: the name is none, the group is empty, or the unit is another.
    """
    return Anisotropy(name, group(atoms), unit, periodic=periodic)
