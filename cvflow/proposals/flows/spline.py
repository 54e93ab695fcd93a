"""Autoregressive rational-quadratic splines on lines, circles, boxes and any mixture of them.

Written out, with every constant, in docs/flow.md. Sources: Durkan et al., NeurIPS 2019 (splines); Rezende et al., ICML
2020 (circles).
"""

from collections.abc import Iterable, Sequence
from math import log, pi
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from zuko.nn import Linear, MaskedMLP
from zuko.transforms import AutoregressiveTransform, DependentTransform, MonotonicRQSTransform

from cvflow.core.cv_space import Domain
from cvflow.proposals.flows.array_flow import Affine, SplineArrayFlow, SplineKnots, SplineLayer
from cvflow.proposals.flows.base import Architecture, Bins, Flow, Hidden, StandardPoints, Transforms, layer_numbers
from cvflow.proposals.standard_coordinates import BOUND

SLOPE = 1e-3
"""Bins differ in size by a factor of 1/SLOPE at most, and slopes at knots lie in (SLOPE, 1/SLOPE): zuko's constant."""


class SplineFlow(Flow):
    """Layers of splines, one spline a CV and layer; between two layers circles are turned by the same part of a turn.

    Splines have slope 1 at both ends, which closes circles. Without the turns all of them would be pinned at the same
    place.
    """

    def __init__(self, domains: Sequence[Domain], layers: "Iterable[SplineModule]") -> None:
        """Of layers of splines."""
        super().__init__(domains)
        self.splines = nn.ModuleList(layers)
        self.turn = 2 * BOUND / len(self.splines)

    def to_base(self, u: StandardPoints) -> tuple[StandardPoints, Float[Tensor, " count"]]:
        total = torch.zeros_like(u[:, 0])
        for splines in self.splines:
            u, log_slope = splines().call_and_ladj(self._turned(u, self.turn))
            total = total + log_slope
        return u, total

    def from_base(self, base: StandardPoints) -> StandardPoints:
        u = base
        for splines in reversed(self.splines):
            u = self._turned(splines().inv(u), -self.turn)
        return u

    def for_arrays(self) -> SplineArrayFlow:
        layers = tuple(layer.for_arrays() for layer in self.splines if isinstance(layer, SplineModule))
        return SplineArrayFlow(layers, self.lines.numpy(), self.circles.numpy(), self.turn)

    def _turned(self, u: StandardPoints, by: float) -> StandardPoints:
        return torch.where(self.circles, torch.remainder(u + by + BOUND, 2 * BOUND) - BOUND, u)


