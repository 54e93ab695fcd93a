"""Solvers of the position constraint: find μ with ξ(x + D μ) = z, D = M⁻¹ ∇ξ at the step's start."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from cvflow.cv.batch import Batch, BatchCV, Jacobians, Points


class Projection(NamedTuple):
    """Where a projection ended, and for which chains it got there."""

    x: Float[Tensor, "chains dof"]
    converged: Bool[Tensor, " chains"]


@runtime_checkable
class ConstraintSolver(Protocol):
    """What solves the constraint.

    Law: a pure function of its arguments, so that the reverse step can be solved as it would be.
    """

    def project(self, cv: BatchCV, x: Batch, directions: Jacobians, target: Points) -> Projection:
        """Move x along the directions until the CV has the target value.

        Args:
            cv: the CV.
            x: configurations after the unconstrained drift.
            directions: M⁻¹ ∇ξ at the start of the step.
            target: the CV's value to reach.

        Returns:
            The configurations, and which of them meet the target; one that does not is a failed path.
        """


@dataclass(frozen=True)
class Newton(ConstraintSolver):
    """Newton's method from μ = 0, for any CV.

    Attributes:
        iterations: at most.
        tolerance: on the CV, relative to its size where that is above one; that of the floating-point type if left out.
    """

    iterations: int = 12
    tolerance: float | None = None

    def project(self, cv: BatchCV, x: Batch, directions: Jacobians, target: Points) -> Projection:
        tolerance = (self.tolerance or default_tolerance(x.dtype)) * (1 + target.abs())
        for _ in range(self.iterations):
            residual = cv.wrapped(cv.value(x) - target)
            open_ = (residual.abs() > tolerance).any(dim=1)
            if not torch.compiler.is_compiling() and not bool(open_.any()):
                break
            slope = cv.jacobian(x) @ directions.transpose(1, 2)
            step = _solved(slope, residual)
            moved = x - (directions * step[:, :, None]).sum(dim=1)
            x = torch.where(open_[:, None], moved, x)
        residual = cv.wrapped(cv.value(x) - target)
        return Projection(x, (residual.abs() <= tolerance).all(dim=1))


@dataclass(frozen=True)
class QuadraticDistance(ConstraintSolver):
    """The closed form for ξ = (|x_a - x_b| - offset)/scale: the nearer of the two roots of a quadratic.

    Attributes:
        first: index of atom a's first coordinate in the flattened configuration.
        second: that of atom b.
        dimensions: coordinates an atom.
        scale: as in ξ.
        offset: as in ξ.
        box: side of a periodic box, or none.

    Source: docs/theory.md, section 7.
    """

    first: int
    second: int
    dimensions: int
    scale: float
    offset: float
    box: float | None = None

    def project(self, cv: BatchCV, x: Batch, directions: Jacobians, target: Points) -> Projection:
        separation, along = self._apart(x, self.box), self._apart(directions[:, 0], None)
        length = self.scale * target[:, 0] + self.offset
        a = (along * along).sum(dim=1)
        b = (separation * along).sum(dim=1)
        c = (separation * separation).sum(dim=1) - length * length
        discriminant = b * b - a * c
        # The root nearer to zero, written without the difference of two nearly equal numbers.
        root = torch.sqrt(discriminant.clamp(min=0))
        mu = -c / (b + torch.where(b > 0, root, -root))
        reached = x + mu[:, None] * directions[:, 0]
        return Projection(reached, (discriminant >= 0) & (length > 0) & torch.isfinite(mu))

    def _apart(self, x: Batch, box: float | None) -> Float[Tensor, "chains dimensions"]:
        apart = x[:, self.first : self.first + self.dimensions] - x[:, self.second : self.second + self.dimensions]
        return apart if box is None else apart - box * torch.round(apart / box)


def default_tolerance(dtype: torch.dtype) -> float:
    """How closely a solver can be asked to meet its target."""
    return 1e-10 if dtype == torch.float64 else 2e-5


def _solved(slope: Float[Tensor, "chains cvs cvs"], residual: Points) -> Points:
    """Slope⁻¹ residual; one component needs no factorisation."""
    if slope.shape[1] == 1:
        return residual / slope[:, 0]
    # A singular slope gives numbers that are not finite instead of an exception for the whole batch.
    return torch.linalg.solve_ex(slope, residual).result
