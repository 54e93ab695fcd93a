"""The density along the CVs from the works of paths between states, on the whole of their way.

A configuration at fraction φ of a path's way, weighted by exp(-W_φ), is one of the potential with the restraint at λ_φ
(Hummer and Szabo, PNAS 98, 3658 (2001)), both ways counted as well as each path tells (Minh and Adib, Phys. Rev. Lett.
100, 180602 (2008)). Where a path begins and ends is random, but drawn from a density that is known, so that the result
is normalised: docs/theory.md, section 5.1.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import ndtr

from cvflow.core.early_rejection import PerPath
from cvflow.core.frames import Outcome, Point
from cvflow.core.periodic import wrapped
from cvflow.core.states import States
from cvflow.estimate.convergence import production
from cvflow.estimate.draws import FLOW_DRAWS, flow_points
from cvflow.proposals.base import CVPoints
from cvflow.proposals.io import from_bytes
from cvflow.store import Header, Record, turn_type

_PAIRS = 1_000
"""_ProposedWays of centres whose ways say where paths go, where there are several CVs."""

_FINE = 0.125
"""Of the restraint's width: the grid on which that is told along one CV."""

_CHUNK = 500_000
"""Numbers of ways times points that are looked at together."""

PathPoints = Float[np.ndarray, "paths looks"]


class Ways(NamedTuple):
    """Straight ways of the restraint's centre, a row each, in the CVs' units.

    Attributes:
        start: where they begin.
        way: to their ends.
        gap: fraction of the way between an end and the look next to it.
    """

    start: CVPoints
    way: CVPoints
    gap: PerPath

    def taken(self, rows: Int[np.ndarray, " rows"]) -> "Ways":
        """Some of them."""
        return Ways(*(column[rows] for column in self))


class _ProposedWays(NamedTuple):
    """Ways as the proposal draws them, of those between two different states, and how many are."""

    ways: Ways
    share: float


class PathSlices(NamedTuple):
    """Configurations on the way of paths.

    Attributes:
        turn: the turn of each, counted through all walkers.
        cv: ξ(x).
        weight: whose sum over those in some region, over the number of turns, is the probability of that region.
    """

    turn: Int[np.ndarray, " slices"]
    cv: Float[np.ndarray, "slices cvs"]
    weight: Float[np.ndarray, " slices"]


def path_slices(record: Record) -> PathSlices:
    """All configurations that were seen on paths of production between named states, with both ends.

    None where a kernel holds the CV exactly, or an engine does not look at its paths on their way.

    Raises:
        ValueError: a walker has no production turn yet.
    """
    header = record.header
    turns = production(record).reshape(-1)
    chosen = np.flatnonzero(_crossing(turns, header)) if len(header.kappa) == len(header.cvs) else np.zeros(0, int)
    if not len(chosen):
        return PathSlices(np.zeros(0, int), np.zeros((0, len(header.cvs))), np.zeros(0))
    path, cv, weight = _weighted(turns[chosen].tobytes(), record.flows[-1].data, header.to_json())
    return PathSlices(chosen[path], cv, weight)


@lru_cache(maxsize=1)
def _weighted(rows: bytes, flow: bytes, header_text: str) -> PathSlices:
    """Slices of crossing paths, whose turn is a row here: costly with several CVs, and wanted for each figure."""
    header = Header.from_json(header_text)
    paths = np.frombuffer(rows, turn_type(len(header.cvs)))
    fraction, work, cv = _along(paths)
    pairs = _pairs(flow, header, float(fraction[:, 1].mean()))
    seen = np.isfinite(work)
    log_weight = (_log_prefactor(paths, header) - np.log(pairs.share))[:, None] - work
    path = np.broadcast_to(np.arange(len(paths))[:, None], seen.shape)[seen]
    way = wrapped(paths["centre_new"] - paths["centre_old"], _periods(header))
    visits = _visits(cv[seen], path, pairs.ways, Ways(paths["centre_old"], way, fraction[:, 1]), header)
    return PathSlices(path, cv[seen], np.exp(log_weight[seen]) * _measure(fraction)[seen] / visits)


def _crossing(turns: np.ndarray, header: Header) -> Bool[np.ndarray, " turns"]:
    """Paths from one named state into another that got to their end and were looked at."""
    states = States(header.states, header.cvs)
    old, new = (states.assign(turns[name]) for name in ("centre_old", "centre_new"))
    seen = (turns["look_fraction"] > 0).any(axis=1) & np.isfinite(turns["work"])
    return (turns["outcome"] == Outcome.COMPLETED) & (old >= 0) & (new >= 0) & (old != new) & seen


