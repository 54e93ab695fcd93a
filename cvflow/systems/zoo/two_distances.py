"""Two distances that share an atom: a CV of two components."""

from dataclasses import dataclass
from math import inf
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from cvflow.cv.batch import Each, FunctionCV
from cvflow.engines.batch.potential import Potential
from cvflow.engines.batch.system import TorchSystem
from cvflow.systems.base import BatchReference
from cvflow.systems.parameters import check_positive, check_weight
from cvflow.systems.zoo.terms import Clusters, confinement, norm, spring, turned, two_modes

MODES = ((1.0, 1.7), (1.6, 1.1))
WIDTHS = ((0.12, 0.15), (0.15, 0.12))


@dataclass(frozen=True)
class TwoDistances(BatchReference):
    """Three atoms in space, of masses 1, 4 and 12; the CV is (r12, r23), the distances of the middle one to the others.

    With the angle θ at the middle atom, the centre of geometry c and the Gaussians g of the modes (1, 1.7) and
    (1.6, 1.1), widths (0.12, 0.15) and (0.15, 0.12), without their normalisation,

        U/kT = -ln[weight g1(r12, r23) + (1 - weight) g2(r12, r23)] - 4 (r12 - r23) cos θ + |c|²/2

    so that the molecule is stretched where r12 is short and bent where it is long. The density of
    (r12, r23, cos θ) carries the measure r12² r23².

    Raises:
        ValueError: a parameter is out of range.
    """

    weight: float = 0.3
    kT: float = 1.0

    name: ClassVar[str] = "two_distances"
    summary: ClassVar[str] = "an atom moving from one partner to another: two distances that share an atom"
    reference: ClassVar[str] = "free energy by quadrature"
    masses: ClassVar[tuple[float, float, float]] = (1.0, 4.0, 12.0)

    def __post_init__(self) -> None:
        check_weight(self.name, weight=self.weight)
        check_positive(self.name, kT=self.kT)

    @property
    def states(self) -> dict[str, str]:
        return {"first": "r12 < r23", "second": "r12 >= r23"}

    def system(self) -> TorchSystem:
        return TorchSystem(
            Potential(self._energy, (3, 3)),
            FunctionCV(("r12", "r23"), distances, (3, 3), ranges=((0.0, inf), (0.0, inf))),
            self.states,
            self._starts,
            kT=self.kT,
            masses=tuple(np.repeat(self.masses, 3).tolist()),
            name=self.name,
        )

    def _energy(self, x: Clusters) -> Each:
        r12, r23 = distances(x).unbind(dim=1)
        first, second = (
            spring(r12, mode[0], width[0]) + spring(r23, mode[1], width[1])
            for mode, width in zip(MODES, WIDTHS, strict=True)
        )
        cosine = ((x[:, 0] - x[:, 1]) * (x[:, 2] - x[:, 1])).sum(dim=1) / (r12 * r23)
        return self.kT * (two_modes(self.weight, first, second) - 4 * (r12 - r23) * cosine + confinement(x))

    def _starts(self, state: str, count: int, rng: np.random.Generator) -> Float[np.ndarray, "count 3 3"]:
        """At the mode, with an angle that the state prefers; each molecule turned at random."""
        self.check_state(state)
        mode = list(self.states).index(state)
        r12, r23 = np.array(MODES[mode])[:, None] + rng.uniform(-0.1, 0.1, (2, count))
        theta = (2.4, 0.8)[mode] + rng.uniform(-0.3, 0.3, count)
        x = np.zeros((count, 3, 3))
        x[:, 0, 0] = r12
        x[:, 2, 0], x[:, 2, 1] = r23 * np.cos(theta), r23 * np.sin(theta)
        return turned(x, rng)


def distances(x: Clusters) -> Float[Tensor, "chains 2"]:
    """|x_0 - x_1| and |x_2 - x_1|; smooth but at zero."""
    return torch.stack([norm(x[:, 0] - x[:, 1]), norm(x[:, 2] - x[:, 1])], dim=1)
