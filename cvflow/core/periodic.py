"""Arithmetic of CVs that may live on circles, in numpy."""

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr, ndtri

from cvflow.core.frames import Point

Numbers = Float[np.ndarray, " *shape"]


def wrapped(difference: Float[np.ndarray, "*points cvs"], periods: Point) -> Float[np.ndarray, "*points cvs"]:
    """A difference, or a value, brought into half a period around zero; components of infinite period stay."""
    periodic = np.isfinite(periods)
    if not periodic.any():
        return difference.copy()
    period = np.where(periodic, periods, 1.0)
    return difference - np.where(periodic, period * np.round(difference / period), 0.0)


def mean(points: Float[np.ndarray, "samples cvs"], periods: Point) -> Point:
    """Mean of each CV, in its unit; on a circle that of the points unrolled around the first of them."""
    return wrapped(points[0] + wrapped(points - points[0], periods).mean(axis=0), periods)


def variance(points: Float[np.ndarray, "samples cvs"], periods: Point) -> Point:
    """Variance of each CV around that mean, in its unit squared."""
    return (wrapped(points - mean(points, periods), periods) ** 2).mean(axis=0)


def into_period(value: float, period: float) -> float:
    """A value brought into [-period/2, period/2); as it is on a line."""
    if not np.isfinite(period):
        return float(value)
    inside = float(value - period * np.floor(value / period + 0.5))
    return inside if inside < 0.5 * period else -0.5 * period


def truncated_normal(uniform: Numbers, reach: Float[np.ndarray, "..."] | float) -> Numbers:
    """Standard normal numbers truncated to ± reach, which may be one for many, from uniform ones in [0, 1].

    The centre of a soft restraint on a circle is distributed so around ξ(x), with reach = half a period in standard
    deviations: its energy is that of the shortest arc (docs/theory.md, section 3.1).
    """
    tail = ndtr(-np.asarray(reach))
    # Kept off 0, whose quantile is infinite where the reach is more than the 38 deviations that a float can tell.
    inside = tail + (1 - 2 * tail) * np.maximum(uniform, 2.0**-54)
    return np.clip(ndtri(inside), -np.asarray(reach), reach)
