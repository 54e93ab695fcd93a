"""What mode changes will cost at a setting, foretold from the works of a few pilot paths between the states.

Every path tells its own acceptance probability and the steps it would take, averaged over the number that decides it;
so a few dozen paths say what a run of hundreds of jumps would count.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import inf, nan
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import brentq

from cvflow.accept import log_acceptance
from cvflow.barriers import Barriers
from cvflow.stakes import FRACTIONS, KNOTS

_WORST = -50.0
"""Log acceptance [kT] that stands for a failed path."""

_RESAMPLED = 100

LIFTS = np.linspace(-4.0, 4.0, 33)
"""Constants [kT] tried on top of a profile."""

Curves = Float[np.ndarray, "_paths knots"]


class Prospect(NamedTuple):
    """Foretold for a proposal that has the states' weights right, and jumps between states alone.

    Attributes:
        acceptance: of jumps between the states, both directions alike.
        steps: of a path, given up early where it is.
        paths: that were looked at.
        stderr: of `steps_per_mode_change`.
    """

    acceptance: float
    steps: float
    paths: int
    stderr: float

    @property
    def steps_per_mode_change(self) -> float:
        """Path steps for one accepted jump."""
        return self.steps / self.acceptance if self.acceptance > 0 else inf


NOTHING = Prospect(0.0, nan, 0, nan)


class _Direction(NamedTuple):
    """Pilot paths from one state to another: ln a on the way at the knots, and lengths."""

    curves: Curves
    lengths: Float[np.ndarray, "_paths"]


def loosened(turns: np.ndarray, barriers: Barriers) -> Barriers:
    """The profiles lifted by the constants that promise the least steps per mode change.

    A profile too low gives up good paths, one too high none at all. The same constant serves both directions of a pair.
    """
    heights = barriers.heights.copy()
    for a, b in np.argwhere(np.triu(barriers.known, 1)).tolist():
        costs = []
        for lift in LIFTS:
            lifted = replace(barriers, heights=barriers.heights + lift)
            costs.append(_cost(_expected([_pair(turns, lifted, a, b)], gives_up=True)))
        best = LIFTS[int(np.argmin(costs))]
        heights[a, b] += best
        heights[b, a] += best
    return replace(barriers, heights=heights)


def prospect(turns: np.ndarray, barriers: Barriers, gives_up: bool, seed: int) -> Prospect:
    """Foretell from rows whose paths were looked at and run to their end.

    Args:
        turns: of pilot jumps, all at one setting.
        barriers: what paths will be held against.
        gives_up: whether they will be.
        seed: of the bootstrap.
    """
    known = np.argwhere(np.triu(barriers.known, 1)).tolist()
    pairs = [_pair(turns, barriers, a, b) for a, b in known]
    if not pairs:
        return NOTHING
    acceptance, steps = _expected(pairs, gives_up)
    rng = np.random.default_rng(seed)
    costs = [
        _cost(_expected([tuple(_resampled(side, rng) for side in pair) for pair in pairs], gives_up))
        for _ in range(_RESAMPLED)
    ]
    return Prospect(acceptance, steps, sum(len(side.curves) for pair in pairs for side in pair), float(np.std(costs)))


def _pair(turns: np.ndarray, barriers: Barriers, a: int, b: int) -> tuple[_Direction, _Direction]:
    """What the paths between two states would have been held against, both ways."""
    start, end = (barriers.axes.states.assign(turns[name]) for name in ("centre_old", "centre_new"))
    seen = np.isfinite(turns["interim"]).all(axis=1) | (~np.isfinite(turns["work"]) & (turns["steps"] > 0))
    return (
        _direction(turns[seen & (start == a) & (end == b)], barriers),
        _direction(turns[seen & (start == b) & (end == a)], barriers),
    )


def _direction(turns: np.ndarray, barriers: Barriers) -> _Direction:
    stakes = barriers.stakes(turns["centre_old"], turns["centre_new"], turns["log_q_old"], np.zeros(len(turns)))
    every, curves = np.arange(len(turns)), np.zeros((len(turns), KNOTS))
    for knot in range(1, KNOTS - 1):
        works = turns["interim"][:, knot].astype(float)
        curves[:, knot] = stakes.log_acceptance(every, np.full(len(turns), FRACTIONS[knot]), works)
    curves[:, -1] = log_acceptance(turns["log_q_old"], turns["log_q_new"], turns["work"])
    return _Direction(np.where(np.isfinite(curves), curves, _WORST), turns["steps"].astype(float))


def _cost(expected: tuple[float, float]) -> float:
    acceptance, steps = expected
    return steps / max(acceptance, 1e-9)


def _expected(pairs: Sequence[tuple[_Direction, ...]], gives_up: bool) -> tuple[float, float]:
    """Acceptance and steps of a path, averaged over all directions."""
    found = []
    for there, back in pairs:
        shift = _balance(there.curves, back.curves, gives_up)
        for side, sign in ((there, 1.0), (back, -1.0)):
            curves = side.curves + sign * shift * FRACTIONS
            found.append((_acceptance(curves, gives_up).mean(), (_travelled(curves, gives_up) * side.lengths).mean()))
    acceptance, steps = np.mean(found, axis=0)
    return float(acceptance), float(steps)


def _balance(there: Curves, back: Curves, gives_up: bool) -> float:
    """The error [kT] in the proposal's weights of the two states: without it both directions are accepted alike."""

    def excess(shift: float) -> float:
        forward = _acceptance(there + shift * FRACTIONS, gives_up).mean()
        return float(forward - _acceptance(back - shift * FRACTIONS, gives_up).mean())

    return float(brentq(excess, 2 * _WORST, -2 * _WORST)) if excess(2 * _WORST) < 0 < excess(-2 * _WORST) else 0.0


def _acceptance(curves: Curves, gives_up: bool) -> Float[np.ndarray, "_paths"]:
    deciding = curves.min(axis=1) if gives_up else curves[:, -1]
    return np.exp(np.minimum(0.0, deciding))


def _travelled(curves: Curves, gives_up: bool) -> Float[np.ndarray, "_paths"]:
    """Fraction of its way that a path is expected to go before it is given up."""
    if not gives_up:
        return np.ones(len(curves))
    alive = np.exp(np.minimum(0.0, np.minimum.accumulate(curves, axis=1)))
    return alive[:, :-1].sum(axis=1) / (KNOTS - 1)


def _resampled(side: _Direction, rng: np.random.Generator) -> _Direction:
    rows: Int[np.ndarray, paths] = rng.integers(len(side.curves), size=len(side.curves))
    return _Direction(side.curves[rows], side.lengths[rows])
