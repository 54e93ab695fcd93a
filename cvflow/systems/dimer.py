"""A dimer in a bath of repulsive discs, compact or stretched: a nonlinear CV with a constant Gram matrix.

Source: Schönle, Carbone, Gabrié, Lelièvre, Stoltz, arXiv:2512.16812; Lelièvre, Rousset, Stoltz, Math. Comp. 2012.
"""

from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from cvflow.cv.batch import Each, FunctionCV
from cvflow.engines.batch.kernels.solver import QuadraticDistance
from cvflow.engines.batch.potential import Potential
from cvflow.engines.batch.system import TorchSystem
from cvflow.systems.base import BatchReference
from cvflow.systems.parameters import check_positive

Discs = Float[Tensor, "chains n 2"]
Apart = Float[Tensor, "chains n n"]


@dataclass(frozen=True)
class Dimer(BatchReference):
    """n_particles discs in a periodic square; particles 0 and 1 are the dimer.

    All pairs but the dimer's own repel each other by the WCA potential (Lennard-Jones cut at its minimum
    r0 = 2^(1/6) σ and shifted to zero there); the dimer has the double well h [1 - (r - r0 - w)²/w²]² with minima at
    r0 and r0 + 2w. The CV ξ = (r - r0)/(2w) is 0 in the compact and 1 in the stretched minimum. All distances are to
    the nearest image.

    Raises:
        ValueError: a parameter is out of range, or the stretched dimer does not fit into half the box.
    """

    n_particles: int = 100
    box: float = 15.0
    kT: float = 1.0
    epsilon: float = 1.0
    sigma: float = 1.0
    h: float = 2.0
    w: float = 2.0

    name: ClassVar[str] = "dimer"
    summary: ClassVar[str] = "a dimer among 98 repulsive discs in a periodic box: compact and stretched"
    reference: ClassVar[str] = "arXiv:2512.16812; free energy by umbrella sampling (tests/systems/dimer_umbrella.py)"

    def __post_init__(self) -> None:
        if self.n_particles < 2:
            raise ValueError(f"the dimer needs n_particles >= 2, got {self.n_particles}")
        check_positive(self.name, **asdict(self))
        if not self.r0 + 2 * self.w < self.box / 2:
            raise ValueError(
                f"the stretched dimer, {self.r0 + 2 * self.w:.3f} long, does not fit into half the box: raise box"
            )

    @property
    def r0(self) -> float:
        """Length of the compact dimer, and cutoff of the WCA potential, in the unit of `sigma`."""
        return 2 ** (1 / 6) * self.sigma

    @property
    def states(self) -> dict[str, str]:
        return {"compact": "xi < 0.5", "stretched": "xi >= 0.5"}

    def system(self) -> TorchSystem:
        shape = (self.n_particles, 2)
        # The nearest image, and with it ξ, is unique and smooth as long as r < box/2. Beyond, up to box/√2 in the
        # corners, there are configurations, but a level set of ξ there has holes and kinks where a component of the
        # separation passes box/2, and no constraint can follow it. With the default parameters these configurations
        # weigh e^-29; ξ is steered below box/2 alone.
        longest = (self.box / 2 - self.r0) / (2 * self.w)
        return TorchSystem(
            Potential(self._energy, shape, self._gradient),
            FunctionCV(
                ("xi",),
                self._xi,
                shape,
                ranges=((-self.r0 / (2 * self.w), longest),),
                derivative=self._xi_derivative,
            ),
            self.states,
            self._starts,
            kT=self.kT,
            solver=QuadraticDistance(0, 2, 2, scale=2 * self.w, offset=self.r0, box=self.box),
            name=self.name,
        )

    def _energy(self, x: Discs) -> Each:
        _, _, r2, repels = self._pairs(x)
        s2 = self.sigma**2 / torch.where(repels, r2, 1.0)
        s6 = s2 * s2 * s2
        pairs = torch.where(repels, 4 * self.epsilon * (s6 * s6 - s6) + self.epsilon, 0.0)
        stretch = (self._length(x) - self.r0 - self.w) / self.w
        well = 1 - stretch * stretch
        # Every pair is in the matrix twice.
        return pairs.sum(dim=-1).sum(dim=-1) / 2 + self.h * well * well

    def _gradient(self, x: Discs) -> Discs:
        dx, dy, r2, repels = self._pairs(x)
        r2 = torch.where(repels, r2, 1.0)
        s2 = self.sigma**2 / r2
        s6 = s2 * s2 * s2
        slope_over_r = torch.where(repels, -24 * self.epsilon * (2 * s6 * s6 - s6) / r2, 0.0)
        pairs = torch.stack([(slope_over_r * dx).sum(dim=-1), (slope_over_r * dy).sum(dim=-1)], dim=-1)
        stretch = (self._length(x) - self.r0 - self.w) / self.w
        slope = -4 * self.h / self.w * stretch * (1 - stretch * stretch)
        return pairs + self._on_dimer(x, slope)

    def _pairs(self, x: Discs) -> tuple[Apart, Apart, Apart, Bool[Tensor, "chains n n"]]:
        """Nearest-image separations x_i - x_j by component, their squares, and which pairs feel each other.

        Separate matrices for the components and all pairs at once, rather than a list of pairs: compiled, they fuse
        into one pass over a chain's pairs without a gather (measured 16 to 24 us a chain in float32).
        """
        dx = self._nearest(x[:, :, None, 0] - x[:, None, :, 0])
        dy = self._nearest(x[:, :, None, 1] - x[:, None, :, 1])
        r2 = dx * dx + dy * dy
        index = torch.arange(self.n_particles, device=x.device)
        alone = (index[:, None] == index) | ((index[:, None] < 2) & (index < 2))
        return dx, dy, r2, (r2 < self.r0**2) & ~alone

    def _nearest(self, separation: Tensor) -> Tensor:
        return separation - self.box * torch.round(separation / self.box)

    def _length(self, x: Discs) -> Each:
        return torch.linalg.vector_norm(self._nearest(x[:, 0] - x[:, 1]), dim=1)

    def _on_dimer(self, x: Discs, slope: Each) -> Discs:
        """∂f(r)/∂x, r the dimer's length, given f' of each chain."""
        apart = self._nearest(x[:, 0] - x[:, 1])
        along = apart * (slope / torch.linalg.vector_norm(apart, dim=1))[:, None]
        return torch.cat([along[:, None], -along[:, None], torch.zeros_like(x[:, 2:])], dim=1)

    def _xi(self, x: Discs) -> Each:
        return (self._length(x) - self.r0) / (2 * self.w)

    def _xi_derivative(self, x: Discs) -> Float[Tensor, "chains 1 n 2"]:
        return self._on_dimer(x, torch.full_like(x[:, 0, 0], 1 / (2 * self.w)))[:, None]

    def _starts(self, state: str, count: int, rng: np.random.Generator) -> Float[np.ndarray, "count n 2"]:
        """The dimer in its minimum, the solvent on free sites of a lattice: nothing overlaps, the energy is zero.

        Raises:
            ValueError: the state is unknown, or there is no room for the solvent.
        """
        self.check_state(state)
        length = {"compact": self.r0, "stretched": self.r0 + 2 * self.w}[state]
        return np.array([self._start(length, rng) for _ in range(count)]).reshape(count, self.n_particles, 2)

    def _start(self, length: float, rng: np.random.Generator) -> Float[np.ndarray, "n 2"]:
        angle = rng.uniform(0, 2 * np.pi)
        first = rng.uniform(0, self.box, 2)
        dimer = np.array([first, first + length * np.array([np.cos(angle), np.sin(angle)])])
        solvent = self.n_particles - 2
        for cells in range(max(1, int(np.ceil(np.sqrt(solvent)))), int(self.box / self.r0) + 1):
            line = (np.arange(cells) + 0.5) * self.box / cells
            sites = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
            apart = sites[:, None] - dimer
            apart -= self.box * np.round(apart / self.box)
            free = sites[(np.linalg.norm(apart, axis=-1) >= self.r0).all(axis=1)]
            if len(free) >= solvent:
                return np.vstack([dimer, rng.permutation(free)[:solvent]])
        raise ValueError("no room for the solvent: raise box or lower n_particles")
