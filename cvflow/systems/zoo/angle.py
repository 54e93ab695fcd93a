"""The angle of three atoms in the plane."""

from dataclasses import dataclass
from math import pi
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float

from cvflow.cv.batch import Each, FunctionCV
from cvflow.engines.batch.potential import Potential
from cvflow.engines.batch.system import TorchSystem
from cvflow.systems.base import BatchReference
from cvflow.systems.parameters import check_positive, check_weight
from cvflow.systems.zoo.terms import Clusters, confinement, norm, spring, two_modes

MODES, WIDTHS = (1.1, 2.1), (0.16, 0.20)
BOND_WIDTH = 0.12
SECOND_BOND, SECOND_WIDTH = 1.2, 0.1


@dataclass(frozen=True)
class PlanarAngle(BatchReference):
    """Three atoms in the plane, of masses 1, 4 and 12; the CV is the angle θ at the middle one, in (0, π).

    With the bonds' lengths r1 = |x_0 - x_1|, r2 = |x_2 - x_1| and the centre of geometry c,

        U/kT = -ln[weight e^(-(θ - 1.1)²/(2·0.16²)) + (1 - weight) e^(-(θ - 2.1)²/(2·0.20²))]
               + (r1 - 1 - 0.4 cos θ)²/(2·0.12²) + (r2 - 1.2)²/(2·0.1²) + |c|²/2

    so that the first bond shrinks as the angle opens. The density of (θ, r1, r2) carries the measure r1 r2.

    Raises:
        ValueError: a parameter is out of range.
    """

    weight: float = 0.3
    kT: float = 1.0

    name: ClassVar[str] = "angle"
    summary: ClassVar[str] = "the angle of three atoms of unequal mass in the plane: acute and obtuse"
    reference: ClassVar[str] = "free energy by quadrature"
    masses: ClassVar[tuple[float, float, float]] = (1.0, 4.0, 12.0)

    def __post_init__(self) -> None:
        check_weight(self.name, weight=self.weight)
        check_positive(self.name, kT=self.kT)

    @property
    def states(self) -> dict[str, str]:
        return {"acute": "theta < 1.55", "obtuse": "theta >= 1.55"}

    def system(self) -> TorchSystem:
        return TorchSystem(
            Potential(self._energy, (3, 2)),
            FunctionCV(("theta",), bond_angle, (3, 2), ranges=((0.0, pi),)),
            self.states,
            self._starts,
            kT=self.kT,
            masses=tuple(np.repeat(self.masses, 2).tolist()),
            name=self.name,
        )

    def _energy(self, x: Clusters) -> Each:
        theta = bond_angle(x)
        first, second = (spring(theta, mode, width) for mode, width in zip(MODES, WIDTHS, strict=True))
        bonds = spring(norm(x[:, 0] - x[:, 1]), 1 + 0.4 * torch.cos(theta), BOND_WIDTH)
        bonds = bonds + spring(norm(x[:, 2] - x[:, 1]), SECOND_BOND, SECOND_WIDTH)
        return self.kT * (two_modes(self.weight, first, second) + bonds + confinement(x))

    def _starts(self, state: str, count: int, rng: np.random.Generator) -> Float[np.ndarray, "count 3 2"]:
        """At the mode, with either sense of the angle, each molecule turned at random."""
        self.check_state(state)
        theta = MODES[list(self.states).index(state)] + rng.uniform(-0.1, 0.1, count)
        turn = rng.uniform(0, 2 * np.pi, count)
        other = turn + theta * rng.choice([-1, 1], count)
        first = (1 + 0.4 * np.cos(theta))[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        second = SECOND_BOND * np.stack([np.cos(other), np.sin(other)], axis=1)
        x = np.stack([first, np.zeros_like(first), second], axis=1)
        return x - x.mean(axis=1, keepdims=True)


def bond_angle(x: Clusters) -> Each:
    """Angle [rad] at the middle atom, in [0, π]; smooth but where the atoms are collinear."""
    a, b = x[:, 0] - x[:, 1], x[:, 2] - x[:, 1]
    return torch.atan2(torch.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]), (a * b).sum(dim=1))
