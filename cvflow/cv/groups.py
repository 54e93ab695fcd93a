"""CVs of groups of atoms, of the coordinates as they are: no minimum image is taken, as in `geometry`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Literal

import numpy as np
from jaxtyping import Float
from openmm.unit import Quantity

from cvflow.core.frames import Frame
from cvflow.core.quantities import positive
from cvflow.cv.base import CollectiveVariable, checked_name, checked_unit
from cvflow.cv.selection import AtomNames, Atoms, Group, check_group, group, indices, positions

Weights = tuple[float, ...] | Literal["mass"]
"""One positive number an atom, none for equal weights, or "mass" until the atoms' elements are looked up."""
GivenWeights = Sequence[float] | Literal["mass"]


@dataclass(frozen=True)
class Gyration(CollectiveVariable):
    """Radius of gyration [nm] of a group, (Σ w_i |x_i - c|² / Σ w_i)^(1/2) around its weighted centre c.

    Attributes:
        weights: equal ones if left out, as in PLUMED's GYRATION.

    Raises:
        ValueError: fewer than two atoms, or weights that do not go with them.
    """

    name: str
    atoms: Group
    weights: Weights = ()
    unit: str = "nm"

    def __post_init__(self) -> None:
        checked_name(self.name)
        checked_unit(self.name, self.unit, "nm")
        check_group(self.name, "a radius of gyration", self.atoms)
        if len(self.atoms) == 1 and isinstance(self.atoms[0], int):
            raise ValueError(f"CV {self.name}: a radius of gyration needs two atoms or more")
        _check_weights(self.name, self.atoms, self.weights)

    @property
    def range(self) -> tuple[float, float]:
        return 0.0, inf

    @property
    def highest_atom(self) -> int:
        return max(indices(self.name, self.atoms))

    @property
    def shares(self) -> Float[np.ndarray, " atoms"]:
        """Weights that add up to one."""
        return shares(self.name, self.atoms, self.weights)

    def evaluate(self, frame: Frame) -> float:
        x, share = positions(self.name, self.atoms, frame), self.shares[:, None]
        return float(np.sqrt((share * (x - (share * x).sum(axis=0)) ** 2).sum()))

    def resolved(self, names: AtomNames) -> "Gyration":
        atoms, weights = _resolved(self.name, self.atoms, self.weights, names)
        return replace(self, atoms=atoms, weights=weights)


@dataclass(frozen=True)
class CentreDistance(CollectiveVariable):
    """Distance [nm] between the weighted centres of two groups.

    Attributes:
        atoms: the first group.
        atoms2: the second group.
        weights: of the first group's atoms; equal ones if left out, the centre of mass with "mass".
        weights2: of the second group's atoms.

    Raises:
        ValueError: a group is empty, or weights do not go with it.
    """

    name: str
    atoms: Group
    atoms2: Group
    weights: Weights = ()
    weights2: Weights = ()
    unit: str = "nm"

    def __post_init__(self) -> None:
        checked_name(self.name)
        checked_unit(self.name, self.unit, "nm")
        for atoms, weights in ((self.atoms, self.weights), (self.atoms2, self.weights2)):
            check_group(self.name, "a distance of centres", atoms)
            _check_weights(self.name, atoms, weights)

    @property
    def range(self) -> tuple[float, float]:
        return 0.0, inf

    @property
    def highest_atom(self) -> int:
        return max(indices(self.name, self.atoms + self.atoms2))

    def evaluate(self, frame: Frame) -> float:
        first = _centre(self.name, self.atoms, self.weights, frame)
        return float(np.linalg.norm(_centre(self.name, self.atoms2, self.weights2, frame) - first))

    def resolved(self, names: AtomNames) -> "CentreDistance":
        atoms, weights = _resolved(self.name, self.atoms, self.weights, names)
        atoms2, weights2 = _resolved(self.name, self.atoms2, self.weights2, names)
        return replace(self, atoms=atoms, weights=weights, atoms2=atoms2, weights2=weights2)


