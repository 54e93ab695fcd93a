"""How wide one well of a CV is, where a state may have several: two rotamers are no broad one."""

from itertools import pairwise
from math import ceil, log, sqrt

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from cvflow.core.frames import Point
from cvflow.core.periodic import variance

BANDWIDTH, BANDWIDTH_OF_FEW = 0.2, 1.2
"""Of the density, in standard deviations: this much, and from few samples that much over the root of their number."""

DEPTH = log(4.0)
"""Of a valley between two wells: what the log density of the lower one falls by."""

ROUNDS = 2
"""The first sees wells that are far apart for their width, the second in their own width those between them."""

BINS, MOST_BINS = 4, 100_000
"""Of the density: in a bandwidth, and altogether."""

_MARGIN = 5.0
"""What is looked at of a line beside the samples, in bandwidths: the density is zero there."""

_NOTHING = 1e-9
"""Density that stands for none, in samples a bin."""

CVSeries = Float[np.ndarray, " samples"]


def well_variance(points: Float[np.ndarray, "samples cvs"], periods: Point) -> Point:
    """Variance of each CV around the means of its wells, in its unit squared.

    Wells are parted where a smoothed density of the CV alone has a valley a quarter as high as the lower of its two
    sides, on circles as on lines. Samples that lie in one well have the variance of `cvflow.core.periodic`.

    Args:
        points: of one state, in any order: it is the density that tells, not how often walkers changed wells.
        periods: of the CVs, infinite on a line.
    """
    whole = variance(points, periods).tolist()
    return np.array([_of_one(*each) for each in zip(points.T, periods.tolist(), whole, strict=True)])


def _of_one(values: CVSeries, period: float, whole: float) -> float:
    found = whole
    for _ in range(ROUNDS):
        bandwidth = max(BANDWIDTH, BANDWIDTH_OF_FEW / sqrt(len(values))) * sqrt(found)
        wells = parted(values, period, bandwidth) if bandwidth > 0 else []
        if len(wells) > 1:
            squares = sum(float(((well - well.mean()) ** 2).sum()) for well in wells)
            found = squares / (len(values) - len(wells) + 1)
    return found


def parted(values: CVSeries, period: float, bandwidth: float) -> list[Float[np.ndarray, " _well"]]:
    """The values of each well, one after the other along the CV, unrolled where it is a circle.

    Args:
        values: of a CV.
        period: infinite on a line.
        bandwidth: of the density, in the CV's unit.
    """
    circle = np.isfinite(period)
    first = values.min() - (0.0 if circle else _MARGIN * bandwidth)
    length = period if circle else float(np.ptp(values)) + 2 * _MARGIN * bandwidth
    bins = min(MOST_BINS, ceil(BINS * length / bandwidth))
    counts = np.bincount(np.floor((values - first) * bins / length).astype(int) % bins, minlength=bins)
    mode = "wrap" if circle else "constant"
    density = gaussian_filter1d(counts.astype(float), bandwidth * bins / length, mode=mode)
    lowest = int(density.argmin())  # a circle is opened there; a line is nowhere lower than at its beginning
    borders = _valleys(np.roll(density, -lowest)) * length / bins
    along = (values - first - lowest * length / bins) % length
    return [along[np.searchsorted(borders, along) == well] for well in range(len(borders) + 1)]


def _valleys(density: Float[np.ndarray, " bins"]) -> Float[np.ndarray, " valleys"]:
    """Where deep valleys between two peaks are lowest, in bins."""
    peaks, _ = find_peaks(np.log(density + _NOTHING), prominence=DEPTH)
    return np.array([0.5 + start + density[start:end].argmin() for start, end in pairwise(peaks)], dtype=float)
