"""Small systems of torch functions with known free energies, as a user's own file would hold them.

The valley: z has two Gaussian modes of unequal weight and width, and y | z ~ N(0.4 z, 0.5²), so that ΔF(left → right)
is a matter of error functions. The shells: a point in the plane at one of two radii.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from cvflow import Potential, TorchSystem
from cvflow.cv.batch import Coordinates, FunctionCV

MODES, WIDTHS, WALL = (0.0, 4.0), (0.6, 0.8), 2.0
SLOPE, SPREAD = 0.4, 0.5
RADII = (1.0, 2.2)
RARE = 0.97


@dataclass
class Wells:
    """A dataclass whose annotations are strings: its module must be found when the file is imported."""

    weight: float

    def log_density(self, z):
        """Of z, but for a constant."""
        first, second = (-0.5 * ((z - m) / s) ** 2 - math.log(s) for m, s in zip(MODES, WIDTHS, strict=True))
        return torch.logaddexp(first + math.log(self.weight), second + math.log(1 - self.weight))


def valley(weight: float = 0.7, kT: float = 1.0, wall: float = math.inf) -> TorchSystem:
    """The valley; beyond the wall, the energy is not a number."""
    wells = Wells(weight)

    def energy(x):
        z, y = x[:, 0], x[:, 1]
        inside = -wells.log_density(z) + 0.5 * ((y - SLOPE * z) / SPREAD) ** 2
        return kT * torch.where(z < wall, inside, torch.nan)

    states = {"left": f"z < {WALL}", "right": f"z >= {WALL}"}
    return TorchSystem(Potential(energy, (2,)), Coordinates(("z",), (0,), 2), states, starts, kT=kT, name="valley")


def rare() -> TorchSystem:
    """The valley with little on its right side."""
    return valley(RARE)


def starts(state: str, count: int, rng: np.random.Generator) -> np.ndarray:
    """Near the modes."""
    z = MODES[state == "right"] + 0.2 * rng.standard_normal(count)
    return np.stack([z, SLOPE * z + 0.2 * rng.standard_normal(count)], axis=1)


def difference(weight: float = 0.7) -> float:
    """Exact F(right) - F(left) [kT]."""
    beyond = [0.5 * math.erfc((WALL - m) / (s * math.sqrt(2))) for m, s in zip(MODES, WIDTHS, strict=True)]
    right = weight * beyond[0] + (1 - weight) * beyond[1]
    return -math.log(right / (1 - right))


def across(x: torch.Tensor) -> torch.Tensor:
    """A nonlinear CV of the valley: z seen through a gentle bend, with y mixed in."""
    return x[:, 0] + 0.1 * torch.sin(x[:, 0]) + 0.2 * x[:, 1]


def turn(x: torch.Tensor) -> torch.Tensor:
    """A CV on a circle of circumference one."""
    return x[:, 1] - torch.floor(x[:, 1] + 0.5)


def shells(lowest: float = 0.0) -> TorchSystem:
    """A point in the plane near one of two radii; the CV is the radius, said to be above `lowest`."""

    def energy(x):
        r = radius(x)
        return -torch.logaddexp(*(-0.5 * ((r - mode) / 0.2) ** 2 for mode in RADII))

    def near(state, count, rng):
        angle = rng.uniform(0, 2 * np.pi, count)
        return RADII[state == "outer"] * np.stack([np.cos(angle), np.sin(angle)], axis=1)

    cv = FunctionCV(("r",), radius, (2,), ranges=((lowest, math.inf),))
    return TorchSystem(Potential(energy, (2,)), cv, {"inner": "r < 1.6", "outer": "r >= 1.6"}, near, name="shells")


def radius(x: torch.Tensor) -> torch.Tensor:
    """Distance from the origin."""
    return torch.linalg.vector_norm(x, dim=1)