class SplineModule(nn.Module):
    """A layer: splines of the CVs in `mapped`, set by those in `seen`. Called, it gives zuko's transform of all CVs.

    Attributes:
        mapped: which CVs have a spline.
        seen: which CVs the conditioner is given.
        circles: which of those that it is given live on circles.
        conditioner: gives the splines' parameters.
        order: CVs in which the way back finds them, one after the other; empty where it finds all at once.
        bins: of each spline.
    """

    mapped: Bool[Tensor, " cvs"]
    seen: Bool[Tensor, " cvs"]
    circles: Bool[Tensor, " seen"]

    def __init__(
        self, mapped: Bool[Tensor, " cvs"], seen: Bool[Tensor, " cvs"], circles: Bool[Tensor, " cvs"],
        conditioner: nn.Module, order: Sequence[int], bins: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.conditioner, self.order, self.bins = conditioner, tuple(order), bins
        self.register_buffer("mapped", mapped, persistent=False)
        self.register_buffer("seen", seen, persistent=False)
        self.register_buffer("circles", circles[seen], persistent=False)

    def for_arrays(self) -> SplineLayer:
        """The layer in numpy, with the weights that it has now."""
        steepest = -log(SLOPE)
        masks = self.mapped.numpy(), self.seen.numpy(), self.circles.numpy()
        if isinstance(self.conditioner, Constant):
            fixed = SplineKnots.of(self.conditioner.bias.detach().numpy()[None], self.bins, steepest)
            return SplineLayer(*masks, (), fixed, (), self.bins, steepest)
        return SplineLayer(*masks, affine_maps(self.conditioner), None, self.order, self.bins, steepest)

    def splines(self, u: StandardPoints) -> DependentTransform:
        """Zuko's splines, given the CVs in `seen`."""
        return splines(self.conditioner(features(u, self.circles)), self.bins)


def affine_maps(network: nn.Module) -> tuple[Affine, ...]:
    """The affine maps of a network of fully connected layers, in order, with the weights that they have now."""
    linear = [part for part in network.modules() if isinstance(part, Linear | nn.Linear)]
    return tuple((_weights(part).T, part.bias.detach().numpy().copy()) for part in linear)


def _weights(layer: Linear | nn.Linear) -> np.ndarray:
    """A layer's weights, those that a mask takes out as zeros."""
    mask = getattr(layer, "mask", None)
    return (layer.weight if mask is None else layer.weight * mask).detach().numpy().copy()


class AutoregressiveSpline(Architecture):
    """Each CV's spline depends on the CVs before it, in the next layer on those after it; drawing takes D passes.

    Attributes:
        transforms: number of layers.
        hidden: widths of the conditioners' hidden layers; unused with one CV.
        bins: of each spline.
    """

    kind: ClassVar[str] = "spline"

    transforms: Transforms = 3
    hidden: Hidden = (32, 32)
    bins: Bins = 8

    def numbers(self, domains: Sequence[Domain]) -> int:
        outputs = len(domains) * (3 * self.bins - 1)
        if len(domains) == 1:
            return self.transforms * outputs
        return self.transforms * layer_numbers((len(domains) + domains.count(Domain.CIRCLE), *self.hidden, outputs))

    def network(self, domains: Sequence[Domain]) -> Flow:
        order = list(range(len(domains)))
        orders = [order[::-1] if k % 2 else order for k in range(self.transforms)]
        return SplineFlow(domains, [_Autoregressive(domains, order, self) for order in orders])


class _Autoregressive(SplineModule):
    """One spline a CV, whose parameters follow from the CVs that come before it in the order."""

    def __init__(self, domains: Sequence[Domain], order: list[int], sizes: AutoregressiveSpline) -> None:
        rank = torch.tensor(order).argsort()
        circles = torch.tensor([domain is Domain.CIRCLE for domain in domains])
        told = torch.cat([rank, rank[circles]])  # what the features tell about: u or cos of each CV, then sines
        depends = rank[:, None] > told
        outputs = 3 * sizes.bins - 1
        conditioner: nn.Module = (
            MaskedMLP(depends.repeat_interleave(outputs, dim=0), sizes.hidden)
            if depends.any()
            else Constant(len(domains) * outputs)
        )
        everything = torch.ones(len(domains), dtype=torch.bool)
        super().__init__(everything, everything, circles, conditioner, order, sizes.bins)

    def forward(self) -> AutoregressiveTransform:
        """The map as it is with the present weights."""
        return AutoregressiveTransform(self.splines, passes=len(self.order))


class Constant(nn.Module):
    """SplineParameters that depend on nothing, the same for all points: the conditioner of a single CV."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.randn(outputs))

    def forward(self, features: Tensor) -> Tensor:
        """The parameters, as one row."""
        return self.bias[None]


def features(u: StandardPoints, circles: Bool[Tensor, " cvs"]) -> Float[Tensor, "count features"]:
    """What conditioners see: u on lines and boxes and cos(πu/5) on circles, in the CVs' order; then sin(πu/5)."""
    angle = u * (pi / BOUND)
    return torch.cat([torch.where(circles, angle.cos(), u), angle[:, circles].sin()], dim=1)


def splines(parameters: Float[Tensor, "rows _parameters"], bins: int) -> DependentTransform:
    """A spline a CV, from 3 bins - 1 parameters a CV: widths, heights, slopes at the inner knots."""
    shapes = (bins, bins, bins - 1)
    each = parameters.unflatten(1, (-1, sum(shapes)))
    return DependentTransform(MonotonicRQSTransform(*each.split(shapes, dim=2), BOUND, SLOPE), 1)
