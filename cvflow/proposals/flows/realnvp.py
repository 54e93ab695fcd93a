"""Affine coupling layers: half of the CVs are stretched and shifted by what the other half says.

Sources: Dinh, Sohl-Dickstein, Bengio, ICLR 2017 (RealNVP); zuko's transforms. Written out in docs/flow.md.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log, pi
from typing import Annotated, ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn
from zuko.nn import MLP
from zuko.transforms import CouplingTransform, DependentTransform, MonotonicAffineTransform

from cvflow.core.cv_space import Domain
from cvflow.proposals.flows.array_flow import Affine, LogVolumes, OfEachCV, StandardArray, through
from cvflow.proposals.flows.base import Architecture, Flow, Hidden, StandardPoints, layer_numbers
from cvflow.proposals.flows.coupling_spline import conditioning
from cvflow.proposals.flows.spline import affine_maps

STRONGEST = 0.1
"""A layer stretches by a factor between this and its inverse."""


class RealNVP(Architecture):
    """CVs at odd places are stretched and shifted as those at even places say, in the next layer the other way round.

    Of all architectures the cheapest; on lines alone, and for two CVs at least, since one by itself would be a normal
    density.

    Attributes:
        transforms: number of layers; two map every CV once.
        hidden: widths of the conditioners' hidden layers.
    """

    kind: ClassVar[str] = "realnvp"

    transforms: Annotated[int, Field(ge=2, le=100)] = 8
    hidden: Hidden = (32, 32)

    def numbers(self, domains: Sequence[Domain]) -> int:
        if len(domains) < 2 or any(domain is not Domain.LINE for domain in domains):
            raise ValueError('it is for two CVs and more without periods or bounds; "spline" takes any')
        return sum(layer_numbers(self.widths(len(domains), layer)) for layer in range(self.transforms))

    def network(self, domains: Sequence[Domain]) -> Flow:
        return AffineFlow(domains, [_Affine(len(domains), layer, self) for layer in range(self.transforms)])

    def widths(self, cvs: int, layer: int) -> tuple[int, ...]:
        """Of a conditioner's layers, from its input to its output."""
        inputs = int(conditioning(cvs, layer).sum())
        return (inputs, *self.hidden, 2 * (cvs - inputs))


class AffineFlow(Flow):
    """Layers that stretch and shift, on lines."""

    def __init__(self, domains: Sequence[Domain], layers: "Iterable[_Affine]") -> None:
        super().__init__(domains)
        self.layers = nn.ModuleList(layers)

    def to_base(self, u: StandardPoints) -> tuple[StandardPoints, Float[Tensor, " count"]]:
        total = torch.zeros_like(u[:, 0])
        for layer in self.layers:
            u, log_stretch = layer().call_and_ladj(u)
            total = total + log_stretch
        return u, total

    def from_base(self, base: StandardPoints) -> StandardPoints:
        u = base
        for layer in reversed(self.layers):
            u = layer().inv(u)
        return u

    def for_arrays(self) -> "AffineArrayFlow":
        return AffineArrayFlow(tuple(layer.for_arrays() for layer in self.layers if isinstance(layer, _Affine)))


class _Affine(nn.Module):
    """A layer. Called, it gives zuko's transform of all CVs."""

    seen: Bool[Tensor, " cvs"]

    def __init__(self, cvs: int, layer: int, sizes: RealNVP) -> None:
        super().__init__()
        inputs, *hidden, outputs = sizes.widths(cvs, layer)
        self.conditioner = MLP(inputs, outputs, hidden)
        self.register_buffer("seen", conditioning(cvs, layer), persistent=False)

    def forward(self) -> CouplingTransform:
        """The map as it is with the present weights."""
        return CouplingTransform(self._stretches, self.seen)

    def for_arrays(self) -> "AffineLayer":
        """The layer in numpy, with the weights that it has now."""
        return AffineLayer(self.seen.numpy(), affine_maps(self.conditioner))

    def _stretches(self, u: StandardPoints) -> DependentTransform:
        shift, stretch = self.conditioner(u).chunk(2, dim=1)
        return DependentTransform(MonotonicAffineTransform(shift, stretch, STRONGEST), 1)


@dataclass(frozen=True)
class AffineLayer:
    """A layer's map in numpy.

    Attributes:
        seen: which CVs say how the others are stretched and shifted.
        conditioner: its affine maps, with a rectifier between two of them.
    """

    seen: OfEachCV
    conditioner: Sequence[Affine]

    def forward(self, u: StandardArray) -> tuple[StandardArray, LogVolumes]:
        """The image and the log of the volume change."""
        shift, log_stretch = self._said(u)
        image = u.copy()
        image[:, ~self.seen] = u[:, ~self.seen] * np.exp(log_stretch) + shift
        return image, log_stretch.sum(axis=1)

    def back(self, y: StandardArray) -> StandardArray:
        """The point whose image is y."""
        shift, log_stretch = self._said(y)
        u = y.copy()
        u[:, ~self.seen] = (y[:, ~self.seen] - shift) / np.exp(log_stretch)
        return u

    def _said(self, u: StandardArray) -> list[Float[np.ndarray, "count others"]]:
        shift, stretch = np.split(through(self.conditioner, u[:, self.seen]), 2, axis=1)
        return [shift, stretch / (1 + np.abs(stretch / log(STRONGEST)))]


@dataclass(frozen=True)
class AffineArrayFlow:
    """A flow of such layers.

    Attributes:
        layers: from the standard coordinates to the base.
    """

    layers: tuple[AffineLayer, ...]

    def log_density(self, u: StandardArray) -> LogVolumes:
        """Log density in nats, of the volume in standard coordinates."""
        total = np.zeros(len(u))
        for layer in self.layers:
            u, log_volume = layer.forward(u)
            total += log_volume
        return total - 0.5 * (u * u + log(2 * pi)).sum(axis=1)

    def from_base(self, base: StandardArray) -> StandardArray:
        """Map draws of the base density to draws of the flow, point by point."""
        u = base
        for layer in reversed(self.layers):
            u = layer.back(u)
        return u
