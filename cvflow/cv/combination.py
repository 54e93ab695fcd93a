"""Linear combinations of CVs."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isfinite

import numpy as np
import openmm

from cvflow.core.frames import Frame, Positions
from cvflow.core.periodic import into_period
from cvflow.core.state_bounds import Reach
from cvflow.cv.base import CollectiveVariable, Particles, checked_unit
from cvflow.cv.names import checked_name
from cvflow.cv.openmm_force import Energy, algebra
from cvflow.cv.selection import AtomNames

MOST_TERMS = 32
"""Of an OpenMM CustomCVForce."""


@dataclass(frozen=True)
class Combination(CollectiveVariable):
    """Σ_i c_i ξ_i, on a line or, with a period, on a circle.

    The unit is that of the terms where they have it in common, and free where they have not.

    Raises:
        ValueError: no terms, another unit than the terms', or a term on a circle whose turns the combination would see:
            c_i times its period must be a whole number of the combination's periods.
    """

    name: str
    coefficients: tuple[float, ...]
    terms: tuple[CollectiveVariable, ...]
    unit: str = ""
    period: float = inf

    def __post_init__(self) -> None:
        checked_name(self.name)
        if not self.terms or len(self.coefficients) != len(self.terms):
            raise ValueError(
                f"CV {self.name}: a combination needs one coefficient a term, got {len(self.coefficients)} for "
                f"{len(self.terms)}"
            )
        (common, *others) = {term.unit for term in self.terms}
        if common and not others:
            checked_unit(self.name, self.unit, common)
        if not self.period > 0:
            raise ValueError(f"CV {self.name}: a period must be positive, got {self.period}")
        for coefficient, term in zip(self.coefficients, self.terms, strict=True):
            if isfinite(term.period) and not _whole(coefficient * term.period / self.period):
                raise ValueError(
                    f"CV {self.name}: {coefficient} times the period of {term.name} is no multiple of the "
                    f"combination's period ({self.period}): the combination would jump where {term.name} is wrapped"
                )

    @property
    def highest_atom(self) -> int:
        return max(term.highest_atom for term in self.terms)

    def evaluate(self, frame: Frame) -> float:
        pairs = zip(self.coefficients, self.terms, strict=True)
        return into_period(sum(coefficient * term.evaluate(frame) for coefficient, term in pairs), self.period)

    def value_and_gradient(self, frame: Frame) -> tuple[float, Positions]:
        parts = [term.value_and_gradient(frame) for term in self.terms]
        pairs = list(zip(self.coefficients, parts, strict=True))
        value = sum(coefficient * value for coefficient, (value, _) in pairs)
        gradient = np.sum([coefficient * slope for coefficient, (_, slope) in pairs], axis=0)
        return into_period(value, self.period), gradient

    def openmm_force(self, energy: Energy) -> openmm.Force:
        """Raises ValueError if there are more terms than OpenMM takes."""
        if len(self.terms) > MOST_TERMS:
            raise ValueError(
                f"CV {self.name}: OpenMM takes at most {MOST_TERMS} terms in one combination, got {len(self.terms)}: "
                "make combinations of combinations"
            )
        names = [f"cvflow_term{i}" for i in range(len(self.terms))]
        total = "+".join(f"({float(factor)!r})*{name}" for factor, name in zip(self.coefficients, names, strict=True))
        terms = {name: term.openmm_force(str) for name, term in zip(names, self.terms, strict=True)}
        return algebra(energy(f"({total})"), terms)

    @property
    def parts(self) -> tuple[CollectiveVariable, ...]:
        return tuple(part for term in self.terms for part in term.parts)

    @property
    def grows(self) -> Reach:
        """As its terms do, each by the sign of its coefficient."""
        ends = [[c * term.grows.low if term.grows.low else 0.0, c * term.grows.high if term.grows.high else 0.0]
                for c, term in zip(self.coefficients, self.terms, strict=True) if c]  # fmt: skip
        return Reach(min(min(pair) for pair in ends), max(max(pair) for pair in ends)) if ends else Reach(0.0, 0.0)

    def let_time_pass(self) -> None:
        for term in self.terms:
            term.let_time_pass()

    def resolved(self, names: AtomNames) -> "Combination":
        terms = tuple(term.resolved(names) for term in self.terms)
        return Combination(self.name, self.coefficients, terms, self.unit, self.period)

    def among(self, particles: Particles) -> "Combination":
        terms = tuple(term.among(particles) for term in self.terms)
        return Combination(self.name, self.coefficients, terms, self.unit, self.period)


def combination(
    name: str, terms: Mapping[CollectiveVariable, float], unit: str = "", period: float = inf
) -> Combination:
    """Linear combination of CVs, given with their coefficients: ``{d1: 1.0, d2: -1.0}``.

    Args:
        name: of the combination.
        terms: each CV with its coefficient, a number; the CVs count in their own units.
        unit: of the combination, for tables and axes.
        period: in that unit, of a combination on a circle.

    Raises:
        ValueError: as `Combination`.
    """
    return Combination(name, tuple(float(c) for c in terms.values()), tuple(terms), unit, period)


def _whole(number: float) -> bool:
    return abs(number - round(number)) < 1e-9 and round(number) != 0
