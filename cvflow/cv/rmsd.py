"""How far a group of atoms is from a reference structure, once the two are laid on each other."""

from dataclasses import dataclass, replace
from functools import cached_property
from math import inf

import numpy as np
import openmm
from scipy.spatial.transform import Rotation

from cvflow.core.frames import Positions
from cvflow.cv.base import AtomsCV
from cvflow.cv.openmm_force import Energy, algebra
from cvflow.cv.reference import GivenReference, ReferencePositions, check_reference, of_group, reference_structure
from cvflow.cv.selection import AtomNames, Atoms, group

SAME_PLACE = 1e-7
"""RMSD [nm] from which there is a direction to be pulled in."""


@dataclass(frozen=True)
class RMSD(AtomsCV):
    """Root-mean-square deviation [nm] of a group from a reference, after its best translation and rotation.

    Attributes:
        reference: positions of the group's atoms, in their order, or of all atoms until the group is looked up.

    Raises:
        ValueError: fewer than three atoms, or positions that are none, or lie on a line.

    Source: Kabsch, Acta Cryst. A32, 922 (1976); PLUMED's RMSD TYPE=OPTIMAL with equal weights, OpenMM's RMSDForce.
    """

    reference: ReferencePositions
    unit: str = "nm"
    what = "an RMSD"

    def __post_init__(self) -> None:
        super().__post_init__()
        x = check_reference(self.name, self.reference)
        if len(x) < 3 or np.linalg.matrix_rank(x - x.mean(axis=0), tol=1e-6) < 2:
            raise ValueError(f"CV {self.name}: an RMSD needs three atoms or more that do not lie on a line")

    @property
    def range(self) -> tuple[float, float]:
        return 0.0, inf

    @cached_property
    def _centred(self) -> Positions:
        """The reference about its centre.

        Raises:
            ValueError: it is of other atoms than the group.
        """
        x = np.array(self.reference)
        if len(x) != len(self.indices):
            raise ValueError(f"CV {self.name}: the reference has {len(x)} positions for {len(self.indices)} atoms")
        return x - x.mean(axis=0)

    def of_atoms(self, x: Positions) -> tuple[float, Positions]:
        x = x - x.mean(axis=0)
        turn, _ = Rotation.align_vectors(x, self._centred)
        apart = x - turn.apply(self._centred)
        value = float(np.sqrt(np.mean(np.sum(apart**2, axis=1))))
        return value, apart / (len(x) * value) if value > SAME_PLACE else np.zeros_like(x)

    def openmm_force(self, energy: Energy) -> openmm.Force:
        """Called back where molecules have to be gathered, or where it is not known how many atoms there are."""
        count = self.surroundings.particles
        if self.takes_images or not count:
            return super().openmm_force(energy)
        places = np.zeros((count, 3))
        places[self.indices] = self._centred
        return algebra(energy("cvflow_rmsd"), {"cvflow_rmsd": openmm.RMSDForce(places.tolist(), self.indices)})

    def resolved(self, names: AtomNames) -> "RMSD":
        atoms = names.group(self.name, self.atoms)
        return replace(self, atoms=atoms, reference=of_group(self.name, self.reference, atoms, names))


def rmsd(
    name: str,
    atoms: Atoms,
    reference: GivenReference,
    unit: str = "nm",
    *,
    periodic: bool = True,
) -> RMSD:
    """Root-mean-square deviation [nm] of the atoms from a reference, after the best translation and rotation.

    Args:
        name: the CV's name.
        atoms: indices counted from 0, selection strings, or a list of both.
        reference: a PDB file by its name, an openmm.app.PDBFile, or positions [nm, or a Quantity], of these atoms or of
            all atoms of the system, in its order and with whole molecules.
        unit: nm, or empty in reduced units.
        periodic: whether, in a periodic box, molecules are brought together first.

    Raises:
        ValueError: as `RMSD`, or the file cannot be read.
    """
    return RMSD(name, group(atoms), reference_structure(name, reference), unit, periodic=periodic)
