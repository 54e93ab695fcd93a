"""A potential of torch functions with walls on its CVs."""

from collections.abc import Sequence

import torch
from torch import Tensor

from cvflow.core.walls import Wall
from cvflow.cv.batch import BatchCV
from cvflow.engines.batch.potential import Potential


def walled(potential: Potential, cv: BatchCV, walls: Sequence[Wall]) -> Potential:
    """The potential with walls added, to its derivative too where it has one.

    Raises:
        ValueError: a wall stands on no component of the CV.
    """
    if not walls:
        return potential
    places = [cv.names.index(wall.cv) for wall in walls]

    def beside(points: Tensor) -> Tensor:
        values = cv.value(points.flatten(1))
        return torch.stack([wall.energy(values[:, i]) for wall, i in zip(walls, places, strict=True)]).sum(dim=0)

    derivative = potential.derivative
    if derivative is None:
        return Potential(lambda points: potential.function(points) + beside(points), potential.shape)
    slope = torch.func.grad(lambda points: beside(points).sum())
    return Potential(
        lambda points: potential.function(points) + beside(points),
        potential.shape,
        lambda points: derivative(points) + slope(points),
    )
