"""The way from a Gaussian that can be drawn from to the target: π_β ∝ ρ^(1-β) e^(-βU/kT), β from 0 to 1."""

from dataclasses import dataclass
from math import log, pi
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from cvflow.cv.batch import Batch, Each
from cvflow.engines.batch.kernels.base import normals
from cvflow.engines.batch.kernels.momenta import Masses
from cvflow.engines.batch.potential import Potential


@dataclass(frozen=True)
class GaussianReference:
    """The normalised density ρ = N(mean, spread² 1).

    Raises:
        ValueError: the spread is not positive.
    """

    mean: Float[Tensor, " dof"]
    spread: float

    def __post_init__(self) -> None:
        if not 0 < self.spread < float("inf"):
            raise ValueError(f"the reference needs a positive spread, got {self.spread}")

    def draw(self, count: int, generator: torch.Generator) -> Batch:
        """Independent draws."""
        like = self.mean.expand(count, -1)
        return like + self.spread * normals(tuple(like.shape), like, generator)

    def energy(self, x: Batch) -> Each:
        """-ln ρ, the normalisation counted in."""
        scaled = (x - self.mean) / self.spread
        return (scaled * scaled).sum(dim=1) / 2 + x.shape[1] * (log(2 * pi) / 2 + log(self.spread))

    def gradient(self, x: Batch) -> Batch:
        """∂(-ln ρ)/∂x."""
        return (x - self.mean) / self.spread**2


class Evaluated(NamedTuple):
    """Configurations with the target's energy there [kT], infinite where it is not a number, and its gradient."""

    x: Batch
    energy: Each
    gradient: Batch


@dataclass(frozen=True)
class Bridge:
    """What is explored, and the Gaussian that it is reached from.

    Attributes:
        potential: U.
        kT: thermal energy, in the potential's unit.
        masses: one, or one a coordinate: the metric of moves.
        reference: ρ.
    """

    potential: Potential
    kT: float
    masses: Masses
    reference: GaussianReference

    def at(self, x: Batch) -> Evaluated:
        """Configurations with what is known of the target there: one evaluation each."""
        energy, gradient = self.potential.energy_and_gradient(x)
        return Evaluated(x, torch.nan_to_num(energy / self.kT, nan=torch.inf), gradient / self.kT)

    def gap(self, places: Evaluated) -> Each:
        """U/kT + ln ρ: the energy [kT] that grows with β."""
        return places.energy - self.reference.energy(places.x)

    def energy(self, places: Evaluated, beta: Each) -> Each:
        """-ln π_β up to its constant, for β > 0; one β a chain."""
        return (1 - beta) * self.reference.energy(places.x) + beta * places.energy

    def gradient(self, places: Evaluated, beta: Each) -> Batch:
        """Its derivative."""
        share = beta[:, None]
        return (1 - share) * self.reference.gradient(places.x) + share * places.gradient


def where(chosen: Tensor, new: Evaluated, old: Evaluated) -> Evaluated:
    """Of each chain the one or the other."""
    rows = (torch.where(chosen.reshape(-1, *(1,) * (a.ndim - 1)), a, b) for a, b in zip(new, old, strict=True))
    return Evaluated(*rows)


def taken(places: Evaluated, rows: Tensor) -> Evaluated:
    """Some of them."""
    return Evaluated(*(field[rows] for field in places))
