"""CVs given as torch functions of atoms' positions."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from math import inf, isfinite
from typing import Any

import numpy as np

from cvflow.core.frames import Positions
from cvflow.core.periodic import into_period
from cvflow.cv.base import AtomsCV
from cvflow.cv.names import checked_name
from cvflow.cv.selection import Atoms, check_group, group
from cvflow.host.faults import USERS_FAULTS, UserFunctionError, brief, said

Function = Callable[[Any], Any]
"""From a batch of positions [nm], a torch Tensor (chains, atoms, 3), to one of values, (chains,)."""


@dataclass(frozen=True)
class TorchCV(AtomsCV):
    """Any torch function of the atoms' positions.

    Attributes:
        atoms: in the order in which the function gets them.
        function: from a batch of positions [nm], (chains, atoms, 3), to (chains,); as CVs of the batch engine are. It
            travels to worker processes by its name, so it stands at the top of a module.
        unit: for tables and axes.
        period: on a circle; the function's value is wrapped.
        limits: values that the function can take.

    Raises:
        ValueError: the function is local or a lambda, the group is empty, or period and limits contradict each other.
    """

    function: Function
    unit: str = ""
    period: float = inf
    limits: tuple[float, float] = (-inf, inf)

    def __post_init__(self) -> None:
        checked_name(self.name)
        check_group(self.name, "a torch function", self.atoms)
        if not callable(self.function):
            raise ValueError(f"CV {self.name}: {brief(self.function)} is no function")
        if "<" in getattr(self.function, "__qualname__", ""):
            raise ValueError(
                f"CV {self.name}: a lambda or a function inside another cannot be sent to worker processes: define it "
                "at the top of a file"
            )
        if not self.period > 0 or (isfinite(self.period) and self.limits != (-inf, inf)):
            raise ValueError(f"CV {self.name}: give a positive period, or a range for a CV on a line")
        if not self.limits[0] < self.limits[1]:
            raise ValueError(f"CV {self.name}: a range is two rising numbers, got {self.limits}")

    @property
    def range(self) -> tuple[float, float]:
        return (-0.5 * self.period, 0.5 * self.period) if isfinite(self.period) else self.limits

    def of_atoms(self, x: Positions) -> tuple[float, Positions]:
        """Raises ValueError if the function does not give one differentiable number a chain."""
        torch: Any = import_module("torch")  # here: processes without such a CV start without it
        batch = torch.from_numpy(np.array(x, dtype=float))[None].requires_grad_()
        try:
            with torch.enable_grad():
                value = self.function(batch)
        except USERS_FAULTS as error:
            raise UserFunctionError(
                f"CV {self.name}: the function fails on positions of shape {tuple(batch.shape)}, float64: {said(error)}"
            ) from error
        if not isinstance(value, torch.Tensor) or value.shape != (1,) or not value.requires_grad:
            got = f"shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__
            raise ValueError(
                f"CV {self.name}: the function must take positions (chains, {len(x)}, 3) to one differentiable number "
                f"a chain, (chains,); for one chain it gives {got}"
            )
        (gradient,) = torch.autograd.grad(value[0], batch)
        return into_period(value[0].item(), self.period), gradient[0].numpy()


def from_torch(
    name: str,
    function: Function,
    atoms: Atoms,
    unit: str = "",
    period: float = inf,
    range: tuple[float, float] = (-inf, inf),
    *,
    periodic: bool = True,
) -> TorchCV:
    """Make a CV of a torch function of positions [nm], from (chains, atoms, 3) to (chains,).

    The engine calls it at every step: it costs some hundred microseconds, where a native CV costs next to nothing.

    Args:
        name: the CV's name in state expressions and files.
        function: defined at the top of a module, so that worker processes find it.
        atoms: indices counted from 0, a selection string, or a list of both.
        unit: for tables and axes.
        period: of a CV on a circle, e.g. 2π for one that ends in `torch.atan2`.
        range: values that the function can take.
        periodic: whether, in a periodic box, molecules are brought together before the function sees them.

    Raises:
        ValueError: as `TorchCV`.
    """
    limits = float(range[0]), float(range[1])
    return TorchCV(name, group(atoms), function, unit, period, limits, periodic=periodic)
