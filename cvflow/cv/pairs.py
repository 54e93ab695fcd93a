"""Sums over pairs of atoms: those of one molecule as they lie, others by their nearest images."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import openmm
from jaxtyping import Bool, Float

from cvflow.cv.images import Cell
from cvflow.cv.openmm_force import Energy, algebra

Displacements = Float[np.ndarray, "*batch 3"]


class Pair(NamedTuple):
    """Two atoms, whether their nearest images are taken, and the numbers of this pair in the expression."""

    first: int
    second: int
    apart: bool
    numbers: tuple[float, ...] = ()


def images_of_pairs(apart: Displacements, other: Bool[np.ndarray, "*batch"], cell: Cell) -> Displacements:
    """Displacements [nm] of pairs, by nearest images where the two are of other molecules than each other."""
    return np.where(other[..., None], cell.image(apart), apart)


def pair_force(energy: Energy, expression: str, pairs: Iterable[Pair], numbers: Sequence[str] = ()) -> openmm.Force:
    """A force of Σ expression(r) over the pairs, `numbers` being the names of what each pair has of its own."""
    forces: dict[str, openmm.Force] = {}
    for name, periodic in (("cvflow_pairs", False), ("cvflow_images", True)):
        force = openmm.CustomBondForce(expression)
        for number in numbers:
            force.addPerBondParameter(number)
        force.setUsesPeriodicBoundaryConditions(periodic)
        forces[name] = force
    for pair in pairs:
        forces["cvflow_images" if pair.apart else "cvflow_pairs"].addBond(pair.first, pair.second, pair.numbers)
    used = {name: force for name, force in forces.items() if force.getNumBonds()}
    return algebra(energy(f"({'+'.join(used)})" if len(used) > 1 else next(iter(used))), used)
