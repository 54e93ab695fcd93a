"""Free energies on the way between named states, from the works of paths that were run to their end.

They are what a path under way is held against (`cvflow.core.early_rejection`). Whatever they are, the chain is exact;
good ones tell early which paths dissipate too much.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from cvflow.core.early_rejection import FRACTIONS, PROGRESS, EarlyRejection, PerPath, Profile, Profiles, allowance
from cvflow.core.frames import Outcome, Point
from cvflow.core.periodic import mean, wrapped
from cvflow.core.states import States
from cvflow.proposals.base import CVPoints

FEWEST = 8
"""Paths in each direction from which a profile is taken."""



@dataclass(frozen=True)
class ProgressCoordinate:
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

    def progress(self, start: CVPoints, end: CVPoints, a: np.ndarray, b: np.ndarray) -> tuple[PerPath, PerPath]:
        """Where paths from state a to state b begin and end: 0 at the mean of a, 1 at that of b.

        The projections on the line between the means, each end taken from the mean of its own state. NaN for a path
        that goes another way round some circle than that line: it crosses another barrier.

        Law: those of the path read backwards are one minus these, in the other order.
        """
        before, after = wrapped(start - self.means[a], self.periods), wrapped(end - self.means[b], self.periods)
        line = wrapped(self.means[b] - self.means[a], self.periods)
        detour = np.abs(wrapped(end - start, self.periods) - (line + after - before)) > 0.5 * self.periods
        way = self.scale * line
        with np.errstate(invalid="ignore", divide="ignore"):
            old, new = ((self.scale * gone * way).sum(axis=1) / (way * way).sum(axis=1) for gone in (before, after))
        along = ~detour.any(axis=1)
        return np.where(along, old, np.nan), np.where(along, 1.0 + new, np.nan)


@dataclass(frozen=True)
class InterimFreeEnergy:
    """One profile of the free energy for each pair of states.

    Attributes:
        coordinate: the ways between the states.
        profiles: (states, states, grid) at `PROGRESS` [kT]; from b to a it is that from a to b read backwards.
        known: whether there were paths enough to tell; all others are run to their end, and so are those that go
            another way round a circle.
    """

    coordinate: ProgressCoordinate
    profiles: Float[np.ndarray, "states states grid"]
    known: Bool[np.ndarray, "states states"]

    def criterion(self, start: CVPoints, end: CVPoints, log_q_old: PerPath, log_threshold: PerPath) -> EarlyRejection:
        """What decides paths between first and last points, given ln u."""
        states = self.coordinate.states
        a, b = states.assign(start), states.assign(end)
        progress = self.coordinate.progress(start, end, a, b)
        decided = (a >= 0) & (b >= 0) & self.known[a, b] & np.isfinite(progress[0])
        old, new = (np.where(decided, place, 0.0) for place in progress)
        profile = np.where(decided[:, None], self.profiles[a, b], 0.0)
        return EarlyRejection(np.where(decided, log_threshold, -np.inf), log_q_old, old, new, profile)


def progress_between(states: States, samples: CVPoints, scale: Point, periods: Point) -> ProgressCoordinate:
    """The ways between the states, from CV values that walkers visited."""
    inside = states.assign(samples)
    means = [
        mean(samples[inside == i], periods) if (inside == i).any() else np.full(len(scale), np.nan)
        for i in range(len(states.names))
    ]
    return ProgressCoordinate(states, np.array(means), scale, periods)


def unknown(coordinate: ProgressCoordinate) -> InterimFreeEnergy:
    """Before any path was run: no path is given up, but all are looked at."""
    count = len(coordinate.states.names)
    return InterimFreeEnergy(coordinate, np.zeros((count, count, len(PROGRESS))), np.zeros((count, count), dtype=bool))


def estimated(turns: np.ndarray, coordinate: ProgressCoordinate) -> InterimFreeEnergy:
    """Profiles from the rows of turns whose paths were looked at and run to their end.

    In each direction, -log q at the start plus the work so far is the free energy plus what is dissipated, which grows
    evenly: its mean over both directions is the free energy plus a constant, half of what a whole path dissipates. It
    is raised to where ΔF costs least.
    """
    whole = np.isfinite(turns["interim"]).all(axis=1) & (turns["outcome"] == Outcome.COMPLETED)
    turns, found = turns[whole], unknown(coordinate)
    start, end = (coordinate.states.assign(turns[name]) for name in ("centre_old", "centre_new"))
    for b in range(len(coordinate.states.names)):
        for a in range(b):
            there = _ways(turns[(start == a) & (end == b)], coordinate, a, b)
            back = _ways(turns[(start == b) & (end == a)], coordinate, b, a)
            if min(len(there.works), len(back.works)) >= FEWEST:
                dissipated = 0.5 * (np.median(there.lost) + np.median(back.lost))
                raised = allowance(dissipated) - 0.5 * dissipated
                found.profiles[a, b] = 0.5 * (_risen(there) + _mirrored(_risen(back))) + raised
                found.profiles[b, a] = _mirrored(found.profiles[a, b])
                found.known[a, b] = found.known[b, a] = True
    return found


class _Ways(NamedTuple):
    """Paths from one state to another that go along the line between them: where from and to, and what they lost."""

    old: PerPath
    new: PerPath
    works: Float[np.ndarray, "paths knots"]
    """-log q at the start plus the work so far, at `FRACTIONS`."""
    lost: PerPath
    """Work of the whole path, less the difference of -log q at its ends."""


def _ways(rows: np.ndarray, coordinate: ProgressCoordinate, a: int, b: int) -> _Ways:
    old, new = coordinate.progress(rows["centre_old"], rows["centre_new"], np.full(len(rows), a), np.full(len(rows), b))
    along = np.isfinite(old)
    works = rows["interim"] - rows["log_q_old"][:, None]
    return _Ways(old[along], new[along], works[along], (works[:, -1] + rows["log_q_new"])[along])


def _risen(ways: _Ways) -> Profile:
    """Median of -log q at the start plus the work so far, by the progress."""
    values: Profiles = np.array(
        [
            np.interp(PROGRESS, *_rising(x + (y - x) * FRACTIONS, works), left=np.nan, right=np.nan)
            for x, y, works in zip(ways.old, ways.new, ways.works, strict=True)
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
