"""The fraction of a reference structure's contacts that are there."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf

import numpy as np
import openmm
from jaxtyping import Float, Int
from openmm.unit import Quantity
from scipy.spatial import KDTree

from cvflow.core.frames import Positions
from cvflow.core.quantities import positive
from cvflow.cv.base import AtomsCV
from cvflow.cv.images import Cell
from cvflow.cv.openmm_force import Energy
from cvflow.cv.pairs import Displacements, Pair, images_of_pairs, pair_force
from cvflow.cv.reference import GivenReference, ReferencePositions, check_reference, of_group, reference_structure
from cvflow.cv.selection import AtomNames, Atoms, Group, group

Contacts = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class NativeContacts(AtomsCV):
    """Fraction of native contacts Q = (1/N) Σ 1/(1 + exp(β (r_ij - λ r⁰_ij))) over the contacts of a reference.

    Contacts are the pairs that lie within the cutoff in the reference, of residues of one chain that are so far apart
    in it, or of two chains; pairs of one group, or one atom of each of two.

    Attributes:
        atoms: the group, or the first of two.
        reference: positions of the groups' atoms, in their order, or of all atoms until the groups are looked up.
        atoms2: the second group, if there is one.
        pairs: the contacts, by atoms; found in the reference when the groups are looked up, if left out.
        cutoff: of contacts [nm].
        separation: least difference of the places in the chain of two residues.
        beta: steepness β [1/nm].
        lambda_constant: λ, by how much a contact may be longer than in the reference until it counts one half.

    Raises:
        ValueError: a number is not positive, the groups share atoms, or contacts are not of the groups' atoms.

    Source: Best, Hummer and Eaton, PNAS 110, 17874 (2013), eq. (1) and its constants; PLUMED's CONTACTMAP with SWITCH
    Q of nm, of equal weights 1/N.
    """

    reference: ReferencePositions
    atoms2: Group = ()
    pairs: Contacts = ()
    cutoff: float = 0.45
    separation: int = 4
    beta: float = 50.0
    lambda_constant: float = 1.8
    unit: str = ""
    what = "a fraction of native contacts"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_reference(self.name, self.reference)
        for word in ("cutoff", "beta", "lambda_constant"):
            if not 0 < getattr(self, word) < inf:
                raise ValueError(f"CV {self.name}: {word} must be positive, got {getattr(self, word)}")
        if self.separation < 0:
            raise ValueError(f"CV {self.name}: separation must not be negative, got {self.separation}")
        common = {atom for atom in self.atoms if isinstance(atom, int)} & set(self.atoms2)
        if common:
            raise ValueError(f"CV {self.name}: the two groups of contacts share atoms {sorted(common)}")
        if len({frozenset(pair) for pair in self.pairs if len(set(pair)) == 2}) < len(self.pairs):
            raise ValueError(f"CV {self.name}: pairs are two different atoms each, and none stands twice")

    @property
    def range(self) -> tuple[float, float]:
        return 0.0, 1.0

    @property
    def groups(self) -> tuple[Group, ...]:
        return (self.atoms, self.atoms2) if self.atoms2 else (self.atoms,)

    @cached_property
    def _places(self) -> Int[np.ndarray, "pairs 2"]:
        """The contacts' atoms, by their places in the groups.

        Raises:
            ValueError: the contacts are not known yet, or not of the groups' atoms.
        """
        if not self.pairs:
            raise ValueError(f"CV {self.name}: cvflow.cv.resolve(cv, topology) looks its contacts up; or give pairs")
        place = {atom: i for i, atom in enumerate(self.indices)}
        try:
            return np.array([[place[first], place[second]] for first, second in self.pairs])
        except KeyError as error:
            raise ValueError(f"CV {self.name}: a contact of atom {error}, which is in no group") from error

    @cached_property
    def _half(self) -> Float[np.ndarray, " pairs"]:
        """Distance [nm] at which each contact counts one half."""
        first, second = self._places.T
        x = np.array(self.reference)
        if len(x) != len(self.indices):
            raise ValueError(f"CV {self.name}: the reference has {len(x)} positions for {len(self.indices)} atoms")
        return self.lambda_constant * np.linalg.norm(x[first] - x[second], axis=1)

    def of_atoms(self, x: Positions) -> tuple[float, Positions]:
        first, second = self._places.T
        return self._of_pairs(x[first] - x[second])

    def of_images(self, x: Positions, cell: Cell) -> tuple[float, Positions]:
        """Of each contact's nearest image; contacts of one molecule are taken as they lie."""
        first, second = self._places.T
        other = cell.molecules[first] != cell.molecules[second]
        return self._of_pairs(images_of_pairs(x[first] - x[second], other, cell))

    def _of_pairs(self, apart: Displacements) -> tuple[float, Positions]:
        """Q and its gradient, of displacements [nm] from the second atom to the first."""
        r = np.linalg.norm(apart, axis=1)
        tanh = np.tanh(0.5 * self.beta * (r - self._half))
        slope = (-0.25 * self.beta * (1 - tanh**2) / (r * len(r)))[:, None] * apart
        gradient = np.zeros((len(self.indices), 3))
        np.add.at(gradient, self._places, np.stack([slope, -slope], axis=1))
        return float(np.mean(0.5 - 0.5 * tanh)), gradient

    def openmm_force(self, energy: Energy) -> openmm.Force:
        """By the hyperbolic tangent: a derivative with exp in it is infinite over infinite for atoms far apart."""
        molecules = np.array(self.surroundings.molecules or range(len(self.indices)))[self._places]
        apart = self.takes_images & (molecules[:, 0] != molecules[:, 1])
        pairs = [
            Pair(*pair, away, (half,))
            for pair, away, half in zip(self.pairs, apart.tolist(), self._half.tolist(), strict=True)
        ]
        one = f"{0.5 / len(pairs)!r}*(1-tanh({0.5 * self.beta!r}*(r-half)))"
        return pair_force(energy, one, pairs, ["half"])

    def resolved(self, names: AtomNames) -> "NativeContacts":
        """With the contacts, and none but their atoms.

        Raises:
            ValueError: there are none in the reference.
        """
        atoms, *others = (names.group(self.name, atoms) for atoms in self.groups)
        everything = atoms + tuple(atom for group in others for atom in group)
        reference = of_group(self.name, self.reference, everything, names)
        found = replace(self, atoms=atoms, atoms2=tuple(*others), reference=reference)
        found = replace(found, pairs=self.pairs or found._found(names))
        places = sorted(set(found._places.ravel().tolist()))
        return replace(
            found,
            atoms=tuple(everything[i] for i in places if i < len(atoms)),
            atoms2=tuple(everything[i] for i in places if i >= len(atoms)),
            reference=tuple(reference[i] for i in places),
        )

    def _found(self, names: AtomNames) -> Contacts:
        """The contacts in the reference, of the groups' atoms."""
        atoms, (chain, residue) = np.array(self.indices), names.residues(self.indices)
        first, second = KDTree(self.reference).query_pairs(self.cutoff, output_type="ndarray").reshape(-1, 2).T
        far = (chain[first] != chain[second]) | (abs(residue[first] - residue[second]) >= self.separation)
        if self.atoms2:
            far &= (first < len(self.atoms)) & (second >= len(self.atoms))
        if not far.any():
            raise ValueError(
                f"CV {self.name}: no two of its atoms in the reference are within {self.cutoff:g} nm and of residues "
                f"{self.separation} apart: change cutoff or separation, or give pairs"
            )
        found = np.column_stack([atoms[first], atoms[second]])[far]
        return tuple(sorted((int(a), int(b)) for a, b in found))


