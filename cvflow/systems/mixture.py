"""A mixture of two Gaussians in many dimensions: the target of samplers that use no CV."""

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
        first = log(self.weight) + self._log_gaussian(x, -self._offset, FIRST_WIDTHS)
        second = log(1 - self.weight) + self._log_gaussian(x, self._offset, SECOND_WIDTHS)
        return -self.kT * torch.logaddexp(first, second)

    def _log_gaussian(
        self, x: Float[Tensor, "chains dim"], mean: float, widths: tuple[float, float]
    ) -> Float[Tensor, " chains"]:
        sigma = torch.linspace(*widths, self.dim, dtype=x.dtype, device=x.device)
        scaled = (x - mean) / sigma
        return -(scaled * scaled / 2 + torch.log(sigma)).sum(dim=1) - self.dim * log(2 * np.pi) / 2

    def _starts(self, state: str, count: int, rng: np.random.Generator) -> Float[np.ndarray, "count dim"]:
        """Close to the mean: a tenth of the component's standard deviations, and never across s = 0."""
        self.check_state(state)
        sign, widths = {"first": (-1.0, FIRST_WIDTHS), "second": (1.0, SECOND_WIDTHS)}[state]
        x = sign * self._offset + 0.1 * np.linspace(*widths, self.dim) * rng.normal(size=(count, self.dim))
        s = x.sum(axis=1) / sqrt(self.dim)
        # Mirrored in the plane s = 0 where the two means are so close that the draw crossed it.
        crossed = sign * s < 0
        return x - 2 * np.where(crossed, s, 0.0)[:, None] / sqrt(self.dim)
