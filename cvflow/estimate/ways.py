"""Ways of the restraint's centre, and how much it pulls at a point on all of them."""

from itertools import product
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.interpolate import RegularGridInterpolator

from cvflow.core.frames import Point
from cvflow.core.periodic import wrapped
from cvflow.proposals.base import CVPoints

_FINE = 0.125
"""Of the restraint's width: the table's grid."""

_NODES = 2_000
"""Of that grid along a CV, about, at most; the springs are stiff where they are needed."""

_REACH = 8.0
"""Widths from which the restraint's centre does not matter to a point."""

PathPoints = Float[np.ndarray, "paths looks"]


class Ways(NamedTuple):
    """Straight ways of the restraint's centre, a row each, and the looks at the paths on them.

    Attributes:
        start: where they begin, in the CVs' units.
        way: to their ends.
        fraction: of the way that is behind at each look, both ends included.
        measure: what each look stands for of the way, by the trapezoidal rule; zero for looks that there are not.
    """

    start: CVPoints
    way: CVPoints
    fraction: PathPoints
    measure: PathPoints

    @property
    def centres(self) -> Float[np.ndarray, "paths looks cvs"]:
        """Where the restraint's centre is at each look."""
        return self.start[:, None] + self.fraction[:, :, None] * self.way[:, None]


def visits(points: CVPoints, ways: Ways, stiff: Point, periods: Point) -> Float[np.ndarray, " points"]:
    """Mean over all ways of the sum of exp(-βu) over the looks, each times what it stands for of the way.

    Along one CV or two it is a smooth function, which a table tells.

    Args:
        points: where.
        ways: that the proposal draws.
        stiff: one over the restraint's width, for each CV.
        periods: of the CVs.
    """
    centres, measure = ways.centres.reshape(-1, len(stiff)), ways.measure.reshape(-1)
    return _tabulated(points, centres, measure, stiff, periods) / len(ways.start)


def _tabulated(
    points: CVPoints,
    centres: Float[np.ndarray, "centres cvs"],
    measure: Float[np.ndarray, " centres"],
    stiff: Point,
    periods: Point,
) -> Float[np.ndarray, " points"]:
    """Sum of exp(-βu) over all centres, shared out to a grid; one CV after the other, since u is a sum over CVs."""
    near, steps = _near(points, centres, stiff, periods), np.maximum(_FINE / stiff, np.ptp(points, axis=0) / _NODES)
    nodes, table = _shared_out(centres[near], measure[near], steps)
    grids = [_grid(x.min(), x.max(), step) for x, step in zip(points.T, steps, strict=True)]
    for cv, (grid, node) in enumerate(zip(grids, nodes, strict=True)):
        apart = stiff[cv] * wrapped((grid[:, None] - node)[..., None], periods[cv : cv + 1])[..., 0]
        table = np.moveaxis(np.tensordot(np.exp(-0.5 * apart * apart), table, (1, cv)), 0, cv)
    smooth = RegularGridInterpolator(grids, np.log(np.maximum(table, np.finfo(float).tiny)))
    return np.asarray(np.exp(smooth(points)))


def _near(
    points: CVPoints, centres: Float[np.ndarray, "centres cvs"], stiff: Point, periods: Point
) -> Bool[np.ndarray, " centres"]:
    """Centres that matter; on a circle all do."""
    low, high = points.min(axis=0) - _REACH / stiff, points.max(axis=0) + _REACH / stiff
    return (((centres > low) & (centres < high)) | np.isfinite(periods)).all(axis=1)


def _grid(low: float, high: float, step: float) -> Float[np.ndarray, " grid"]:
    return low + step * np.arange(2 + int((high - low) / step))


def _shared_out(
    centres: Float[np.ndarray, "centres cvs"], measure: Float[np.ndarray, " centres"], step: Point
) -> tuple[list[Float[np.ndarray, " _nodes"]], Float[np.ndarray, " *grid"]]:
    """A grid, and measures on it: each centre's to the nodes around it, so that its place is kept on the mean."""
    low, high = centres.min(axis=0), centres.max(axis=0)
    nodes = [_grid(*ends) for ends in zip(low, high, step, strict=True)]
    table = np.zeros([len(node) for node in nodes])
    whole, part = np.divmod((centres - low) / step, 1.0)
    for corner in product((0, 1), repeat=len(step)):
        share = np.where(np.array(corner), part, 1 - part).prod(axis=1)
        np.add.at(table, tuple((whole.astype(int) + corner).T), measure * share)
    return nodes, table