def native_contacts(
    name: str,
    atoms: Atoms,
    reference: GivenReference,
    atoms2: Atoms = (),
    *,
    pairs: Sequence[Sequence[int]] = (),
    cutoff: float | Quantity = 0.45,
    separation: int = 4,
    beta: float | Quantity = 50.0,
    lambda_constant: float = 1.8,
    unit: str = "",
    periodic: bool = True,
) -> NativeContacts:
    """Fraction of native contacts Q of the atoms, or between two groups of them.

    Args:
        name: the CV's name.
        atoms: indices counted from 0, selection strings, or a list of both; hydrogens count if they are among them.
        reference: a PDB file by its name, an openmm.app.PDBFile, or positions [nm, or a Quantity], of these atoms or of
            all atoms of the system, in its order, with whole molecules beside each other.
        atoms2: a second group, for the contacts between the two.
        pairs: the contacts, as pairs of indices; those of the reference if left out.
        cutoff: largest distance of a contact in the reference [nm, or a Quantity].
        separation: how far apart in their chain the two residues of a contact are at least; 0 takes all pairs.
        beta: steepness [1/nm, or a Quantity].
        lambda_constant: by how much a contact may be longer than in the reference until it counts one half.
        unit: empty.
        periodic: whether, in a periodic box, contacts between molecules are of nearest images.

    Raises:
        ValueError: as `NativeContacts`, or the file cannot be read.
    """
    structure, contacts = reference_structure(name, reference), tuple((int(i), int(j)) for i, j in pairs)
    return NativeContacts(
        name, group(atoms), structure, group(atoms2), contacts, positive(cutoff, "cutoff"), separation,
        positive(beta, "beta"), positive(lambda_constant, "lambda_constant"), unit, periodic=periodic,
    )  # fmt: skip
