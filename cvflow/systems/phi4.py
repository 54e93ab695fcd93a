"""The φ⁴ field on a one-dimensional lattice, steered along its magnetisation.

Source: Schönle, Gabrié, Lelièvre, Stoltz, arXiv:2405.18160.
"""

from dataclasses import dataclass
from math import isfinite, sqrt
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from cvflow.cv.batch import LinearCV
from cvflow.engines.batch.potential import Potential
from cvflow.engines.batch.system import TorchSystem
from cvflow.systems.base import BatchReference
from cvflow.systems.parameters import check_positive

Field = Float[Tensor, "chains n"]


@dataclass(frozen=True)
class Phi4(BatchReference):
    """A field on n sites between walls x_0 = x_{n+1} = 0, with β inside the potential, so that kT = 1.

        U = β/n Σ_i [(1 - x_i²)²/(4a) + h x_i] + (β a n/2) Σ_{i=1}^{n+1} (x_i - x_{i-1})²

    The CV is the first Haar coefficient m = Σ x_i/√n. Without the field h both signs of m weigh the same; a positive h
    favours negative m.

    Raises:
        ValueError: a parameter is out of range.
    """

    n: int = 64
    a: float = 0.1
    h: float = 0.0
    beta: float = 20.0

    kT: ClassVar[float] = 1.0
    """Fixed: β is inside the potential."""
    name: ClassVar[str] = "phi4"
    summary: ClassVar[str] = "φ⁴ field on 64 lattice sites: positive and negative magnetisation"
    reference: ClassVar[str] = "arXiv:2405.18160; free energy by a transfer matrix, zero without the field h"

    def __post_init__(self) -> None:
        if self.n < 2:
            raise ValueError(f"phi4 needs n >= 2, got {self.n}")
        check_positive(self.name, a=self.a, beta=self.beta)
        if not isfinite(self.h):
            raise ValueError(f"phi4 needs a finite h, got {self.h}")

    @property
    def states(self) -> dict[str, str]:
        return {"negative": "m < 0", "positive": "m >= 0"}

    def system(self) -> TorchSystem:
        return TorchSystem(
            Potential(self._energy, (self.n,), self._gradient),
            LinearCV(("m",), ((1 / sqrt(self.n),) * self.n,)),
            self.states,
            self._starts,
            kT=self.kT,
            name=self.name,
        )

    def _energy(self, x: Field) -> Float[Tensor, " chains"]:
        dip = 1 - x * x
        walled = torch.nn.functional.pad(x, (1, 1))
        steps = walled[:, 1:] - walled[:, :-1]
        on_site = self.beta / self.n * (dip * dip / (4 * self.a) + self.h * x).sum(dim=1)
        return on_site + self.beta * self.a * self.n / 2 * (steps * steps).sum(dim=1)

    def _gradient(self, x: Field) -> Field:
        walled = torch.nn.functional.pad(x, (1, 1))
        on_site = self.beta / self.n * (self.h - x * (1 - x * x) / self.a)
        return on_site + self.beta * self.a * self.n * (2 * x - walled[:, :-2] - walled[:, 2:])

    def _starts(self, state: str, count: int, rng: np.random.Generator) -> Float[np.ndarray, "count n"]:
        """A kink's profile at each wall, each site scaled at random by up to a tenth."""
        self.check_state(state)
        site, width = np.arange(1, self.n + 1), sqrt(2) * self.a * self.n
        profile = np.tanh(site / width) * np.tanh((self.n + 1 - site) / width)
        return {"negative": -1.0, "positive": 1.0}[state] * profile * rng.uniform(0.9, 1.1, (count, self.n))
