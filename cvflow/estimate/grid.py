"""Bins along a CV, on a line or around a circle."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from cvflow.estimate.convergence import cv_chains
from cvflow.store import Header, Record


class Axis(NamedTuple):
    """Bins of equal width along one CV, in its unit.

    On a line they reach from the smallest to the largest value seen. On a circle they are centred on the points
    -period/2, -period/2 + width, …, as PLUMED's periodic grids are, so the first one straddles the seam.

    Attributes:
        cv: its name.
        edges: of the bins, rising.
        period: infinite on a line.
    """

    cv: str
    edges: Float[np.ndarray, " edges"]
    period: float

    @property
    def centres(self) -> Float[np.ndarray, " bins"]:
        """Middles of the bins, in the CV's unit."""
        return 0.5 * (self.edges[1:] + self.edges[:-1])

    @property
    def periodic(self) -> bool:
        """Whether the CV lives on a circle."""
        return bool(np.isfinite(self.period))

    def bin_of(self, values: Float[np.ndarray, " *values"]) -> Int[np.ndarray, " *values"]:
        """The bin of each value; on a line the end bins take what lies beyond them."""
        if self.periodic:
            values = (values - self.edges[0]) % self.period + self.edges[0]
        return np.clip(np.digitize(values, self.edges) - 1, 0, len(self.edges) - 2)

    def bin_inside(self, values: Float[np.ndarray, " *values"]) -> Int[np.ndarray, " *values"]:
        """The bin of each value, -1 beyond the ends of a line."""
        inside = (values >= self.edges[0]) & (values <= self.edges[-1])
        return np.where(inside | self.periodic, self.bin_of(values), -1)


def axis(record: Record, cv: str, bins: int) -> Axis:
    """Bins that hold all of production.

    Raises:
        ValueError: the CV is unknown, there are fewer than two bins, or a walker has no production turn yet.
    """
    header = record.header
    if cv not in header.cvs:
        raise ValueError(f"unknown CV {cv!r}; the run has {', '.join(header.cvs)}")
    if bins < 2:
        raise ValueError(f"at least 2 bins are needed, got {bins}")
    period = cv_period(header, cv)
    if np.isfinite(period):
        width = period / bins
        return Axis(cv, -0.5 * period + width * (np.arange(bins + 1) - 0.5), period)
    values = cv_chains(record)[:, :, header.cvs.index(cv)]
    return Axis(cv, np.linspace(values.min(), values.max(), bins + 1), period)


def cv_period(header: Header, cv: str) -> float:
    """Period of a CV in its unit, infinite on a line; stores of older versions name none."""
    period = header.periods[header.cvs.index(cv)] if header.periods else None
    return np.inf if period is None else period
