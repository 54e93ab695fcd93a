"""Densities and draws of a trained flow, for points as arrays.

A run asks for one or two points at a time, thousands of times: what a call costs is then all there is to it, and
torch's is some ten times numpy's. So a flow that is asked often has its map in numpy as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, pi
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from cvflow.proposals.standard_coordinates import BOUND

StandardArray = Float[np.ndarray, "count _cvs"]
"""Standard coordinates, a row a point."""

LogVolumes = Float[np.ndarray, " count"]
SplineParameters = Float[np.ndarray, "rows _parameters"]
OfEachCV = Bool[np.ndarray, " cvs"]


@runtime_checkable
class ArrayFlow(Protocol):
    """A flow with the weights that it had when this was made."""

    def log_density(self, u: StandardArray) -> LogVolumes:
        """Log density in nats, of the volume in standard coordinates."""

    def from_base(self, base: StandardArray) -> StandardArray:
        """Map draws of the base density to draws of the flow, point by point."""


@dataclass(frozen=True)
class SplineKnots:
    """Splines of some CVs, each row a point's, or one row for all points.

    Attributes:
        x: where bins begin and end, [-5, 5].
        y: the values there.
        slope: the slopes there.

    Source: Durkan et al., NeurIPS 2019; docs/flow.md.
    """

    x: Float[np.ndarray, "rows cvs knots"]
    y: Float[np.ndarray, "rows cvs knots"]
    slope: Float[np.ndarray, "rows cvs knots"]

    @classmethod
    def of(cls, parameters: SplineParameters, bins: int, steepest: float) -> "SplineKnots":
        """From 3 bins - 1 parameters a CV: widths, heights, slopes at the inner knots.

        Args:
            parameters: as the conditioner gives them.
            bins: of each spline.
            steepest: log of how far slopes at knots, and bins among themselves, may differ.
        """
        numbers = 3 * bins - 1
        each = parameters.reshape(len(parameters), parameters.shape[1] // numbers, numbers)
        slope = np.ones((*each.shape[:2], bins + 1))
        inner = each[..., 2 * bins :]
        slope[..., 1:-1] = np.exp(inner / (1 + np.abs(inner) / steepest))
        return cls(_edges(each[..., :bins], steepest), _edges(each[..., bins : 2 * bins], steepest), slope)

    def forward(self, u: StandardArray) -> tuple[StandardArray, StandardArray]:
        """The values at u, and the logs of the slopes there; beyond the knots the identity."""
        inside, x0, x1, y0, y1, d0, d1 = self._bins(self.x, u)
        s = (y1 - y0) / (x1 - x0)
        z = np.where(inside, (u - x0) / (x1 - x0), 0.0)
        between = z * (1 - z)
        bent = s + (d0 + d1 - 2 * s) * between
        value = y0 + (y1 - y0) * (s * z * z + d0 * between) / bent
        steep = s * s * (2 * s * between + d0 * (1 - z) ** 2 + d1 * z * z) / bent**2
        return np.where(inside, value, u), np.where(inside, np.log(steep), 0.0)

    def back(self, y: StandardArray) -> StandardArray:
        """Where the values are y."""
        inside, x0, x1, y0, y1, d0, d1 = self._bins(self.y, y)
        s, height = (y1 - y0) / (x1 - x0), np.where(inside, y - y0, 0.0)
        a = (y1 - y0) * (s - d0) + height * (d0 + d1 - 2 * s)
        b = (y1 - y0) * d0 - height * (d0 + d1 - 2 * s)
        c = -s * height
        return np.where(inside, x0 + 2 * c / (-b - np.sqrt(b * b - 4 * a * c)) * (x1 - x0), y)

    def _bins(self, knots: Float[np.ndarray, "rows cvs knots"], u: StandardArray) -> tuple[np.ndarray, ...]:
        """Whether u lies between the first and the last knot, and its bin's two ends: x, y and slopes."""
        k = (knots < u[..., None]).sum(axis=-1) - 1
        bins = knots.shape[-1] - 1
        inside = (k >= 0) & (k < bins)
        rows, cvs = knots.shape[:2]
        first = np.arange(rows * cvs).reshape(rows, cvs) * (bins + 1)
        here: Int[np.ndarray, "count cvs"] = first + np.where(inside, k, 0)
        ends = (table.reshape(-1)[at] for table in (self.x, self.y, self.slope) for at in (here, here + 1))
        return inside, *ends


