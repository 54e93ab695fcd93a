"""The space of the CVs: what each is called and measured in, and what values it can take."""

from dataclasses import dataclass, replace
from enum import Enum
from math import inf

import numpy as np


class Domain(Enum):
    """What one CV's values fill: all numbers, a circle, or an interval with two ends."""

    LINE = "line"
    CIRCLE = "circle"
    BOX = "box"


@dataclass(frozen=True)
class CVSpace:
    """The space of the CVs, one entry of each field a CV.

    Attributes:
        names: as in state expressions, COLVAR, fes.dat and figures.
        units: labels of the units that their values have; empty in reduced units.
        periods: in those units, infinite for a CV without one; a CV with a period lives on a circle.
        ranges: lowest and highest value in those units, infinite where there is none; a CV without a period whose
            range has two ends lives in a box.

    Raises:
        ValueError: the fields differ in length, a period is not positive, or a range does not rise.
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    periods: tuple[float, ...]
    ranges: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if not len(self.names) == len(self.units) == len(self.periods) == len(self.ranges):
            raise ValueError(
                f"CVs {', '.join(self.names)}: {len(self.units)} units, {len(self.periods)} periods and "
                f"{len(self.ranges)} ranges for {len(self.names)} names"
            )
        if not all(period > 0 for period in self.periods) or not all(low < high for low, high in self.ranges):
            raise ValueError(
                f"CVs {', '.join(self.names)}: periods must be positive and ranges rise, got {self.periods} and "
                f"{self.ranges}"
            )

    @property
    def domains(self) -> tuple[Domain, ...]:
        """What each CV's values fill."""
        boxed = np.isfinite(self.ranges).all(axis=1)
        kinds = np.where(np.isfinite(self.periods), "circle", np.where(boxed, "box", "line"))
        return tuple(Domain(kind) for kind in kinds)

    @property
    def unbounded(self) -> "CVSpace":
        """The space of a restraint's centre λ, which can be any number where the CV itself is bounded."""
        return replace(self, ranges=((-inf, inf),) * len(self.names))
