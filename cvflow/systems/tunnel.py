"""Two Gaussian modes joined by a curved channel: the peer's test of a CV that is one of the coordinates.

Source: Schönle, Gabrié, Lelièvre, Stoltz, arXiv:2405.18160.
"""

from dataclasses import dataclass
from math import log, pi
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from cvflow.core.fixed_tensor import FixedTensor
from cvflow.cv.batch import Batch, Coordinates
from cvflow.engines.batch.potential import Potential
from cvflow.engines.batch.system import TorchSystem
from cvflow.systems.base import BatchReference
from cvflow.systems.parameters import check_positive, check_weight

Column = Float[Tensor, "chains 1"]


@dataclass(frozen=True)
class GaussianTunnel(BatchReference):
    """x = (z, y_1 … y_dim_y) with the density p = p(z) Π p(y_i | z), and U = -kT ln p.

    p(z) = w1 N(0, 1) + (1 - w1) N(d, 1) and y_i | z ~ N(μ(z), σ_i²), where μ(z) = (d/2) cos(π z/d) and σ_i runs
    evenly from 0.5 to 5. p is normalised and does not depend on kT.

    Raises:
        ValueError: a parameter is out of range.
    """

    dim_y: int = 19
    d: float = 10.0
    w1: float = 0.3
    kT: float = 1.0

    name: ClassVar[str] = "gaussian_tunnel"
    summary: ClassVar[str] = "two Gaussian modes in a curved channel: 1 + 19 dimensions, all marginals known"
    reference: ClassVar[str] = "arXiv:2405.18160; free energy in closed form"

    def __post_init__(self) -> None:
        if self.dim_y < 1:
            raise ValueError(f"gaussian_tunnel needs dim_y >= 1, got {self.dim_y}")
        check_positive(self.name, d=self.d, kT=self.kT)
        check_weight(self.name, w1=self.w1)

    @property
    def states(self) -> dict[str, str]:
        return {"left": f"z < {self.d / 2}", "right": f"z >= {self.d / 2}"}

    def system(self) -> TorchSystem:
        dof, sigma = 1 + self.dim_y, FixedTensor(np.linspace(0.5, 5.0, self.dim_y))
        return TorchSystem(
            Potential(lambda x: self._energy(x, sigma.like(x)), (dof,), lambda x: self._gradient(x, sigma.like(x))),
            Coordinates(("z",), (0,), dof),
            self.states,
            self._starts,
            kT=self.kT,
            name=self.name,
        )

    def _energy(self, x: Batch, sigma: Float[Tensor, " dim_y"]) -> Float[Tensor, " chains"]:
        z, y = x[:, :1], x[:, 1:]
        left = log(self.w1) - z * z / 2
        right = log(1 - self.w1) - (z - self.d) * (z - self.d) / 2
        along = torch.logaddexp(left, right)[:, 0] - log(2 * pi) / 2
        scaled = (y - self._mean(z)) / sigma
        across = -(scaled * scaled / 2 + torch.log(sigma) + log(2 * pi) / 2).sum(dim=1)
        return -self.kT * (along + across)

    def _gradient(self, x: Batch, sigma: Float[Tensor, " dim_y"]) -> Batch:
        z, y = x[:, :1], x[:, 1:]
        # The left mode's share of p(z); a sigmoid, as the ratio of the two densities overflows far from the modes.
        share = torch.sigmoid(log(self.w1 / (1 - self.w1)) + self.d * (self.d / 2 - z))
        pull = (y - self._mean(z)) / (sigma * sigma)
        slope = -(pi / 2) * torch.sin(pi * z / self.d)
        along = z - (1 - share) * self.d - slope * pull.sum(dim=1, keepdim=True)
        return self.kT * torch.cat([along, pull], dim=1)

    def _mean(self, z: Column) -> Column:
        return self.d / 2 * torch.cos(pi * z / self.d)

    def _starts(self, state: str, count: int, rng: np.random.Generator) -> Float[np.ndarray, "count dof"]:
        """Starts with z near the mode and y drawn at that z."""
        self.check_state(state)
        z = {"left": 0.0, "right": self.d}[state] + min(1.0, self.d / 4) * rng.uniform(-1, 1, (count, 1))
        y = self.d / 2 * np.cos(np.pi * z / self.d) + np.linspace(0.5, 5.0, self.dim_y) * rng.normal(
            size=(count, self.dim_y)
        )
        return np.hstack([z, y])
