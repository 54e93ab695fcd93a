"""A mixture of two Gaussians of different shapes in many dimensions: nothing about it is symmetric."""

from dataclasses import dataclass
from math import log, sqrt
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from cvflow.cv.batch import LinearCV
from cvflow.engines.batch.potential import Potential
from cvflow.engines.batch.system import TorchSystem
from cvflow.systems.base import BatchReference
from cvflow.systems.gaussians import log_gaussian, on_side
from cvflow.systems.parameters import check_positive, check_weight

FIRST_WIDTHS, SECOND_WIDTHS = (0.5, 2.0), (1.5, 0.75)
"""Standard deviations of the two components along the first and the last coordinate, even steps between."""


@dataclass(frozen=True)
class GaussianMixtureTarget(BatchReference):
    """U = -kT ln p with p = weight N(-c, S₁²) + (1 - weight) N(+c, S₂²), where c = separation/2 · (1, …, 1)/√dim.

    S₁ and S₂ are diagonal: the first component's standard deviations run evenly from 0.5 to 2 over the coordinates,
    the second's from 1.5 down to 0.75, so that nothing about the target is symmetric and the CV, the projection s on
    the line of the two means, is correlated with the rest. p is normalised and does not depend on kT.

    Raises:
        ValueError: a parameter is out of range.
    """

    dim: int = 16
    separation: float = 8.0
    weight: float = 0.3
    kT: float = 1.0

    name: ClassVar[str] = "gaussian_mixture"
    summary: ClassVar[str] = "two Gaussians of different shapes in 16 dimensions (or any other number)"
    reference: ClassVar[str] = "free energy in closed form"

    def __post_init__(self) -> None:
        if self.dim < 1:
            raise ValueError(f"gaussian_mixture needs dim >= 1, got {self.dim}")
        check_positive(self.name, separation=self.separation, kT=self.kT)
        check_weight(self.name, weight=self.weight)

    @property
    def states(self) -> dict[str, str]:
        return {"first": "s < 0", "second": "s >= 0"}

    def system(self) -> TorchSystem:
        return TorchSystem(
            Potential(self._energy, (self.dim,)),
            LinearCV(("s",), ((1 / sqrt(self.dim),) * self.dim,)),
            self.states,
            self._starts,
            kT=self.kT,
            name=self.name,
        )

    @property
    def _offset(self) -> float:
        """Each coordinate of the second mean; the first mean is its mirror image."""
        return self.separation / 2 / sqrt(self.dim)

    def _energy(self, x: Float[Tensor, "chains dim"]) -> Float[Tensor, " chains"]:
        sigma_1, sigma_2 = (
            torch.linspace(*each, self.dim, dtype=x.dtype, device=x.device) for each in (FIRST_WIDTHS, SECOND_WIDTHS)
        )
        first = log(self.weight) + log_gaussian(x, -self._offset, sigma_1)
        second = log(1 - self.weight) + log_gaussian(x, self._offset, sigma_2)
        return -self.kT * torch.logaddexp(first, second)

    def _starts(self, state: str, count: int, rng: np.random.Generator) -> Float[np.ndarray, "count dim"]:
        """Close to the mean: a tenth of the component's standard deviations, and never across s = 0."""
        self.check_state(state)
        sign, widths = {"first": (-1.0, FIRST_WIDTHS), "second": (1.0, SECOND_WIDTHS)}[state]
        x = sign * self._offset + 0.1 * np.linspace(*widths, self.dim) * rng.normal(size=(count, self.dim))
        # The two means may be so close that a draw crosses the plane between them.
        return on_side(x, np.full(self.dim, 1 / sqrt(self.dim)), sign)