def _pairs(flow: bytes, header: Header, gap: float) -> _ProposedWays:
    """Where paths go that the frozen flow proposes: λ_0 from q, which is its weight in a path, and λ̃ as from there."""
    start = flow_points(flow, header.seed)[: FLOW_DRAWS // 2]
    end = from_bytes(flow).propose(start, np.random.default_rng([header.seed, 1])).points
    states = States(header.states, header.cvs)
    old, new = states.assign(start), states.assign(end)
    between = (old >= 0) & (new >= 0) & (old != new)
    most = None if len(header.cvs) == 1 else _PAIRS
    start, end = start[between][:most], end[between][:most]
    ways = Ways(start, wrapped(end - start, _periods(header)), np.full(len(start), gap))
    return _ProposedWays(ways, float(between.mean()))


def _log_prefactor(paths: np.ndarray, header: Header) -> PerPath:
    """Logarithm of 2 c q(λ_0) / (s (1 + a)): c is what e^(-βu) integrates to over λ, s the survival."""
    width = np.sqrt(header.kT / np.array(header.kappa))
    with np.errstate(divide="ignore"):
        reach = 0.5 * _periods(header) / width
    log_c = np.log(np.sqrt(2 * np.pi) * width).sum() + np.log(ndtr(reach) - ndtr(-reach)).sum()
    log_ratio = paths["log_q_old"] - paths["log_q_new"] - paths["work"]
    return np.log(2) + log_c + paths["log_q_old"] - paths["log_survival"] - np.logaddexp(0.0, log_ratio)


def _along(paths: np.ndarray) -> tuple[PathPoints, PathPoints, Float[np.ndarray, "paths looks cvs"]]:
    """Fractions of the way, works so far and CVs of all paths, both ends included; a work of NaN is no look."""
    rows, columns = np.arange(len(paths)), np.arange(paths["look_fraction"].shape[1] + 2)
    last = 1 + (paths["look_fraction"] > 0).sum(axis=1)
    fraction, work = (np.pad(paths[name].astype(float), ((0, 0), (1, 1))) for name in ("look_fraction", "look_work"))
    cv = np.pad(paths["look_cv"].astype(float), ((0, 0), (1, 1), (0, 0)))
    cv[:, 0], cv[rows, last], work[rows, last] = paths["cv_old"], paths["cv_end"], paths["work"]
    fraction[columns >= last[:, None]] = 1.0
    work[columns > last[:, None]] = np.nan
    return fraction, work, cv


def _measure(fraction: PathPoints) -> PathPoints:
    """What each look stands for of the way, by the trapezoidal rule."""
    gaps = np.diff(fraction, axis=1)
    return 0.5 * (np.pad(gaps, ((0, 0), (1, 0))) + np.pad(gaps, ((0, 0), (0, 1))))


def _visits(
    points: CVPoints, path: Int[np.ndarray, " points"], ways: Ways, own: Ways, header: Header
) -> Float[np.ndarray, " points"]:
    """Mean over all ways of the sum of exp(-βu) over the looks.

    Along one CV it is a smooth function, which a table tells; in more, where ways leave gaps between each other, the
    way of each point's own path is one more.
    """
    stiff, periods = np.sqrt(np.array(header.kappa) / header.kT), _periods(header)
    if len(stiff) == 1:
        low, high = points.min(), points.max()
        grid = np.linspace(low, high, 2 + int((high - low) * stiff[0] / _FINE))
        return np.interp(points[:, 0], grid, _total(grid[:, None], ways, stiff, periods) / len(ways.start))
    alone = _passed(points, own.taken(path), stiff, periods)
    return (alone + _total(points, ways, stiff, periods)) / (1 + len(ways.start))


def _total(points: CVPoints, ways: Ways, stiff: Point, periods: Point) -> Float[np.ndarray, " points"]:
    """What all ways together come to, at each point."""
    size = max(1, _CHUNK // (len(ways.start) * len(stiff)))
    parts = (points[begin : begin + size, None] for begin in range(0, len(points), size))
    return np.concatenate([_passed(some, ways, stiff, periods).sum(axis=1) for some in parts])


def _passed(
    points: Float[np.ndarray, "*points cvs"], ways: Ways, stiff: Point, periods: Point
) -> Float[np.ndarray, " *both"]:
    """Σ exp(-βu(z, λ_φ)) over the looks of a way, each times what it stands for of the way.

    u is harmonic and the way straight: the sum is the integral, in closed form, and Euler and Maclaurin's term of the
    ends.
    """
    middle = ways.start + 0.5 * ways.way
    from_middle, way = stiff * wrapped(points - middle, periods), stiff * ways.way
    length = np.sqrt((way * way).sum(axis=-1))
    along = (from_middle * way).sum(axis=-1) / length
    across = np.maximum((from_middle * from_middle).sum(axis=-1) - along * along, 0.0)
    high, low = 0.5 * length - along, -0.5 * length - along
    # The difference of two normal distribution functions, from the side where both are small.
    turned = low > 0
    inside = ndtr(np.where(turned, -low, high)) - ndtr(np.where(turned, -high, low))
    slopes = high * np.exp(-0.5 * high * high) - low * np.exp(-0.5 * low * low)
    at_ends = -ways.gap**2 / 12 * length * slopes
    return np.exp(-0.5 * across) * np.maximum(np.sqrt(2 * np.pi) / length * inside + at_ends, 0.0)


def _periods(header: Header) -> Point:
    return np.array([np.inf if period is None else period for period in header.periods or [None] * len(header.cvs)])
