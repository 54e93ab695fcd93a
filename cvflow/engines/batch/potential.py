"""A potential over a batch of configurations, with its gradient: what the batch engine moves chains in."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from cvflow.cv.batch import Batch, Each


@dataclass(frozen=True)
class Potential:
    """U(x) for many chains at once.

    Configurations are flat inside cvflow, (chains, dof); `function` and `derivative` see them as (chains, *shape).

    Attributes:
        function: U, from (chains, *shape) to (chains,). Each chain's energy must depend on that chain alone.
        shape: shape of one configuration, such as (20,) or (100, 2).
        derivative: ∂U/∂x, from (chains, *shape) to the same shape; by automatic differentiation if left out.
    """

    function: Callable[[Tensor], Tensor]
    shape: tuple[int, ...]
    derivative: Callable[[Tensor], Tensor] | None = None

    @property
    def dof(self) -> int:
        """Numbers in one configuration."""
        return prod(self.shape)

    def energy(self, x: Batch) -> Each:
        """U of each chain."""
        return self.function(x.unflatten(1, self.shape))

    def gradient(self, x: Batch) -> Batch:
        """∂U/∂x of each chain."""
        if self.derivative is not None:
            return self.derivative(x.unflatten(1, self.shape)).flatten(1)
        return torch.func.grad(lambda points: self.energy(points).sum())(x)

    def energy_and_gradient(self, x: Batch) -> tuple[Each, Batch]:
        """Both; one evaluation where automatic differentiation gives the gradient."""
        if self.derivative is not None:
            return self.energy(x), self.gradient(x)

        def total(points: Tensor) -> tuple[Tensor, Tensor]:
            energy = self.energy(points)
            return energy.sum(), energy

        gradient, energy = torch.func.grad(total, has_aux=True)(x)
        return energy, gradient
