"""The network: autoregressive rational-quadratic splines on lines, circles, boxes and any mixture of them.

Written out, with every constant, in docs/flow.md. Sources: Durkan et al., NeurIPS 2019 (splines); Rezende et al., ICML
2020 (circles).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log, pi

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from zuko.nn import MaskedMLP
from zuko.transforms import AutoregressiveTransform, DependentTransform, MonotonicRQSTransform

from cvflow.core.cv_space import Domain
from cvflow.proposals.sizes import MOST_BINS, MOST_LAYERS, MOST_TRANSFORMS, WIDEST
from cvflow.proposals.standard_coordinates import BOUND

Points = Float[Tensor, "count cvs"]

SLOPE = 1e-3
"""Bins differ in size by a factor of 1/SLOPE at most, and slopes at knots lie in (SLOPE, 1/SLOPE): zuko's constant."""

NEAR_IDENTITY = 0.1
"""What zuko's random initial weights are multiplied by."""


@dataclass(frozen=True)
class Architecture:
    """The sizes of a network.

    Raises:
        ValueError: a size is out of range.
    """

    transforms: int = 3
    hidden: tuple[int, ...] = (32, 32)
    bins: int = 8

    def __post_init__(self) -> None:
        if self.transforms < 1 or self.bins < 2 or not self.hidden or min(self.hidden) < 1:
            raise ValueError("flow: transforms and hidden sizes must be at least 1, bins at least 2")
        if self.transforms > MOST_TRANSFORMS or len(self.hidden) > MOST_LAYERS:
            raise ValueError(f"flow: at most {MOST_TRANSFORMS} transforms of {MOST_LAYERS} hidden layers")
        if max(self.hidden) > WIDEST or self.bins > MOST_BINS:
            raise ValueError(f"flow: hidden layers are at most {WIDEST} wide, and there are at most {MOST_BINS} bins")


def numbers(axes: Sequence[Domain], architecture: Architecture) -> int:
    """How many weights and biases a network has; known without making it."""
    outputs = len(axes) * (3 * architecture.bins - 1)
    if len(axes) == 1:
        return architecture.transforms * outputs
    seen = len(axes) + sum(axis is Domain.CIRCLE for axis in axes)
    sizes = (seen, *architecture.hidden, outputs)
    return architecture.transforms * sum((before + 1) * after for before, after in pairwise(sizes))


class SplineFlow(nn.Module):
    """A normalised density on [-5, 5) of each circle, [-5, 5] of each box and all of each line.

    Continuous across the ends of each circle: conditioners see its cosine and sine, and splines have slope 1 at both
    ends. Between two transforms circles are turned by the same fraction of a turn, or all splines would be pinned at
    the same place.

    The weights are zuko's random ones made small; build it inside a seeded fence (`torch.random.fork_rng`).
    """

    lines: Bool[Tensor, " cvs"]
    circles: Bool[Tensor, " cvs"]

    def __init__(self, axes: Sequence[Domain], architecture: Architecture) -> None:
        super().__init__()
        order = list(range(len(axes)))
        orders = [order[::-1] if k % 2 else order for k in range(architecture.transforms)]
        self.splines = nn.ModuleList(_Splines(axes, order, architecture) for order in orders)
        self.turn = 2 * BOUND / architecture.transforms
        self.register_buffer("lines", torch.tensor([axis is Domain.LINE for axis in axes]), persistent=False)
        self.register_buffer("circles", torch.tensor([axis is Domain.CIRCLE for axis in axes]), persistent=False)
        self.double()
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.mul_(NEAR_IDENTITY)

    def log_density(self, u: Points) -> Float[Tensor, " count"]:
        """Log density in standard coordinates, differentiable in the weights."""
        total = torch.zeros_like(u[:, 0])
        for splines in self.splines:
            u, log_slope = splines().call_and_ladj(self._turned(u, self.turn))
            total = total + log_slope
        normal = -0.5 * (u**2 + log(2 * pi))
        return total + torch.where(self.lines, normal, -log(2 * BOUND)).sum(dim=1)

    def place(self, base: Points) -> Points:
        """Map draws of the base density (normal on lines, uniform on circles and boxes) to draws of the flow."""
        u = base
        for splines in reversed(self.splines):
            u = self._turned(splines().inv(u), -self.turn)
        return u

    def _turned(self, u: Points, by: float) -> Points:
        return torch.where(self.circles, torch.remainder(u + by + BOUND, 2 * BOUND) - BOUND, u)


class _Splines(nn.Module):
    """One spline a CV, whose parameters follow from the CVs that come before it in the order."""

    circles: Bool[Tensor, " cvs"]

    def __init__(self, axes: Sequence[Domain], order: list[int], architecture: Architecture) -> None:
        super().__init__()
        self.shapes = (architecture.bins, architecture.bins, architecture.bins - 1)
        rank = torch.tensor(order).argsort()
        circles = torch.tensor([axis is Domain.CIRCLE for axis in axes])
        seen = torch.cat([rank, rank[circles]])  # what the features tell about: u or cos of each CV, then sines
        depends = rank[:, None] > seen
        outputs = sum(self.shapes)
        self.conditioner: nn.Module = (
            MaskedMLP(depends.repeat_interleave(outputs, dim=0), architecture.hidden)
            if depends.any()
            else _Constant(len(axes) * outputs)
        )
        self.register_buffer("circles", circles, persistent=False)

    def forward(self) -> AutoregressiveTransform:
        """The map as it is with the present weights."""
        return AutoregressiveTransform(self._given, passes=len(self.circles))

    def _given(self, u: Points) -> DependentTransform:
        parameters = self.conditioner(features(u, self.circles)).unflatten(1, (-1, sum(self.shapes)))
        return DependentTransform(MonotonicRQSTransform(*parameters.split(self.shapes, dim=2), BOUND, SLOPE), 1)


class _Constant(nn.Module):
    """Parameters that depend on nothing, the same for all points: the conditioner of a single CV."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.randn(outputs))

    def forward(self, features: Tensor) -> Tensor:
        return self.bias[None]


def features(u: Points, circles: Bool[Tensor, " cvs"]) -> Float[Tensor, "count features"]:
    """What conditioners see: u on lines and boxes and cos(πu/5) on circles, in the CVs' order; then sin(πu/5)."""
    angle = u * (pi / BOUND)
    return torch.cat([torch.where(circles, angle.cos(), u), angle[:, circles].sin()], dim=1)
