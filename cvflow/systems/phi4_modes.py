"""The φ⁴ field in the lattice's own vibrations, with masses that give them all one frequency (Fourier acceleration).

Momenta are ours to choose: the target is that of `Phi4`, and so is the CV. In the sites' coordinates with equal masses
the stiffest vibration limits the time step, and the softest, nine times slower, decides how long a path has to be.

Source of the idea: Batrouni et al., Phys. Rev. D 32, 2736 (1985).
"""

from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from torch import Tensor

from cvflow.core.fixed_tensor import FixedTensor
from cvflow.cv.batch import LinearCV
from cvflow.engines.batch.kernels.solver import Newton
from cvflow.engines.batch.potential import Potential
from cvflow.engines.batch.system import TorchSystem
from cvflow.systems.base import BatchReference
from cvflow.systems.phi4 import Phi4


@dataclass(frozen=True)
class Phi4Modes(BatchReference):
    """The field x = S c of `Phi4` in coordinates c, S the orthonormal sine modes of the lattice with its walls.

    Mode k has the mass (λ_k + w)/w, with λ_k its stiffness in the lattice term and w = β/(n a) · 2 the curvature of the
    wells, so that all frequencies in a well are alike.

    Raises:
        ValueError: as `Phi4`.
    """

    n: int = 64
    a: float = 0.1
    h: float = 0.0
    beta: float = 20.0

    kT: ClassVar[float] = 1.0
    """Fixed: β is inside the potential."""
    name: ClassVar[str] = "phi4_modes"
    summary: ClassVar[str] = "phi4 in the lattice's vibrations, with masses that give them all one frequency"
    reference: ClassVar[str] = Phi4.reference

    def __post_init__(self) -> None:
        self._sites  # noqa: B018 - Phi4 checks the parameters

    @cached_property
    def _sites(self) -> Phi4:
        return Phi4(self.n, self.a, self.h, self.beta)

    @property
    def states(self) -> dict[str, str]:
        return self._sites.states

    def system(self) -> TorchSystem:
        site = np.arange(1, self.n + 1)
        modes = sqrt(2 / (self.n + 1)) * np.sin(np.pi * np.outer(site, site) / (self.n + 1))
        stiffness = self.beta * self.a * self.n * (2 - 2 * np.cos(np.pi * site / (self.n + 1)))
        well = 2 * self.beta / (self.n * self.a)
        sites, transform = self._sites.system().potential, FixedTensor(modes)

        def energy(c: Float[Tensor, "chains n"]) -> Float[Tensor, " chains"]:
            return sites.energy(c @ transform.like(c))

        def gradient(c: Float[Tensor, "chains n"]) -> Float[Tensor, "chains n"]:
            return sites.gradient(c @ transform.like(c)) @ transform.like(c)

        def starts(state: str, count: int, rng: np.random.Generator) -> Float[np.ndarray, "count n"]:
            return self._sites.system().starts(state, count, rng) @ modes

        return TorchSystem(
            Potential(energy, (self.n,), gradient),
            LinearCV(("m",), (tuple(np.full(self.n, 1 / sqrt(self.n)) @ modes),)),
            self.states,
            starts,
            kT=self.kT,
            masses=tuple((stiffness + well) / well),
            solver=Newton(iterations=1),  # which a linear CV meets exactly
            name=self.name,
        )
