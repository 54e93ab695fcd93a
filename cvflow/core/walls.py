"""Walls: what keeps a CV on one side of a value, as a part of the potential."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

HIGHEST_EXPONENT = 12
"""Of a wall: beyond it a path's time step has nothing to go by."""

CVValue = Any
"""A number, or numpy's or torch's array of them."""


@dataclass(frozen=True)
class Wall:
    """The energy u(ξ) = κ |ξ - a|ⁿ where the CV ξ is beyond a, and zero elsewhere: n = 2 has no ½ in it.

    Attributes:
        cv: the CV's name.
        at: a, in the CV's unit.
        kappa: κ [kJ/mol per CV unit to the power of n].
        exponent: n.
        upper: whether beyond is above, and not below.

    Raises:
        ValueError: a number is out of range.

    Source: PLUMED's UPPER_WALLS and LOWER_WALLS with EPS = 1 and OFFSET = 0.
    """

    cv: str
    at: float
    kappa: float
    exponent: int = 2
    upper: bool = True

    def __post_init__(self) -> None:
        if not isfinite(self.at):
            raise ValueError(f"the wall on {self.cv} stands at {self.at}: give a number")
        if not 0 < self.kappa < inf:
            raise ValueError(f"the wall on {self.cv}: kappa must be positive, got {self.kappa}")
        if not 2 <= self.exponent <= HIGHEST_EXPONENT:
            raise ValueError(
                f"the wall on {self.cv}: exponent is a whole number from 2, where its force has no jump, to "
                f"{HIGHEST_EXPONENT}, got {self.exponent}"
            )

    def energy(self, value: CVValue) -> CVValue:
        """U [kJ/mol] of values of the CV."""
        return self.kappa * self._beyond(value) ** self.exponent

    def slope(self, value: CVValue) -> CVValue:
        """∂u/∂ξ [kJ/mol per CV unit]."""
        return self._sign * self.exponent * self.kappa * self._beyond(value) ** (self.exponent - 1)

    def expression(self, value: str) -> str:
        """U as OpenMM writes it, of the CV under this name."""
        return f"{float(self.kappa)!r}*max(0,{self._sign}*({value}-({float(self.at)!r})))^{self.exponent}"

    @property
    def plumed(self) -> str:
        """PLUMED's action, of a value with the CV's name as its label."""
        action = "UPPER_WALLS" if self.upper else "LOWER_WALLS"
        return f"{action} ARG={self.cv} AT={float(self.at)!r} KAPPA={float(self.kappa)!r} EXP={self.exponent}"

    @property
    def words(self) -> str:
        """For people."""
        side = f"{self.cv} > {self.at:g}" if self.upper else f"{self.cv} < {self.at:g}"
        return f"wall where {side}: {self.kappa:g} |{self.cv} - {self.at:g}|^{self.exponent} kJ/mol"

    @property
    def _sign(self) -> int:
        return 1 if self.upper else -1

    def _beyond(self, value: CVValue) -> CVValue:
        """How far the CV is beyond a, or zero: of numbers and arrays alike."""
        apart = self._sign * (value - self.at)
        return 0.5 * (apart + abs(apart))


def wall(cv: str, *, upper: float | None = None, lower: float | None = None, kappa: float, exponent: int = 2) -> Wall:
    """A wall on a CV: above `upper`, or below `lower`, the energy κ |ξ - a|ⁿ is added to the potential.

    Args:
        cv: the CV's name.
        upper: where the wall begins, in the CV's unit, for one that holds the CV below.
        lower: the same, for one that holds it above.
        kappa: κ [kJ/mol per CV unit to the power of n]; with n = 2 there is no ½ in it, as in PLUMED.
        exponent: n, from 2.

    Raises:
        ValueError: both or neither of `upper` and `lower` are given, or a number is out of range.
    """
    if (upper is None) == (lower is None):
        raise ValueError(f"the wall on {cv}: give upper = where it begins, or lower, and a second wall for the other")
    if upper is not None:
        return Wall(cv, float(upper), float(kappa), exponent, upper=True)
    return Wall(cv, float(lower or 0.0), float(kappa), exponent, upper=False)


def check_walls(walls: Sequence[Wall], periods: Mapping[str, float]) -> None:
    """Check that walls stand on CVs that are there, on a line, and leave room between them.

    Args:
        walls: of a run.
        periods: of its CVs by name, infinite on a line.

    Raises:
        ValueError: they do not.
    """
    for each in walls:
        if each.cv not in periods:
            raise ValueError(f"wall: no CV is called {each.cv!r}; the CVs are {', '.join(periods)}")
        if isfinite(periods[each.cv]):
            raise ValueError(f"the wall on {each.cv} is refused: {each.cv} lives on a circle, which has no ends")
    for cv in periods:
        low = max((each.at for each in walls if each.cv == cv and not each.upper), default=-inf)
        high = min((each.at for each in walls if each.cv == cv and each.upper), default=inf)
        if not low < high:
            raise ValueError(f"the walls on {cv} leave no room: the upper one stands at {high:g}, the lower at {low:g}")
