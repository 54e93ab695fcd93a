"""The standard coordinates in which flows work."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Shaped

from cvflow.core import periodic
from cvflow.core.cv_space import CVSpace, Domain
from cvflow.core.frames import Point
from cvflow.proposals.base import CVPoints

BOUND = 5.0
"""Standard coordinates of circles and boxes fill [-5, 5]; on lines the splines act there and leave the rest alone."""

EDGE = 1e-6
"""Of a box's length: how far outside a value may lie and still count as on the edge (single-precision engines)."""


@dataclass(frozen=True)
class StandardCoordinates:
    """Standard coordinates u = (z - centre)/scale, on circles wrapped into [-5, 5).

    Attributes:
        domains: what each CV lives on.
        centre: of each CV, in its own unit; of a box, its middle.
        scale: CV units per standard unit; a tenth of a circle's period or of a box's length.

    Raises:
        ValueError: a scale is not positive, or a number is not finite.
    """

    domains: tuple[Domain, ...]
    centre: Point
    scale: Point

    def __post_init__(self) -> None:
        if not (np.isfinite(self.centre).all() and np.isfinite(self.scale).all() and (self.scale > 0).all()):
            raise ValueError(
                f"flow: samples that are all alike or not finite have no scale (centre {self.centre}, "
                f"scale {self.scale})"
            )

    @classmethod
    def fitted(cls, samples: CVPoints, space: CVSpace, blur: Point) -> "StandardCoordinates":
        """Standard coordinates for samples that are seen with noise of width `blur`.

        On a line the samples' mean and standard deviation, or a scale so much wider that the splines reach all samples:
        a mode of 2 % may lie at seven standard deviations. On a circle their mean and the period; in a box the box.

        Raises:
            ValueError: the samples of a CV are all alike, or not finite.
        """
        kinds, periods, bounds = _kinds(space.domains), np.array(space.periods), np.array(space.ranges)
        centre, scale = periodic.mean(samples, periods), np.sqrt(periodic.variance(samples, periods) + blur**2)
        width = 2 * BOUND
        scale = np.maximum(scale, np.abs(samples - centre).max(axis=0) / BOUND)
        scale = np.where(kinds == "circle", periods / width, scale)
        with np.errstate(invalid="ignore"):
            centre = np.where(kinds == "box", bounds.mean(axis=1), centre)
            scale = np.where(kinds == "box", (bounds[:, 1] - bounds[:, 0]) / width, scale)
        return cls(space.domains, centre, scale)

    @property
    def lines(self) -> Bool[np.ndarray, " cvs"]:
        """Which CVs live on lines."""
        return _kinds(self.domains) == "line"

    @property
    def log_scale(self) -> float:
        """Log of the volume, in CV units, of a standard unit cell."""
        return float(np.log(self.scale).sum())

    def inward(self, points: CVPoints) -> CVPoints:
        """From CV units; what lies outside a box is put on its edge."""
        u = (points - self.centre) / self.scale
        kinds, width = _kinds(self.domains), 2 * BOUND
        u = np.where(kinds == "circle", u - width * np.round(u / width), u)
        return np.where(kinds == "box", np.clip(u, -BOUND, BOUND), u)

    def outward(self, u: CVPoints) -> CVPoints:
        """To CV units; on circles within half a period around zero."""
        points = self.centre + self.scale * u
        return periodic.wrapped(points, np.where(_kinds(self.domains) == "circle", 2 * BOUND * self.scale, np.inf))

    def noise(self, widths: Point, count: int, rng: np.random.Generator) -> CVPoints:
        """Normal noise in CV units, on circles truncated at half a period on both sides (not wrapped)."""
        half = np.where(_kinds(self.domains) == "circle", BOUND * self.scale, np.inf)
        reach = np.divide(half, widths, out=np.full(len(widths), np.inf), where=widths > 0)
        uniform = rng.random((count, len(widths)))
        return widths * periodic.truncated_normal(uniform, np.broadcast_to(reach, uniform.shape))

    def outside(self, points: CVPoints) -> Bool[np.ndarray, " count"]:
        """Whether a point lies outside a box, where nothing can be."""
        beyond = np.abs(points - self.centre) > BOUND * self.scale * (1 + 2 * EDGE)
        return (beyond & (_kinds(self.domains) == "box")).any(axis=1)


def _kinds(domains: tuple[Domain, ...]) -> Shaped[np.ndarray, " cvs"]:
    return np.array([domain.value for domain in domains])
