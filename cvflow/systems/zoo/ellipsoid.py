"""An ellipsoidal norm in space."""

from dataclasses import dataclass
from math import inf
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from cvflow.cv.batch import Batch, Each, FunctionCV
from cvflow.engines.batch.potential import Potential
from cvflow.engines.batch.system import TorchSystem
from cvflow.systems.base import BatchReference
from cvflow.systems.parameters import check_positive, check_weight
from cvflow.systems.zoo.terms import spring, two_modes

SQUARES = (1.0, 2.5, 0.4)
"""Diagonal of A."""
MODES, WIDTHS = (1.0, 2.2), (0.18, 0.20)
POLE = (2 / 3, -1 / 3, 2 / 3)


@dataclass(frozen=True)
class Ellipsoid(BatchReference):
    """A point in space; the CV is ρ = sqrt(xᵀ A x) with A = diag(1, 2.5, 0.4), constant on ellipsoids.

    With the direction n = A^(1/2) x/ρ on the sphere and the pole e = (2, -1, 2)/3,

        U/kT = -ln[w e^(-(ρ - 1)²/(2·0.18²)) + (1 - w) e^(-(ρ - 2.2)²/(2·0.20²))] - 2.5 (ρ - 1.5) n·e

    von Mises-Fisher's density of n given ρ, concentrated at -e on the inner and at +e on the outer shell. The density
    of (ρ, n) carries the measure ρ², which favours the outer shell: with w = 0.65 the inner one weighs about 0.25.

    Raises:
        ValueError: a parameter is out of range.
    """

    weight: float = 0.65
    kT: float = 1.0

    name: ClassVar[str] = "ellipsoid"
    summary: ClassVar[str] = "an ellipsoidal norm in space: inner and outer shell"
    reference: ClassVar[str] = "free energy by quadrature"

    def __post_init__(self) -> None:
        check_weight(self.name, weight=self.weight)
        check_positive(self.name, kT=self.kT)

    @property
    def states(self) -> dict[str, str]:
        return {"inner": "rho < 1.55", "outer": "rho >= 1.55"}

    def system(self) -> TorchSystem:
        return TorchSystem(
            Potential(self._energy, (3,)),
            FunctionCV(("rho",), ellipsoidal_norm, (3,), ranges=((0.0, inf),)),
            self.states,
            self._starts,
            kT=self.kT,
            name=self.name,
        )

    def _energy(self, x: Batch) -> Each:
        rho = ellipsoidal_norm(x)
        first, second = (spring(rho, mode, width) for mode, width in zip(MODES, WIDTHS, strict=True))
        along = (x * (_roots(x) * x.new_tensor(POLE))).sum(dim=1) / rho
        return self.kT * (two_modes(self.weight, first, second) - 2.5 * (rho - 1.5) * along)

    def _starts(self, state: str, count: int, rng: np.random.Generator) -> Float[np.ndarray, "count 3"]:
        """On the shell, near the pole that it prefers."""
        self.check_state(state)
        mode = list(self.states).index(state)
        n = (-1, 1)[mode] * np.array(POLE) + rng.normal(0, 0.3, (count, 3))
        n = n / np.linalg.norm(n, axis=1, keepdims=True)
        return (MODES[mode] + rng.uniform(-0.2, 0.2, (count, 1))) * n / np.sqrt(SQUARES)


def ellipsoidal_norm(x: Batch) -> Each:
    """sqrt(xᵀ A x); smooth but at the origin."""
    return torch.linalg.vector_norm(x * _roots(x), dim=1)


def _roots(x: Tensor) -> Float[Tensor, "3"]:
    return torch.sqrt(x.new_tensor(SQUARES))