@dataclass(frozen=True)
class Coordination(CollectiveVariable):
    """Coordination number Σ_i Σ_j s(r_ij/r0) over the pairs of two groups without common atoms.

    s(x) = (1 - x⁶)/(1 - x¹²), written as 1/(1 + x⁶), which has no 0/0 at x = 1.

    Attributes:
        r0: distance [nm] at which a pair counts one half.

    Raises:
        ValueError: a group is empty, the groups share atoms, or r0 is not positive.
    """

    name: str
    atoms: Group
    atoms2: Group
    r0: float
    unit: str = ""

    def __post_init__(self) -> None:
        checked_name(self.name)
        checked_unit(self.name, self.unit, "")
        for atoms in (self.atoms, self.atoms2):
            check_group(self.name, "a coordination number", atoms)
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
    def highest_atom(self) -> int:
        return max(indices(self.name, self.atoms + self.atoms2))

    def evaluate(self, frame: Frame) -> float:
        first, second = (positions(self.name, atoms, frame) for atoms in (self.atoms, self.atoms2))
        square = ((first[:, None] - second[None]) ** 2).sum(axis=2) / self.r0**2
        return float((1 / (1 + square**3)).sum())

    def resolved(self, names: AtomNames) -> "Coordination":
        first, second = (names.group(self.name, atoms) for atoms in (self.atoms, self.atoms2))
        return replace(self, atoms=first, atoms2=second)


def gyration(name: str, atoms: Atoms, weights: GivenWeights = (), unit: str = "nm") -> Gyration:
    """Radius of gyration of the atoms: indices counted from 0, selection strings, or a list of both.

    `weights` are equal, or "mass" (of the topology's elements), or one number an atom.
    """
    return Gyration(name, group(atoms), _weights(weights), unit)


def centre_distance(
    name: str, first: Atoms, second: Atoms, weights: GivenWeights = (), weights2: GivenWeights = (), unit: str = "nm"
) -> CentreDistance:
    """Distance between the centres of two groups; of mass with ``weights="mass", weights2="mass"``."""
    return CentreDistance(name, group(first), group(second), _weights(weights), _weights(weights2), unit)


def coordination(name: str, first: Atoms, second: Atoms, r0: float | Quantity, unit: str = "") -> Coordination:
    """Coordination number between two groups, a pair at the distance r0 [nm, or a Quantity] counting one half."""
    return Coordination(name, group(first), group(second), positive(r0, "r0"), unit)


def shares(cv: str, atoms: Group, weights: Weights) -> Float[np.ndarray, " atoms"]:
    """Weights of the atoms, adding up to one.

    Raises:
        ValueError: they are still to be looked up.
    """
    if isinstance(weights, str):
        raise ValueError(f"CV {cv}: weights = 'mass'; cvflow.cv.resolve(cv, topology) looks the masses up")
    values = np.array(weights) if weights else np.ones(len(indices(cv, atoms)))
    return values / values.sum()


def _centre(cv: str, atoms: Group, weights: Weights, frame: Frame) -> Float[np.ndarray, "3"]:
    return shares(cv, atoms, weights) @ positions(cv, atoms, frame)


def _weights(weights: GivenWeights) -> Weights:
    return weights if isinstance(weights, str) else tuple(float(weight) for weight in weights)


def _check_weights(cv: str, atoms: Group, weights: Weights) -> None:
    if isinstance(weights, str):
        if weights != "mass":
            raise ValueError(f"CV {cv}: weights are numbers or 'mass', got {weights!r}")
        return
    if not all(0 < weight < inf for weight in weights):
        raise ValueError(f"CV {cv}: weights must be positive, got {weights}")
    if weights and len(weights) != len(atoms) and all(isinstance(atom, int) for atom in atoms):
        raise ValueError(f"CV {cv}: {len(weights)} weights for {len(atoms)} atoms")


def _resolved(cv: str, atoms: Group, weights: Weights, names: AtomNames) -> tuple[Group, Weights]:
    found = names.group(cv, atoms)
    return found, names.masses(cv, found) if isinstance(weights, str) else weights
