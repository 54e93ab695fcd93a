"""Free energies on the way between named states, from the works of paths that were run to their end.

They are what a path under way is held against (`cvflow.stakes`). Whatever they are, the chain is exact; good ones tell
early which paths dissipate too much.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from cvflow.circle import mean, wrapped
from cvflow.stakes import FRACTIONS, PROGRESS, PerPath, Profile, Profiles, Stakes
from cvflow.state import Outcome, Point
from cvflow.states import States

FEWEST = 8
"""Paths in each direction from which a profile is taken."""

Points = Float[np.ndarray, "paths cvs"]


@dataclass(frozen=True)
class Axes:
    """Where the states lie, and with it how far on the way from one to another a point is.

    Attributes:
        states: named states.
        means: mean CVs in each, NaN where no walker was.
        scale: what one unit of each CV counts.
        periods: of the CVs, infinite on a line.
    """

    states: States
    means: Float[np.ndarray, "states cvs"]
    scale: Point
    periods: Point

    def progress(self, points: Points, a: np.ndarray, b: np.ndarray) -> PerPath:
        """0 at the mean of state a, 1 at that of b; the projection on the line between them.

        Law: from b to a it is one minus that from a to b. It is taken from the state named first, whichever way a path
        goes: on a circle a point may lie within half a period of one mean and beyond half a period of the other.
        """
        first, second = np.minimum(a, b), np.maximum(a, b)
        way = self.scale * wrapped(self.means[second] - self.means[first], self.periods)
        gone = self.scale * wrapped(points - self.means[first], self.periods)
        with np.errstate(invalid="ignore", divide="ignore"):
            there = (gone * way).sum(axis=1) / (way * way).sum(axis=1)
        return np.where(a <= b, there, 1.0 - there)


@dataclass(frozen=True)
class Barriers:
    """One profile of the free energy for each pair of states.

    Attributes:
        axes: the ways between the states.
        heights: (states, states, grid) at `PROGRESS` [kT]; from b to a it is that from a to b read backwards.
        known: whether there were paths enough to tell; all others are run to their end.
    """

    axes: Axes
    heights: Float[np.ndarray, "states states grid"]
    known: Bool[np.ndarray, "states states"]

    def stakes(self, start: Points, end: Points, log_q_old: PerPath, log_threshold: PerPath) -> Stakes:
        """What decides paths between first and last points, given ln u."""
        states = self.axes.states
        a, b = states.assign(start), states.assign(end)
        decided = (a >= 0) & (b >= 0) & self.known[a, b]
        old, new = (np.where(decided, self.axes.progress(points, a, b), 0.0) for points in (start, end))
        profile = np.where(decided[:, None], self.heights[a, b], 0.0)
        return Stakes(np.where(decided, log_threshold, -np.inf), log_q_old, old, new, profile)


def axes_between(states: States, samples: Points, scale: Point, periods: Point) -> Axes:
    """The ways between the states, from CV values that walkers visited."""
    inside = states.assign(samples)
    means = [
        mean(samples[inside == i], periods) if (inside == i).any() else np.full(len(scale), np.nan)
        for i in range(len(states.names))
    ]
    return Axes(states, np.array(means), scale, periods)


def unknown(axes: Axes) -> Barriers:
    """Before any path was run: no path is given up, but all are looked at."""
    count = len(axes.states.names)
    return Barriers(axes, np.zeros((count, count, len(PROGRESS))), np.zeros((count, count), dtype=bool))


def estimated(turns: np.ndarray, axes: Axes) -> Barriers:
    """Profiles from the rows of turns whose paths were looked at and run to their end.

    In each direction, -log q at the start plus the work so far is the free energy plus what is dissipated, which grows
    evenly: its mean over both directions is the free energy plus a constant, half of what a whole path dissipates. The
    constant is for `cvflow.prospect.loosened` to find.
    """
    whole = np.isfinite(turns["interim"]).all(axis=1) & (turns["outcome"] == _COMPLETED)
    turns, found = turns[whole], unknown(axes)
    start, end = (axes.states.assign(turns[name]) for name in ("centre_old", "centre_new"))
    for b in range(len(axes.states.names)):
        for a in range(b):
            there, back = turns[(start == a) & (end == b)], turns[(start == b) & (end == a)]
            if min(len(there), len(back)) >= FEWEST:
                found.heights[a, b] = _profile(there, back, axes, a, b)
                found.heights[b, a] = _mirrored(found.heights[a, b])
                found.known[a, b] = found.known[b, a] = True
    return found


_COMPLETED = list(Outcome).index(Outcome.COMPLETED)


def _profile(there: np.ndarray, back: np.ndarray, axes: Axes, a: int, b: int) -> Profile:
    """Free energy from state a to state b, up to a constant."""
    sides = [_risen(rows, axes, a, b) for rows in (there, back)]
    return 0.5 * (sides[0] + sides[1])


def _risen(rows: np.ndarray, axes: Axes, a: int, b: int) -> Profile:
    """Median of -log q at the start plus the work so far, by the progress from a to b, whichever way the paths went."""
    ends = np.full(len(rows), a), np.full(len(rows), b)
    old, new = (axes.progress(rows[name], *ends) for name in ("centre_old", "centre_new"))
    values: Profiles = np.array(
        [
            np.interp(PROGRESS, *_rising(x + (y - x) * FRACTIONS, works - log_q), left=np.nan, right=np.nan)
            for x, y, works, log_q in zip(old, new, rows["interim"], rows["log_q_old"], strict=True)
        ]
    )
    seen = np.isfinite(values).sum(axis=0) >= FEWEST // 2
    medians = np.array(
        [np.nanmedian(column) if enough else np.nan for column, enough in zip(values.T, seen, strict=True)]
    )
    return np.interp(PROGRESS, PROGRESS[seen], medians[seen])


def _rising(x: Profile, y: Profile) -> tuple[Profile, Profile]:
    order = np.argsort(x)
    return x[order], y[order]


def _mirrored(profile: Profile) -> Profile:
    """The same profile from the other end: progress s becomes 1 - s, and the grid is symmetric about one half."""
    return profile[::-1]
