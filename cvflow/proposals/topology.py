"""What each CV lives on, and the standard coordinates in which flows work."""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from jaxtyping import Bool, Float

from cvflow.core import periodic
from cvflow.core.frames import Point

BOUND = 5.0
"""Standard coordinates of circles and boxes fill [-5, 5]; on lines the splines act there and leave the rest alone."""

EDGE = 1e-6
"""Of a box's length: how far outside a value may lie and still count as on the edge (single-precision engines)."""

Points = Float[np.ndarray, "count cvs"]


class Axis(Enum):
    """What one CV lives on."""

    LINE = "line"
    CIRCLE = "circle"
    BOX = "box"


@dataclass(frozen=True)
class Space:
    """The CVs' topology.

    Attributes:
        periods: period of each CV, infinite if it has none; a CV with a period lives on a circle.
        ranges: what each CV can be; a CV without a period whose range is finite lives in a box.

    Raises:
        ValueError: numbers of periods and ranges differ, a period is not positive, or a range does not rise.
    """

    periods: tuple[float, ...]
    ranges: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if len(self.periods) != len(self.ranges):
            raise ValueError(f"flow: {len(self.periods)} periods for {len(self.ranges)} ranges")
        if not all(period > 0 for period in self.periods) or not all(low < high for low, high in self.ranges):
            raise ValueError(f"flow: periods must be positive and ranges rise, got {self.periods} and {self.ranges}")

    @property
    def axes(self) -> tuple[Axis, ...]:
        """What each CV lives on."""
        boxed = np.isfinite(self.ranges).all(axis=1)
        kinds = np.where(np.isfinite(self.periods), "circle", np.where(boxed, "box", "line"))
        return tuple(Axis(kind) for kind in kinds)

    def standard(self, samples: Points, blur: Point) -> "Standard":
        """Standard coordinates for samples that are seen with noise of width `blur`.

        On a line the samples' mean and standard deviation, or a scale so much wider that the splines reach all samples:
        a mode of 2 % may lie at seven standard deviations. On a circle their mean and the period; in a box the box.
        """
        axes, periods, bounds = _kinds(self.axes), np.array(self.periods), np.array(self.ranges)
        centre, scale = periodic.mean(samples, periods), np.sqrt(periodic.variance(samples, periods) + blur**2)
        width = 2 * BOUND
        scale = np.maximum(scale, np.abs(samples - centre).max(axis=0) / BOUND)
        scale = np.where(axes == "circle", periods / width, scale)
        with np.errstate(invalid="ignore"):
            centre = np.where(axes == "box", bounds.mean(axis=1), centre)
            scale = np.where(axes == "box", (bounds[:, 1] - bounds[:, 0]) / width, scale)
        return Standard(self.axes, centre, scale)


def line(cvs: int) -> Space:
    """CVs that can be any number."""
    return Space((np.inf,) * cvs, ((-np.inf, np.inf),) * cvs)


@dataclass(frozen=True)
class Standard:
    """Standard coordinates u = (z - centre)/scale, on circles wrapped into [-5, 5).

    Attributes:
        axes: what each CV lives on.
        centre: of each CV, in its own unit; of a box, its middle.
        scale: CV units per standard unit; a tenth of a circle's period or of a box's length.

    Raises:
        ValueError: a scale is not positive, or a number is not finite.
    """

    axes: tuple[Axis, ...]
    centre: Point
    scale: Point

    def __post_init__(self) -> None:
        if not (np.isfinite(self.centre).all() and np.isfinite(self.scale).all() and (self.scale > 0).all()):
            raise ValueError(
                f"flow: samples that are all alike or not finite have no scale (centre {self.centre}, "
                f"scale {self.scale})"
            )

    @property
    def lines(self) -> Bool[np.ndarray, " cvs"]:
        """Which CVs live on lines."""
        return _kinds(self.axes) == "line"

    @property
    def log_scale(self) -> float:
        """Log of the volume, in CV units, of a standard unit cell."""
        return float(np.log(self.scale).sum())

    def inward(self, points: Points) -> Points:
        """From CV units; what lies outside a box is put on its edge."""
        u = (points - self.centre) / self.scale
        kinds, width = _kinds(self.axes), 2 * BOUND
        u = np.where(kinds == "circle", u - width * np.round(u / width), u)
        return np.where(kinds == "box", np.clip(u, -BOUND, BOUND), u)

    def outward(self, u: Points) -> Points:
        """To CV units; on circles within half a period around zero."""
        points = self.centre + self.scale * u
        return periodic.wrapped(points, np.where(_kinds(self.axes) == "circle", 2 * BOUND * self.scale, np.inf))

    def noise(self, widths: Point, count: int, rng: np.random.Generator) -> Points:
        """Normal noise in CV units, on circles truncated at half a period on both sides (not wrapped)."""
        half = np.where(_kinds(self.axes) == "circle", BOUND * self.scale, np.inf)
        reach = np.divide(half, widths, out=np.full(len(widths), np.inf), where=widths > 0)
        uniform = rng.random((count, len(widths)))
        return widths * periodic.truncated_normal(uniform, np.broadcast_to(reach, uniform.shape))

    def outside(self, points: Points) -> Bool[np.ndarray, " count"]:
        """Whether a point lies outside a box, where nothing can be."""
        beyond = np.abs(points - self.centre) > BOUND * self.scale * (1 + 2 * EDGE)
        return (beyond & (_kinds(self.axes) == "box")).any(axis=1)


def _kinds(axes: tuple[Axis, ...]) -> np.ndarray:
    return np.array([axis.value for axis in axes])
