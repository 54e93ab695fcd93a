"""Linear combinations of CVs."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isfinite

from cvflow.core.frames import Frame
from cvflow.core.periodic import into_period
from cvflow.cv.base import CollectiveVariable, Particles, checked_name, checked_unit
from cvflow.cv.selection import AtomNames


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
    """Linear combination of CVs, given with their coefficients: ``{d1: 1.0, d2: -1.0}``."""
    return Combination(name, tuple(float(c) for c in terms.values()), tuple(terms), unit, period)


def _whole(number: float) -> bool:
    return abs(number - round(number)) < 1e-9 and round(number) != 0
