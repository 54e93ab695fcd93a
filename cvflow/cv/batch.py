"""Collective variables of a batch of configurations, as torch functions.

Configurations are flat here, (chains, dof). A CV may have several components, each with a name, a range and, if it
lives on a circle, a period.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cvflow.core.fixed_tensor import FixedTensor
from cvflow.cv.names import checked_name

Batch = Float[Tensor, "chains dof"]
Each = Float[Tensor, " chains"]
Points = Float[Tensor, "chains cvs"]
Jacobians = Float[Tensor, "chains cvs dof"]


class BatchCV(ABC):
    """A differentiable map from configurations to points in CV space.

    Law: a chain's value depends on that chain alone, and `jacobian` is its derivative.
    """

    names: tuple[str, ...]
    """Names of the components, used in state expressions, COLVAR, fes.dat and figures."""
    periods: tuple[float, ...]
    """Period of each component; infinite for one that lives on a line."""
    ranges: tuple[tuple[float, float], ...]
    """Values that each component can take; a configuration outside does not exist."""

    @abstractmethod
    def value(self, x: Batch) -> Points:
        """ξ of each chain; periodic components in [-period/2, period/2)."""

    @abstractmethod
    def jacobian(self, x: Batch) -> Jacobians:
        """∂ξ/∂x of each chain."""

    def wrapped(self, difference: Tensor) -> Tensor:
        """A difference of two values, or a value, brought into half a period around zero."""
        if all(period == inf for period in self.periods):
            return difference
        columns = [
            column if period == inf else column - period * torch.round(column / period)
            for column, period in zip(difference.unbind(dim=-1), self.periods, strict=True)
        ]
        return torch.stack(columns, dim=-1)


class SplitCV(BatchCV):
    """A CV that splits a configuration into itself and the rest: x = (z, y).

    Law: value(place(x, z)) = z, place changes nothing of y, and project(v) is the part of v that moves y alone.
    """

    @abstractmethod
    def place(self, x: Batch, z: Points) -> Batch:
        """The configuration with the CV set to z and the rest left as it is."""

    @abstractmethod
    def project(self, v: Batch) -> Batch:
        """A displacement, momentum or gradient without its part along the CV."""


@dataclass(frozen=True)
class Coordinates(SplitCV):
    """Some of the coordinates themselves.

    Attributes:
        names: one name a component.
        index: which coordinates, counted from 0 in the flattened configuration.
        dof: numbers in one configuration.

    Raises:
        ValueError: an index is out of range or named twice, or names and indices do not match.
    """

    names: tuple[str, ...]
    index: tuple[int, ...]
    dof: int
    _columns: Int[Tensor, " cvs"] = field(init=False, repr=False, compare=False)
    _rest: FixedTensor = field(init=False, repr=False, compare=False)
    _selection: FixedTensor = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in self.names:
            checked_name(name)
        if len(self.names) != len(self.index):
            raise ValueError(f"a coordinate CV needs one name for each of its coordinates, got {self.names}")
        if len(set(self.index)) != len(self.index):
            raise ValueError(f"a coordinate CV names a coordinate twice: {self.index}")
        if not all(0 <= i < self.dof for i in self.index):
            raise ValueError(f"coordinates are counted from 0 to {self.dof - 1}, got {self.index}")
        # Made here and not when first used: torch.compile does not see through a cached property's lock.
        columns = torch.tensor(self.index, dtype=torch.int64)
        selection = torch.eye(self.dof, dtype=torch.float64)[columns]
        object.__setattr__(self, "_columns", columns)
        object.__setattr__(self, "_selection", FixedTensor(selection))
        object.__setattr__(self, "_rest", FixedTensor(1.0 - selection.sum(dim=0)))

    @property
    def periods(self) -> tuple[float, ...]:  # type: ignore[override]
        return (inf,) * len(self.index)

    @property
    def ranges(self) -> tuple[tuple[float, float], ...]:  # type: ignore[override]
        return ((-inf, inf),) * len(self.index)

    def value(self, x: Batch) -> Points:
        return x.index_select(1, self._columns.to(x.device))

    def jacobian(self, x: Batch) -> Jacobians:
        return self._selection.like(x).expand(len(x), -1, -1)

    def place(self, x: Batch, z: Points) -> Batch:
        rest, selection = self._rest.like(x), self._selection.like(x)
        placed = x * rest
        for i in range(len(self.index)):
            placed = placed + z[:, i : i + 1] * selection[i]
        return placed

    def project(self, v: Batch) -> Batch:
        return v * self._rest.like(v)


@dataclass(frozen=True)
class LinearCV(SplitCV):
    """Orthonormal linear combinations of the coordinates, such as a Haar coefficient of a lattice field.

    Attributes:
        names: one name a component.
        rows: the combinations as rows, (cvs, dof): orthonormal.

    Raises:
        ValueError: the rows are not orthonormal, or names and rows do not match.
    """

    names: tuple[str, ...]
    rows: tuple[tuple[float, ...], ...]
    _matrix: FixedTensor = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in self.names:
            checked_name(name)
        if len(self.names) != len(self.rows):
            raise ValueError(f"a linear CV needs one name for each of its {len(self.rows)} rows, got {self.names}")
        rows = torch.tensor(self.rows, dtype=torch.float64)
        object.__setattr__(self, "_matrix", FixedTensor(rows))
        if not torch.allclose(rows @ rows.T, torch.eye(len(rows), dtype=rows.dtype), atol=1e-10):
            raise ValueError("the rows of a linear CV must be orthonormal")

    @property
    def periods(self) -> tuple[float, ...]:  # type: ignore[override]
        return (inf,) * len(self.rows)

    @property
    def ranges(self) -> tuple[tuple[float, float], ...]:  # type: ignore[override]
        return ((-inf, inf),) * len(self.rows)

    def value(self, x: Batch) -> Points:
        return _along(x, self._matrix.like(x))

    def jacobian(self, x: Batch) -> Jacobians:
        return self._matrix.like(x).expand(len(x), -1, -1)

    def place(self, x: Batch, z: Points) -> Batch:
        rows = self._matrix.like(x)
        return x + _spread(z - _along(x, rows), rows)

    def project(self, v: Batch) -> Batch:
        rows = self._matrix.like(v)
        return v - _spread(_along(v, rows), rows)


def everything_free(dof: int) -> Coordinates:
    """The CV without components: all of the configuration is the rest, as local moves have it."""
    return Coordinates((), (), dof)


def _along(x: Batch, rows: Float[Tensor, "cvs dof"]) -> Points:
    """Components along the rows, as sums that fuse with what surrounds them (a matrix product would not)."""
    return torch.stack([(x * row).sum(dim=1) for row in rows.unbind()], dim=1)


def _spread(z: Points, rows: Float[Tensor, "cvs dof"]) -> Batch:
    return torch.stack([z[:, i : i + 1] * row for i, row in enumerate(rows.unbind())]).sum(dim=0)


@dataclass(frozen=True)
class FunctionCV(BatchCV):
    """Any torch function of the configuration.

    Attributes:
        names: one name a component.
        function: ξ, from (chains, *shape) to (chains, components) or, with one component, to (chains,).
        shape: shape of one configuration.
        periods: period of each component, infinite on a line; all on a line if left out.
        ranges: values that each component can take; unbounded if left out.
        derivative: ∂ξ/∂x, from (chains, *shape) to (chains, components, *shape); by automatic differentiation if left
            out.

    Raises:
        ValueError: the numbers of names, periods and ranges differ.
    """

    names: tuple[str, ...]
    function: Callable[[Tensor], Tensor]
    shape: tuple[int, ...]
    periods: tuple[float, ...] = ()
    ranges: tuple[tuple[float, float], ...] = ()
    derivative: Callable[[Tensor], Tensor] | None = None

    def __post_init__(self) -> None:
        for name in self.names:
            checked_name(name)
        object.__setattr__(self, "periods", self.periods or (inf,) * len(self.names))
        object.__setattr__(self, "ranges", self.ranges or ((-inf, inf),) * len(self.names))
        if len(self.periods) != len(self.names) or len(self.ranges) != len(self.names):
            raise ValueError(f"a CV needs one period and one range for each of its names {', '.join(self.names)}")

    def value(self, x: Batch) -> Points:
        return self.function(x.unflatten(1, self.shape)).reshape(len(x), -1)

    def jacobian(self, x: Batch) -> Jacobians:
        if self.derivative is not None:
            return self.derivative(x.unflatten(1, self.shape)).flatten(2)
        value, pull = torch.func.vjp(self.value, x)  # type: ignore[misc]
        rows = []
        for i in range(len(self.names)):
            seed = torch.zeros_like(value)
            seed[:, i] = 1.0
            rows.append(pull(seed)[0])
        return torch.stack(rows, dim=1)
