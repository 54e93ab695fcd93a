"""A flow of one's own: each half of the CVs is mapped by splines that the other half sets, in turn."""

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


class HalvesSpline(Architecture):
    """The sizes of the flow: words of `[flow]` in a config, and what a stored flow says of itself.

    Attributes:
        transforms: number of layers; three let every CV depend on every other.
        hidden: widths of the conditioners' hidden layers.
        bins: of each spline.
    """

    kind: ClassVar[str] = "halves-spline"

    transforms: Annotated[int, Field(ge=3, le=100)] = 4
    hidden: Hidden = (32, 32)
    bins: Bins = 8

    def numbers(self, domains: Sequence[Domain]) -> int:
        return sum(layer_numbers(self.widths(domains, layer)) for layer in range(self.transforms))

    def network(self, domains: Sequence[Domain]) -> Flow:
        return SplineFlow(domains, [_Half(domains, layer, self) for layer in range(self.transforms)])

    def widths(self, domains: Sequence[Domain], layer: int) -> tuple[int, ...]:
        """Of a conditioner's layers, from its input to its output; a circle is seen as cosine and sine."""
        seen = set_by(len(domains), layer).tolist()
        inputs = sum(1 + (domain is Domain.CIRCLE) for domain, known in zip(domains, seen, strict=True) if known)
        outputs = seen.count(False) * (3 * self.bins - 1)
        return (inputs, *self.hidden, outputs) if inputs else (0, outputs)


def set_by(cvs: int, layer: int) -> Bool[Tensor, " cvs"]:
    """Which CVs set the splines of the others in a layer: the first half, then the second; none where there is one."""
    first = torch.arange(cvs) < cvs // 2
    return first if layer % 2 == 0 else ~first & torch.tensor(cvs > 1)


class _Half(SplineModule):
    def __init__(self, domains: Sequence[Domain], layer: int, sizes: HalvesSpline) -> None:
        inputs, *hidden, outputs = sizes.widths(domains, layer)
        conditioner: nn.Module = MLP(inputs, outputs, hidden) if inputs else Constant(outputs)
        seen = set_by(len(domains), layer)
        circles = torch.tensor([domain is Domain.CIRCLE for domain in domains])
        super().__init__(~seen, seen, circles, conditioner, (), sizes.bins)

    def forward(self) -> CouplingTransform:
        """The map as it is with the present weights."""
        return CouplingTransform(self.splines, self.seen)
