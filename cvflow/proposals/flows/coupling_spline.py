"""Coupling layers of rational-quadratic splines: half of the CVs are mapped by splines that the other half sets.

Written out in docs/flow.md. Source: Durkan et al., NeurIPS 2019.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar

import torch
from jaxtyping import Bool
from pydantic import Field
from torch import Tensor, nn
from zuko.nn import MLP
from zuko.transforms import CouplingTransform

from cvflow.core.cv_space import Domain
from cvflow.proposals.flows.base import Architecture, Bins, Flow, Hidden, layer_numbers
from cvflow.proposals.flows.spline import Constant, SplineFlow, SplineModule


class CouplingSpline(Architecture):
    """CVs at odd places are mapped by splines that those at even places set, in the next layer the other way round.

    A draw takes one pass a layer, whatever the number of CVs.

    Attributes:
        transforms: number of layers; two map every CV once.
        hidden: widths of the conditioners' hidden layers; unused with one CV, which every layer maps.
        bins: of each spline.
    """

    kind: ClassVar[str] = "coupling-spline"

    transforms: Annotated[int, Field(ge=2, le=100)] = 6
    hidden: Hidden = (32, 32)
    bins: Bins = 8

    def numbers(self, domains: Sequence[Domain]) -> int:
        return sum(layer_numbers(self.widths(domains, layer)) for layer in range(self.transforms))

    def network(self, domains: Sequence[Domain]) -> Flow:
        return SplineFlow(domains, [_Coupling(domains, layer, self) for layer in range(self.transforms)])

    def widths(self, domains: Sequence[Domain], layer: int) -> tuple[int, ...]:
        """Of a conditioner's layers, from its input to its output."""
        given = conditioning(len(domains), layer).tolist()
        inputs = sum((1 + (domain is Domain.CIRCLE)) * known for domain, known in zip(domains, given, strict=True))
        outputs = given.count(False) * (3 * self.bins - 1)
        return (inputs, *self.hidden, outputs) if inputs else (0, outputs)


def conditioning(cvs: int, layer: int) -> Bool[Tensor, " cvs"]:
    """Which CVs set the maps of the others in a layer."""
    return (torch.arange(cvs) % 2 == layer % 2) & torch.tensor(cvs > 1)


class _Coupling(SplineModule):
    """Splines of one half of the CVs, whose parameters follow from the other half."""

    def __init__(self, domains: Sequence[Domain], layer: int, sizes: CouplingSpline) -> None:
        inputs, *hidden, outputs = sizes.widths(domains, layer)
        conditioner: nn.Module = MLP(inputs, outputs, hidden) if inputs else Constant(outputs)
        given = conditioning(len(domains), layer)
        circles = torch.tensor([domain is Domain.CIRCLE for domain in domains])
        super().__init__(~given, given, circles, conditioner, (), sizes.bins)

    def forward(self) -> CouplingTransform:
        """The map as it is with the present weights."""
        return CouplingTransform(self.splines, self.seen)
