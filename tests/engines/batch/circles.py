"""Targets whose CV lives on a circle: θ has a mode at π - .3, across ±π, and one at -1.

On the cylinder θ is a coordinate and y | θ ~ N(μ(θ), .2²); in the plane it is the polar angle, and the distance from
the origin takes the place of y.
"""

from dataclasses import dataclass
from math import inf, log, pi

import numpy as np
import torch
from torch import Tensor

from cvflow.cv.batch import FunctionCV, SplitCV
from cvflow.engines.batch.potential import Potential
from cvflow.proposals import GaussianMixture, Proposal
from tests.engines.batch.targets import Target


@dataclass(frozen=True)
class WrappedMixture(Proposal):
    """Σ_k w_k N(mean_k, sigma_k²) wound round a circle: a density on [-π, π] alone, as a flow's on a torus is."""

    means: tuple[float, ...]
    sigmas: tuple[float, ...]
    weights: tuple[float, ...]
    version: int = 0

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        return (self._line.draw(count, rng) + pi) % (2 * pi) - pi

    def log_density(self, points: np.ndarray) -> np.ndarray:
        images = [self._line.log_density(points + 2 * pi * turn) for turn in (-2, -1, 0, 1, 2)]
        return np.where(np.abs(points[:, 0]) <= pi, np.logaddexp.reduce(images), -inf)

    @property
    def _line(self) -> GaussianMixture:
        return GaussianMixture(tuple((m,) for m in self.means), tuple((s,) for s in self.sigmas), self.weights)


CIRCLE_KT = 0.7
_TURN_MODES = ((0.65, pi - 0.3, 4.0), (0.35, -1.0, 3.0))
_CIRCLE_PROPOSAL = WrappedMixture((2.4, -0.2), (0.7, 1.1), (0.4, 0.6))


def _mean_radius(theta: Tensor) -> Tensor:
    return 1.6 + 0.4 * torch.cos(theta - 0.5)


def _cylinder_energy(x: Tensor) -> Tensor:
    theta, y = x.unbind(dim=1)
    modes = [log(w / np.i0(k)) + k * torch.cos(theta - mode) for w, mode, k in _TURN_MODES]
    return CIRCLE_KT * ((y - _mean_radius(theta)) ** 2 / 0.08 - torch.logaddexp(*modes))


def _circle_energy(x: Tensor) -> Tensor:
    theta, r = torch.atan2(x[:, 1], x[:, 0]), torch.linalg.vector_norm(x, dim=1)
    # In the plane the density of (r, θ) carries the measure r.
    return _cylinder_energy(torch.stack([theta, r], dim=1)) + CIRCLE_KT * torch.log(r)


def _cylinder_draw(count: int, rng: np.random.Generator) -> np.ndarray:
    first, second = (rng.vonmises(mode, k, count) for _, mode, k in _TURN_MODES)
    theta = np.where(rng.random(count) < _TURN_MODES[0][0], first, second)
    return np.column_stack([theta, _mean_radius(torch.from_numpy(theta)).numpy() + 0.2 * rng.standard_normal(count)])


def _circle_draw(count: int, rng: np.random.Generator) -> np.ndarray:
    theta, r = _cylinder_draw(count, rng).T
    return np.column_stack([r * np.cos(theta), r * np.sin(theta)])


def turn(x: Tensor) -> Tensor:
    """Polar angle in [-π, π]."""
    return torch.atan2(x[:, 1], x[:, 0])


@dataclass(frozen=True)
class Turn(SplitCV):
    """The first of two coordinates, on a circle."""

    names: tuple[str, ...] = ("theta",)
    periods: tuple[float, ...] = (2 * pi,)
    ranges: tuple[tuple[float, float], ...] = ((-inf, inf),)

    def value(self, x: Tensor) -> Tensor:
        return self.wrapped(x[:, :1])

    def jacobian(self, x: Tensor) -> Tensor:
        return x.new_tensor([[1.0, 0.0]]).expand(len(x), 1, 2)

    def place(self, x: Tensor, z: Tensor) -> Tensor:
        return torch.cat([z, x[:, 1:]], dim=1)

    def project(self, v: Tensor) -> Tensor:
        return v * v.new_tensor([0.0, 1.0])


CYLINDER = Target(
    "cylinder",
    Potential(_cylinder_energy, (2,)),
    Turn(),
    _cylinder_draw,
    lambda x: {"y - mu": x[:, 1] - _mean_radius(x[:, 0])},
    _CIRCLE_PROPOSAL,
    span=2.0,
    kT=CIRCLE_KT,
)

CIRCLE = Target(
    "circle",
    Potential(_circle_energy, (2,)),
    FunctionCV(("theta",), turn, (2,), periods=(2 * pi,), ranges=((-pi, pi),)),
    _circle_draw,
    lambda x: {"r - mu": torch.linalg.vector_norm(x, dim=1) - _mean_radius(turn(x))},
    _CIRCLE_PROPOSAL,
    span=2.0,
    kT=CIRCLE_KT,
)
