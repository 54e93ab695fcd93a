"""Two narrow Gaussians far apart in many dimensions: how well does a sampler know the weights of modes?

Source: Noble, Grenioux, Gabrié, Durmus, "Learned Reference-based Diffusion Sampling for multi-modal distributions",
ICLR 2025.
"""

from dataclasses import dataclass
from math import log, log10
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from cvflow.core.fixed_tensor import FixedTensor
from cvflow.cv.batch import Batch, LinearCV
from cvflow.engines.batch.kernels.solver import Newton
from cvflow.engines.batch.potential import Potential
from cvflow.engines.batch.system import TorchSystem
from cvflow.systems.base import BatchReference
from cvflow.systems.gaussians import log_gaussian, on_side
from cvflow.systems.parameters import check_positive, check_weight


@dataclass(frozen=True)
class TwoModes(BatchReference):
    """U = -kT ln p with p = weight N(-1, C) + (1 - weight) N(+1, C): means (∓1, …, ∓1), and one C for both.

    C is diagonal, variance · logspace(0, -log10(condition), dim). p is normalised and does not depend on kT. The modes
    lie 2 sqrt(dim) apart, and the barrier between them is Σ 1/(2 C_ii): 160 kT in 16 dimensions, 640 in 64.

    The CV is Fisher's discriminant s = w·x/|w| with w = C⁻¹ (1, …, 1): given s, the rest does not know its mode. Masses
    in proportion to 1/C_ii give all coordinates one frequency.

    Raises:
        ValueError: a parameter is out of range.
    """

    dim: int = 16
    weight: float = 2 / 3
    variance: float = 0.05
    condition: float = 1.0
    kT: float = 1.0

    name: ClassVar[str] = "two_modes"
    summary: ClassVar[str] = "two narrow Gaussians of one shape in 16 dimensions (or any other number), far apart"
    reference: ClassVar[str] = "Noble et al., ICLR 2025; free energy in closed form"

    def __post_init__(self) -> None:
        if self.dim < 1:
            raise ValueError(f"two_modes needs dim >= 1, got {self.dim}")
        check_positive(self.name, variance=self.variance, condition=self.condition, kT=self.kT)
        check_weight(self.name, weight=self.weight)

    @property
    def states(self) -> dict[str, str]:
        return {"first": "s < 0", "second": "s >= 0"}

    def system(self) -> TorchSystem:
        sigma = FixedTensor(np.sqrt(self._variances))
        return TorchSystem(
            Potential(
                lambda x: self._energy(x, sigma.like(x)), (self.dim,), lambda x: self._gradient(x, sigma.like(x))
            ),
            LinearCV(("s",), (tuple(self._discriminant.tolist()),)),
            self.states,
            self._starts,
            kT=self.kT,
            masses=tuple((self._variances.max() / self._variances).tolist()),
            solver=Newton(iterations=1),  # which a linear CV meets exactly
            name=self.name,
        )

    @property
    def _variances(self) -> Float[np.ndarray, " dim"]:
        return self.variance * np.logspace(0, -log10(self.condition), self.dim)

    @property
    def _discriminant(self) -> Float[np.ndarray, " dim"]:
        return np.asarray(1 / self._variances / np.linalg.norm(1 / self._variances))

    def _energy(self, x: Batch, sigma: Float[Tensor, " dim"]) -> Float[Tensor, " chains"]:
        return -self.kT * torch.logaddexp(*self._log_parts(x, sigma))

    def _gradient(self, x: Batch, sigma: Float[Tensor, " dim"]) -> Batch:
        first, second = self._log_parts(x, sigma)
        share = torch.sigmoid(first - second)[:, None]
        return self.kT * (x - (1 - 2 * share)) / (sigma * sigma)

    def _log_parts(self, x: Batch, sigma: Float[Tensor, " dim"]) -> tuple[Tensor, Tensor]:
        first = log(self.weight) + log_gaussian(x, -1.0, sigma)
        return first, log(1 - self.weight) + log_gaussian(x, 1.0, sigma)

    def _starts(self, state: str, count: int, rng: np.random.Generator) -> Float[np.ndarray, "count dim"]:
        """Close to the mean: a tenth of the standard deviations, and never across s = 0."""
        self.check_state(state)
        sign = {"first": -1.0, "second": 1.0}[state]
        x = sign + 0.1 * np.sqrt(self._variances) * rng.normal(size=(count, self.dim))
        return on_side(x, self._discriminant, sign)