def _edges(sizes: Float[np.ndarray, "rows cvs bins"], steepest: float) -> Float[np.ndarray, "rows cvs knots"]:
    """Ends of bins whose sizes, up to a factor, are these numbers' exponentials."""
    sizes = sizes / (1 + 2 * np.abs(sizes) / steepest)
    parts = np.exp(sizes - sizes.max(axis=-1, keepdims=True))
    parts /= parts.sum(axis=-1, keepdims=True)
    edges = np.zeros((*sizes.shape[:-1], sizes.shape[-1] + 1))
    np.cumsum(parts, axis=-1, out=edges[..., 1:])
    return BOUND * (2 * edges - 1)


Affine = tuple[Float[np.ndarray, "_inputs _outputs"], Float[np.ndarray, " _outputs"]]


def through(layers: Sequence[Affine], x: Float[np.ndarray, "rows _inputs"]) -> Float[np.ndarray, "rows _outputs"]:
    """What affine maps make of rows, with a rectifier between two of them."""
    *hidden, (weight, bias) = layers
    for inner_weight, inner_bias in hidden:
        x = np.maximum(x @ inner_weight + inner_bias, 0.0)
    return x @ weight + bias


@dataclass(frozen=True)
class SplineLayer:
    """One map of all CVs: splines of those in `mapped`, whose parameters follow from those in `seen`.

    Attributes:
        mapped: which CVs have a spline; the others stay.
        seen: which CVs the conditioner is given.
        circles: which of those it is given live on circles.
        conditioner: its affine maps, with a rectifier between two of them; none where the splines are `fixed`.
        fixed: splines that depend on nothing.
        order: CVs in which the way back finds them, one after the other; empty where it finds all at once.
        bins: of each spline.
        steepest: see `SplineKnots.of`.
    """

    mapped: OfEachCV
    seen: OfEachCV
    circles: Bool[np.ndarray, " seen"]
    conditioner: Sequence[Affine]
    fixed: SplineKnots | None
    order: tuple[int, ...]
    bins: int
    steepest: float

    def forward(self, u: StandardArray) -> tuple[StandardArray, LogVolumes]:
        """The image and the log of the volume change."""
        image, log_slopes = self._splines(u).forward(u[:, self.mapped])
        return self._with(u, image), log_slopes.sum(axis=1)

    def back(self, y: StandardArray) -> StandardArray:
        """The point whose image is y."""
        u = np.where(self.mapped & self.seen, 0.0, y)
        for cv in self.order:  # those that it depends on have been found
            u[:, [cv]] = self._splines(u, cv).back(y[:, [cv]])
        return u if self.order else self._with(y, self._splines(u).back(y[:, self.mapped]))

    def _with(self, u: StandardArray, image: StandardArray) -> StandardArray:
        if self.mapped.all():
            return image
        moved = u.copy()
        moved[:, self.mapped] = image
        return moved

    def _splines(self, u: StandardArray, cv: int | None = None) -> SplineKnots:
        """Of all mapped CVs, or of one where all are."""
        if self.fixed is not None:
            return self.fixed
        given = u[:, self.seen]
        angle = given * (pi / BOUND)
        x = np.concatenate([np.where(self.circles, np.cos(angle), given), np.sin(angle[:, self.circles])], axis=1)
        parameters = through(self.conditioner, x)
        if cv is not None:
            parameters = parameters[:, cv * (3 * self.bins - 1) : (cv + 1) * (3 * self.bins - 1)]
        return SplineKnots.of(parameters, self.bins, self.steepest)


@dataclass(frozen=True)
class SplineArrayFlow:
    """A flow of spline layers, between two of which circles are turned.

    Attributes:
        layers: from the standard coordinates to the base.
        lines: which CVs live on lines.
        circles: which on circles.
        turn: by how much circles are turned before each layer.
    """

    layers: tuple[SplineLayer, ...]
    lines: OfEachCV
    circles: OfEachCV
    turn: float

    def log_density(self, u: StandardArray) -> LogVolumes:
        """Log density in nats, of the volume in standard coordinates."""
        total = np.zeros(len(u))
        for layer in self.layers:
            u, log_volume = layer.forward(self._turned(u, self.turn))
            total += log_volume
        return total + np.where(self.lines, -0.5 * (u * u + log(2 * pi)), -log(2 * BOUND)).sum(axis=1)

    def from_base(self, base: StandardArray) -> StandardArray:
        """Map draws of the base density to draws of the flow, point by point."""
        u = base
        for layer in reversed(self.layers):
            u = self._turned(layer.back(u), -self.turn)
        return u

    def _turned(self, u: StandardArray, by: float) -> StandardArray:
        if not self.circles.any():
            return u
        return np.where(self.circles, np.remainder(u + by + BOUND, 2 * BOUND) - BOUND, u)
