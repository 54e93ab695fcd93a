"""The torsion of four atoms: a CV on a circle."""

from dataclasses import dataclass
from math import log, pi
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from scipy.special import i0e
from torch import Tensor

from cvflow.cv import formulas
from cvflow.cv.batch import Each, FunctionCV
from cvflow.cv.functions import torsion
from cvflow.engines.batch.potential import Potential
from cvflow.engines.batch.system import TorchSystem
from cvflow.systems.base import BatchReference
from cvflow.systems.parameters import check_positive, check_weight
from cvflow.systems.zoo.terms import Clusters, confinement, norm, spring, turned, two_modes

Arms = Float[Tensor, "chains 3"]

MODES, CONCENTRATIONS = (-0.2, pi - 0.3), (8.0, 5.0)
# i0e(κ) = e^-κ I₀(κ). Computed here as torch.compile cannot look into SciPy.
LOG_NORMS = tuple(log(2 * pi * float(i0e(kappa))) for kappa in CONCENTRATIONS)
BONDS, BOND_WIDTH = (1.0, 1.3), 0.05
ANGLE, ANGLE_WIDTH = 1.9, 0.1


@dataclass(frozen=True)
class SingleTorsion(BatchReference):
    """Four atoms in space, of masses 1, 4, 12 and 2; the CV is the torsion φ in [-π, π), 0 for cis.

    With the bonds' lengths r1, r2, r3, the angles θ1, θ2 and the centre of geometry c,

        U/kT = -ln[weight v(φ; -0.2, 8) + (1 - weight) v(φ; π - 0.3, 5)]
               + (r1 - 1)²/(2·0.05²) + (r2 - 1.3)²/(2·0.05²) + (r3 - 1.1 - 0.1 cos(φ - 0.7))²/(2·0.05²)
               + (θ1 - 1.9 - 0.15 sin φ)²/(2·0.1²) + (θ2 - 1.9)²/(2·0.1²) + |c|²/2

    where v(φ; μ, κ) = e^(κ cos(φ - μ))/(2π I₀(κ)) is von Mises' density: the trans mode lies across ±π, and the third
    bond and the first angle follow φ. The density of the internal coordinates carries the measure
    r1² r2² r3² sin θ1 sin θ2.

    Raises:
        ValueError: a parameter is out of range.
    """

    weight: float = 0.3
    kT: float = 1.0

    name: ClassVar[str] = "torsion"
    summary: ClassVar[str] = "the torsion of four atoms of unequal mass: cis, and trans across ±π"
    reference: ClassVar[str] = "free energy by quadrature"
    masses: ClassVar[tuple[float, float, float, float]] = (1.0, 4.0, 12.0, 2.0)

    def __post_init__(self) -> None:
        check_weight(self.name, weight=self.weight)
        check_positive(self.name, kT=self.kT)

    @property
    def states(self) -> dict[str, str]:
        return {"cis": "-1.7 < phi < 1.25", "trans": "phi <= -1.7 or phi >= 1.25"}

    def system(self) -> TorchSystem:
        return TorchSystem(
            Potential(self._energy, (4, 3)),
            FunctionCV(("phi",), torsion, (4, 3), periods=(2 * pi,), ranges=((-pi, pi),)),
            self.states,
            self._starts,
            kT=self.kT,
            masses=tuple(np.repeat(self.masses, 3).tolist()),
            name=self.name,
        )

    def _energy(self, x: Clusters) -> Each:
        first, second, third = x[:, 1] - x[:, 0], x[:, 2] - x[:, 1], x[:, 3] - x[:, 2]
        phi = torsion(x)
        modes = (
            kappa * (1 - torch.cos(phi - mode)) + log_norm
            for mode, kappa, log_norm in zip(MODES, CONCENTRATIONS, LOG_NORMS, strict=True)
        )
        bonds = spring(norm(first), BONDS[0], BOND_WIDTH) + spring(norm(second), BONDS[1], BOND_WIDTH)
        bonds = bonds + spring(norm(third), 1.1 + 0.1 * torch.cos(phi - 0.7), BOND_WIDTH)
        angles = spring(_angle(-first, second), ANGLE + 0.15 * torch.sin(phi), ANGLE_WIDTH)
        angles = angles + spring(_angle(-second, third), ANGLE, ANGLE_WIDTH)
        return self.kT * (two_modes(self.weight, *modes) + bonds + angles + confinement(x))

    def _starts(self, state: str, count: int, rng: np.random.Generator) -> Float[np.ndarray, "count 4 3"]:
        """Within 0.4 of the mode, for trans on both sides of ±π; each molecule turned at random."""
        self.check_state(state)
        phi = MODES[list(self.states).index(state)] + rng.uniform(-0.4, 0.4, count)
        first_angle, third_bond = ANGLE + 0.15 * np.sin(phi), 1.1 + 0.1 * np.cos(phi - 0.7)
        zero, sine, cosine = np.zeros(count), np.sin(ANGLE), np.cos(ANGLE)
        # The middle bond along z and the first atom above the x axis.
        x = np.stack(
            [
                BONDS[0] * np.stack([np.sin(first_angle), zero, np.cos(first_angle)], axis=1),
                np.zeros((count, 3)),
                np.stack([zero, zero, zero + BONDS[1]], axis=1),
                np.stack(
                    [
                        third_bond * sine * np.cos(phi),
                        third_bond * sine * np.sin(phi),
                        BONDS[1] - third_bond * cosine,
                    ],
                    axis=1,
                ),
            ],
            axis=1,
        )
        return turned(x, rng)


def _angle(a: Arms, b: Arms) -> Each:
    """Angle [rad] between two vectors, in [0, π]; smooth but where they are parallel."""
    return formulas.angle(a, b, torch.linalg.cross(a, b), torch)
