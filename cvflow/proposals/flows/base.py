"""What a flow is, and what makes one: a density in standard coordinates, and its sizes as data."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log, pi
from typing import Annotated, ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from cvflow.core.cv_space import Domain
from cvflow.proposals.flows.array_flow import ArrayFlow, LogVolumes, StandardArray
from cvflow.proposals.standard_coordinates import BOUND

StandardPoints = Float[Tensor, "count cvs"]
"""In standard coordinates, a row a point."""

NEAR_IDENTITY = 0.1
"""What a network's random initial weights are multiplied by."""

# Far beyond what is of use: a file that asks for more is damaged, or made to harm.
Transforms = Annotated[int, Field(ge=1, le=100)]
Hidden = Annotated[tuple[Annotated[int, Field(ge=1, le=10_000)], ...], Field(min_length=1, max_length=20, strict=False)]
Bins = Annotated[int, Field(ge=2, le=1000)]


class Flow(nn.Module, ABC):
    """A normalised density on [-5, 5) of each circle, [-5, 5] of each box and all of each line.

    Law: `to_base` and `from_base` undo each other and are differentiable, and circles are closed, so that the density
    is continuous across their ends. The base is normal on lines and uniform on circles and boxes.
    """

    lines: Bool[Tensor, " cvs"]
    circles: Bool[Tensor, " cvs"]

    def __init__(self, domains: Sequence[Domain]) -> None:
        super().__init__()
        self.register_buffer("lines", torch.tensor([domain is Domain.LINE for domain in domains]), persistent=False)
        self.register_buffer("circles", torch.tensor([domain is Domain.CIRCLE for domain in domains]), persistent=False)

    @abstractmethod
    def to_base(self, u: StandardPoints) -> tuple[StandardPoints, Float[Tensor, " count"]]:
        """Map standard coordinates to the base; with the log of the map's volume change, differentiable in weights."""

    @abstractmethod
    def from_base(self, base: StandardPoints) -> StandardPoints:
        """Map draws of the base density to draws of the flow, point by point."""

    def log_density(self, u: StandardPoints) -> Float[Tensor, " count"]:
        """Log density in nats, of the volume in standard coordinates; differentiable in the weights."""
        base, log_volume = self.to_base(u)
        normal = -0.5 * (base**2 + log(2 * pi))
        return log_volume + torch.where(self.lines, normal, -log(2 * BOUND)).sum(dim=1)

    def small_at_first(self) -> Iterable[nn.Parameter]:
        """Which weights are made small in a new flow, so that it begins near the identity; all, if nothing else."""
        return self.parameters()

    many_steps: ClassVar[int] = 1
    """Steps of training in the place of each: more for a loss that is cheap and noisy."""

    def loss(self, u: StandardPoints, rng: np.random.Generator) -> Float[Tensor, ""]:
        """What training makes small, for a batch of samples: -⟨ln f⟩, if nothing else."""
        return -self.log_density(u).mean()

    def for_arrays(self) -> ArrayFlow:
        """The flow for points as arrays, with the weights that it has now. Law: the same numbers, but for rounding."""
        return TorchArrayFlow(self)


@dataclass(frozen=True)
class TorchArrayFlow:
    """A flow for points as arrays, computed by itself."""

    flow: Flow

    def log_density(self, u: StandardArray) -> LogVolumes:
        """Log density in nats, of the volume in standard coordinates."""
        with torch.no_grad():
            return np.asarray(self.flow.log_density(torch.from_numpy(u)))

    def from_base(self, base: StandardArray) -> StandardArray:
        """Map draws of the base density to draws of the flow, point by point."""
        with torch.no_grad():
            return np.asarray(self.flow.from_base(torch.from_numpy(base)))


class Architecture(BaseModel):
    """The sizes of a flow: words of `[flow]` in a config, and what a stored flow says of itself.

    Law: `numbers` is the count of the parameters of what `build` makes.

    Attributes:
        kind: the architecture's own word, in configs and in files.

    Raises:
        pydantic.ValidationError: a ValueError; a size is of another type or out of range, or there is no such size.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: ClassVar[str]

    @abstractmethod
    def numbers(self, domains: Sequence[Domain]) -> int:
        """How many weights and biases a flow over such CVs has; told without making it, for files may lie.

        Raises:
            ValueError: there is no flow of this kind over such CVs. A run asks before anything is computed.
        """

    @abstractmethod
    def network(self, domains: Sequence[Domain]) -> Flow:
        """A flow over such CVs with weights as torch's generator draws them."""

    def build(self, domains: Sequence[Domain]) -> Flow:
        """A flow over such CVs in double precision, near the identity; draw it inside a fence (`torch_streams`)."""
        flow = self.network(domains).double()
        with torch.no_grad():
            for parameter in flow.small_at_first():
                parameter.mul_(NEAR_IDENTITY)
        return flow


def layer_numbers(sizes: Sequence[int]) -> int:
    """Weights and biases of fully connected layers, from the width of the input to that of the output."""
    return sum((before + 1) * after for before, after in pairwise(sizes))
