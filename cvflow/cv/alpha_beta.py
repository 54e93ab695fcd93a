"""How much several torsions are like given ones: dihedral similarity, and helix content."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, radians

import numpy as np
import openmm

from cvflow.core.frames import Positions
from cvflow.cv.base import AtomsCV, CollectiveVariable
from cvflow.cv.geometry import torsion_of
from cvflow.cv.images import Cell
from cvflow.cv.openmm_force import Energy, algebra
from cvflow.cv.selection import AtomNames, Atoms, Group, Place, group, places

ALPHA_HELIX = radians(-57), radians(-47)
"""φ and ψ of Pauling and Corey's helix."""


@dataclass(frozen=True)
class AlphaBeta(AtomsCV):
    """Similarity of torsions to references, Σ c_i (1 + cos(φ_i - φ⁰_i))/2.

    Attributes:
        atoms: four of each torsion, one torsion after the other.
        references: φ⁰ of each torsion [rad].
        coefficients: c of each torsion; one each if left out.

    Raises:
        ValueError: the atoms are not four different ones a torsion, or numbers and torsions do not match.

    Source: PLUMED's ALPHABETA.
    """

    references: tuple[float, ...]
    coefficients: tuple[float, ...] = ()
    unit: str = ""
    count = 4
    what = "each torsion of a similarity"

    def __post_init__(self) -> None:
        super().__post_init__()
        torsions = len(self.groups)
        if not torsions or len(self.references) != torsions or len(self.coefficients or self.references) != torsions:
            raise ValueError(f"CV {self.name}: a reference, and a coefficient if there are any, for each torsion")
        if not all(map(isfinite, self.references + self.coefficients)):
            raise ValueError(f"CV {self.name}: references and coefficients are numbers")

    @property
    def torsions(self) -> tuple[Group, ...]:
        """The atoms of each."""
        return tuple(self.atoms[i : i + 4] for i in range(0, len(self.atoms), 4))

    @property
    def groups(self) -> tuple[Group, ...]:
        return self.torsions

    @property
    def shares(self) -> tuple[float, ...]:
        """The coefficients."""
        return self.coefficients or (1.0,) * len(self.references)

    @property
    def range(self) -> tuple[float, float]:
        return sum(min(share, 0.0) for share in self.shares), sum(max(share, 0.0) for share in self.shares)

    def of_atoms(self, x: Positions) -> tuple[float, Positions]:
        value, rows = 0.0, []
        for atoms, reference, share in zip(x.reshape(-1, 4, 3), self.references, self.shares, strict=True):
            phi, gradient = torsion_of(atoms)
            value += share * 0.5 * (1 + np.cos(phi - reference))
            rows.append(-0.5 * share * np.sin(phi - reference) * gradient)
        return float(value), np.concatenate(rows)

    def placed(self, x: Positions, cell: Cell) -> Positions:
        """Each torsion's atoms beside each other, and as they lie where they are of one molecule."""
        parts = zip(x.reshape(-1, 4, 3), cell.molecules.reshape(-1, 4), strict=True)
        return np.concatenate([
            atoms if len(set(molecules.tolist())) == 1 else cell.beside(atoms) for atoms, molecules in parts
        ])  # fmt: skip

    def openmm_force(self, energy: Energy) -> openmm.Force:
        """A force of torsions that are taken as they lie, those of one molecule, and one of nearest images."""
        forces = {"cvflow_torsions": _torsions(False), "cvflow_images": _torsions(True)}
        molecules = self.surroundings.molecules or tuple(self.indices)
        for i, (reference, share) in enumerate(zip(self.references, self.shares, strict=True)):
            four = slice(4 * i, 4 * i + 4)
            apart = self.takes_images and len(set(molecules[four])) > 1
            force = forces["cvflow_images" if apart else "cvflow_torsions"]
            force.addTorsion(*self.indices[four], [share, reference])
        used = {name: force for name, force in forces.items() if force.getNumTorsions()}
        return algebra(energy(f"({'+'.join(used)})"), used)


@dataclass(frozen=True)
class HelixContent(AtomsCV):
    """Mean of (1 + cos(φ - φ⁰))/2 over the φ and ψ of some residues, with those of an α-helix as φ⁰: 1 in a helix.

    It is an `AlphaBeta` as soon as its residues are looked up.

    Attributes:
        atoms: any of the residues' atoms; those without φ and ψ, such as caps, add nothing.
    """

    unit: str = ""
    what = "a helix content"

    @property
    def range(self) -> tuple[float, float]:
        return 0.0, 1.0

    def of_atoms(self, x: Positions) -> tuple[float, Positions]:
        raise ValueError(f"CV {self.name}: cvflow.cv.resolve(cv, topology) looks its torsions up")

    def resolved(self, names: AtomNames) -> CollectiveVariable:  # type: ignore[override]
        """The similarity of the residues' torsions.

        Raises:
            ValueError: none of the residues has both.
        """
        pairs = names.backbone_torsions(names.group(self.name, self.atoms))
        if not pairs:
            raise ValueError(f"CV {self.name}: no residue of the group has φ and ψ (N, CA and C between a C and an N)")
        atoms = tuple(atom for phi, psi in pairs for atom in phi + psi)
        share = (0.5 / len(pairs),) * (2 * len(pairs))
        return AlphaBeta(self.name, atoms, ALPHA_HELIX * len(pairs), share, self.unit, periodic=self.periodic)


def alpha_beta(
    name: str,
    torsions: Sequence[Sequence[Place]],
    references: Sequence[float],
    coefficients: Sequence[float] = (),
    unit: str = "",
    *,
    periodic: bool = True,
) -> AlphaBeta:
    """Similarity of torsions to references, Σ c_i (1 + cos(φ_i - φ⁰_i))/2.

    Args:
        name: the CV's name.
        torsions: four atoms each, indices counted from 0 or selection strings.
        references: φ⁰ of each [rad].
        coefficients: c of each; one if left out.
        unit: empty.
        periodic: whether nearest images are taken in a periodic box.

    Raises:
        ValueError: as `AlphaBeta`.
    """
    fours = [places((torsion,)) for torsion in torsions]
    if any(len(atoms) != 4 for atoms in fours):
        raise ValueError(f"CV {name}: a torsion has four atoms, got {next(four for four in fours if len(four) != 4)}")
    return AlphaBeta(
        name, tuple(atom for atoms in fours for atom in atoms), tuple(map(float, references)),
        tuple(map(float, coefficients)), unit, periodic=periodic,
    )  # fmt: skip


def helix_content(name: str, atoms: Atoms, unit: str = "", *, periodic: bool = True) -> HelixContent:
    """How much the φ and ψ of some residues are an α-helix's, from 0 to 1.

    Args:
        name: the CV's name.
        atoms: any atoms of the residues, "resid 3-12".
        unit: empty.
        periodic: whether nearest images are taken in a periodic box.

    Raises:
        ValueError: the name is none, or the group is empty.
    """
    return HelixContent(name, group(atoms), unit, periodic=periodic)


def _torsions(periodic: bool) -> openmm.CustomTorsionForce:
    force = openmm.CustomTorsionForce("share*0.5*(1+cos(theta-reference))")
    force.addPerTorsionParameter("share")
    force.addPerTorsionParameter("reference")
    force.setUsesPeriodicBoundaryConditions(periodic)
    return force
