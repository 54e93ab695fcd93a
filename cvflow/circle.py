"""Arithmetic of CVs that may live on circles, in numpy."""

import numpy as np
from jaxtyping import Float

from cvflow.state import Point


def wrapped(difference: Float[np.ndarray, "*points cvs"], periods: Point) -> Float[np.ndarray, "*points cvs"]:
    """A difference, or a value, brought into half a period around zero; components of infinite period stay."""
    periodic = np.isfinite(periods)
    period = np.where(periodic, periods, 1.0)
    return difference - np.where(periodic, period * np.round(difference / period), 0.0)


def mean(points: Float[np.ndarray, "samples cvs"], periods: Point) -> Point:
    """Mean of each CV, on a circle that of the points unrolled around the first of them."""
    return wrapped(points[0] + wrapped(points - points[0], periods).mean(axis=0), periods)


def variance(points: Float[np.ndarray, "samples cvs"], periods: Point) -> Point:
    """Variance of each CV around that mean."""
    return (wrapped(points - mean(points, periods), periods) ** 2).mean(axis=0)
