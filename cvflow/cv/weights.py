"""Weights of a group's atoms: numbers, equal ones, or the masses of their elements."""

from collections.abc import Sequence
from math import inf
from typing import Literal

import numpy as np
from jaxtyping import Float

from cvflow.cv.selection import AtomNames, Group, indices

Weights = tuple[float, ...] | Literal["mass"]
"""One positive number an atom, none for equal weights, or "mass" until the atoms' elements are looked up."""
GivenWeights = Sequence[float] | Literal["mass"]


def shares(cv: str, atoms: Group, weights: Weights) -> Float[np.ndarray, " atoms"]:
    """Weights of the atoms, adding up to one.

    Raises:
        ValueError: they are still to be looked up.
    """
    if isinstance(weights, str):
        raise ValueError(f"CV {cv}: weights = 'mass'; cvflow.cv.resolve(cv, topology) looks the masses up")
    values = np.array(weights) if weights else np.ones(len(indices(cv, atoms)))
    return values / values.sum()


def as_weights(given: GivenWeights) -> Weights:
    """The weights as plain data."""
    return given if isinstance(given, str) else tuple(float(weight) for weight in given)


def check_weights(cv: str, atoms: Group, weights: Weights) -> None:
    """Check that weights go with a group.

    Raises:
        ValueError: they do not.
    """
    if isinstance(weights, str):
        if weights != "mass":
            raise ValueError(f"CV {cv}: weights are numbers or 'mass', got {weights!r}")
        return
    if not all(0 < weight < inf for weight in weights):
        raise ValueError(f"CV {cv}: weights must be positive, got {weights}")
    if weights and len(weights) != len(atoms) and all(isinstance(atom, int) for atom in atoms):
        raise ValueError(f"CV {cv}: {len(weights)} weights for {len(atoms)} atoms")


def weighted(cv: str, atoms: Group, weights: Weights, names: AtomNames) -> tuple[Group, Weights]:
    """A group with indices for selections, and its weights with masses [amu] for "mass".

    Raises:
        ValueError: a selection matches no atom, or the topology does not know an atom's element.
    """
    found = names.group(cv, atoms)
    return found, names.masses(cv, found) if isinstance(weights, str) else weights
