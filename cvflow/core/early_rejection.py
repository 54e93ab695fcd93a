"""Early rejection: what decides a path is known before it begins, so that it can be given up on its way.

The uniform number u of the Metropolis decision is drawn first. At points on the way that read the same backwards the
path is held against it: ℓ is what log a would be if the path ended there, and the path does end when ℓ < ln u. It is
then accepted with probability min(1, min exp ℓ), which is in detailed balance as min(1, a) is (docs/theory.md,
eq. (17)).
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from cvflow.core.acceptance import interim_log_acceptance

KNOTS = 17
"""Points at equal fractions of the way, both ends included, where the works of pilot paths are written down."""

FRACTIONS = np.linspace(0.0, 1.0, KNOTS)

PROGRESS = np.linspace(-0.25, 1.25, 25)
"""Grid of a free-energy profile from one state (0) to another (1)."""

PerPath = Float[np.ndarray, " paths"]
Profile = Float[np.ndarray, " grid"]
Profiles = Float[np.ndarray, "paths grid"]
Rows = Int[np.ndarray, " rows"]
OfRows = Float[np.ndarray, " rows"]


class EarlyRejection(NamedTuple):
    """What is known of paths before they begin; kT.

    Attributes:
        log_uniform: logarithm of the number that decides; -inf for a path that is run to its end.
        log_q_old: log density of the proposal where the path begins, plus the states' bias there.
        progress_old: where it begins on the way between the two states.
        progress_new: where it ends.
        profile: free energies on that way at `PROGRESS`; -log q of the same proposal, as far as it is right.
    """

    log_uniform: PerPath
    log_q_old: PerPath
    progress_old: PerPath
    progress_new: PerPath
    profile: Profiles

    def log_acceptance(self, rows: Rows, fraction: OfRows, work: OfRows) -> OfRows:
        """ℓ of some paths at a fraction of their way, given the work so far [kT]."""
        here = self.progress_old[rows] + fraction * (self.progress_new[rows] - self.progress_old[rows])
        return interim_log_acceptance(self.log_q_old[rows], profile_at(self.profile[rows], here), work)


def profile_at(profiles: Profiles, progress: PerPath) -> PerPath:
    """Each path's profile where it is, linearly between the points of the grid and constant outside."""
    step = PROGRESS[1] - PROGRESS[0]
    place = np.clip((progress - PROGRESS[0]) / step, 0.0, len(PROGRESS) - 1)
    knot = np.minimum(place.astype(int), len(PROGRESS) - 2)
    row, rest = np.arange(len(profiles)), place - knot
    return (1 - rest) * profiles[row, knot] + rest * profiles[row, knot + 1]


def allowance(dissipated: float) -> float:
    """How far above the free energy [kT] a profile is best held, where so much work [kT] is lost on whole paths.

    Held closer, fewer path steps are made for one that is accepted, but few works are left, with very different
    weights, and ΔF comes from these: least force evaluations for an error of BAR, from simulated Brownian works
    (docs/theory.md, 8.1).
    """
    return max(2.5, 1.0 + 0.5 * dissipated)


@dataclass
class PathMonitor:
    """Keeps an eye on paths under way, and gives up those that cannot be accepted any more.

    Attributes:
        lengths: steps of each path.
        criterion: what decides them; nobody looks without.
        ends: steps after which each path ends or was given up.
        log_survival: log probability of coming this far, given the path.
    """

    lengths: Int[np.ndarray, " paths"]
    criterion: EarlyRejection | None
    ends: Int[np.ndarray, " paths"] = field(init=False)
    log_survival: PerPath = field(init=False)
    _seen: list[tuple[Rows, OfRows, OfRows]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.ends = self.lengths.astype(np.int64)
        self.log_survival = np.zeros(len(self.lengths))

    @property
    def given_up(self) -> Bool[np.ndarray, " paths"]:
        """Paths that did not get to their end."""
        return self.ends < self.lengths

    def look(self, step: int, rows: Rows, fraction: OfRows, work: OfRows) -> None:
        """Hold the paths in `rows` against their criterion after so many steps; a NaN is left to the path's end.

        Args:
            step: steps made.
            rows: paths that made them.
            fraction: of the way, of each.
            work: so far [kT], of each.
        """
        assert self.criterion is not None
        inside = self.ends[rows] > step
        rows, fraction, work = rows[inside], fraction[inside], work[inside]
        threshold = self.criterion.log_uniform[rows]
        log_ratio = self.criterion.log_acceptance(rows, fraction, work)
        decided = threshold > -np.inf
        self.log_survival[rows[decided]] = np.fmin(self.log_survival[rows], log_ratio)[decided]
        self.ends[rows[log_ratio < threshold]] = step
        self._seen.append((rows[~decided], fraction[~decided], work[~decided]))

    def interim(self, work: PerPath) -> Float[np.ndarray, "paths knots"]:
        """Works so far at `FRACTIONS`, of paths that were looked at and not decided; NaN for the others.

        Args:
            work: of the whole paths [kT].
        """
        found = np.full((len(self.lengths), KNOTS), np.nan)
        if not self._seen:
            return found
        rows, fraction, works = (np.concatenate(column) for column in zip(*self._seen, strict=True))
        order = np.lexsort((fraction, rows))
        for path in np.split(order, np.flatnonzero(np.diff(rows[order])) + 1):
            if len(path):
                row = rows[path[0]]
                at = np.concatenate([[0.0], fraction[path], [1.0]])
                found[row] = np.interp(FRACTIONS, at, np.concatenate([[0.0], works[path], [work[row]]]))
        return found
