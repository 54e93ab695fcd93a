"""What ΔF will cost at a setting, from the works of pilot paths."""

from collections.abc import Sequence
from functools import lru_cache
from math import erfc, inf, nan, sqrt
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.optimize import nnls
from scipy.special import expit

from cvflow.core.early_rejection import FRACTIONS, KNOTS, allowance
from cvflow.core.states import States
from cvflow.sampler.interim_free_energy import FEWEST

_RESAMPLED = 100

Curves = Float[np.ndarray, "_paths knots"]


class Prospect(NamedTuple):
    """What pilot jumps between states lost at a setting.

    Attributes:
        steps: of a path between the states.
        dissipated: mean of the median works there and back [kT]; infinite where no paths connect the states.
        stderr: of `dissipated`.
        paths: that were looked at.
    """

    steps: float
    dissipated: float
    stderr: float
    paths: int


NOTHING = Prospect(nan, inf, nan, 0)

LEAST_VARIANCE = 0.5
"""Of a path on which nothing is lost [kT²]: its proposal's density, which pilots do not look at, scatters by itself."""

STRAIGHT = 15.0
"""Lost work [kT] up to which it falls as one over the path's length."""


class LossCurve(NamedTuple):
    """What is lost on paths of any length N between states: constant + falling / N [kT].

    Friction loses work in proportion to the speed, and the time step, or what never relaxes, some that no length saves.
    `shortest` and `longest` are the lengths that it was taken from.
    """

    constant: float
    falling: float
    shortest: float
    longest: float

    def at(self, steps: float) -> float:
        """Lost work [kT] on paths of so many steps."""
        return self.constant + self.falling / steps


def loss_curve(lengths: Sequence[float], prospects: Sequence[Prospect]) -> LossCurve | None:
    """The curve through what was lost at some lengths, neither part negative; None where fewer than three can tell.

    Args:
        lengths: time steps of a path between the states, as configured.
        prospects: what pilots lost at each.
    """
    near = [
        (steps, found)
        for steps, found in zip(lengths, prospects, strict=True)
        if found.dissipated < STRAIGHT and found.stderr > 0
    ]
    if len(near) < 3:
        return None
    steps = np.array([steps for steps, _ in near], dtype=float)
    weight = 1 / np.array([found.stderr for _, found in near])
    lost = np.array([found.dissipated for _, found in near])
    (constant, falling), _ = nnls(weight[:, None] * np.stack([np.ones_like(steps), 1 / steps], axis=1), weight * lost)
    return LossCurve(float(constant), float(falling), float(steps.min()), float(steps.max()))


def prospect(turns: np.ndarray, states: States, seed: int) -> Prospect:
    """Take what is lost from rows of pilot jumps that were run to their end.

    The medians of the works there and back are averaged: the states' free energies cancel, and the proposal's
    densities, poor before training, do not come in. Tails are not looked at, so that settings at which nothing is
    accepted can be compared.

    Args:
        turns: pilot jumps, all at one setting.
        states: named states.
        seed: of the bootstrap.
    """
    turns = turns[turns["steps"] > 0]
    lost = np.where(np.isfinite(turns["work"]), turns["work"], inf)
    start, end = (states.assign(turns[name]) for name in ("centre_old", "centre_new"))
    sides = [lost[(start == a) & (end == b)] for a, b in _pairs(len(states.names))]
    pairs = [pair for pair in zip(sides[::2], sides[1::2], strict=True) if all(len(side) >= FEWEST for side in pair)]
    if not pairs:
        return NOTHING
    rng, between = np.random.default_rng(seed), (start >= 0) & (end >= 0) & (start != end)
    again = [_lost([[rng.choice(side, len(side)) for side in pair] for pair in pairs]) for _ in range(_RESAMPLED)]
    finite = [value for value in again if value < inf]
    stderr = float(np.std(finite)) if finite else nan
    return Prospect(float(turns["steps"][between].mean()), _lost(pairs), stderr, int(between.sum()))


def price(dissipated: float, *, gives_up: bool) -> float:
    """Path lengths that are run for ΔF ± 1 kT, if works are normal and obey Crooks' relation, lost evenly on the way.

    Paths that are given up count as what they ran.

    Args:
        dissipated: mean work lost on a path [kT].
        gives_up: whether paths are given up early.
    """
    path = path_chance(dissipated, gives_up=gives_up)
    return path.travelled * path.paths


class PathChance(NamedTuple):
    """Of a path between states.

    Attributes:
        acceptance: the probability that it is accepted.
        travelled: the fraction of its way that it goes.
        variance: of ΔF by BAR [kT²], times the number of paths, as many there as back.
    """

    acceptance: float
    travelled: float
    variance: float

    @property
    def paths(self) -> float:
        """That bring ΔF to ± 1 kT, by BAR and as mode changes, of which M bring the chains to 2/√M kT.

        As if the two were independent: BAR alone would have paths that are ever longer, and the chains too few changes
        to be a check on it.
        """
        worth = 1 / max(self.variance, LEAST_VARIANCE) + 0.25 * self.acceptance
        return 1 / worth if worth > 0 else inf


def path_chance(dissipated: float, *, gives_up: bool) -> PathChance:
    """What becomes of a path on which so much work [kT] is lost, by the same law as `price`.

    Works on the way are those of a Brownian walk with a drift. Means over their ends come from the walk without it, by
    Girsanov's weights: what BAR lives on is rare with the drift. The variance is Bennett's, J. Comput. Phys. 22, 245
    (1976), with a path's weight where it may be given up.
    """
    lost = max(dissipated, 0.0)
    free = sqrt(2 * lost) * _diffusion()
    end = free[:, -1]
    drifted = np.exp(0.5 * end - 0.25 * lost)
    fermi = expit(-end)
    log_survival = _log_survival(free, lost) if gives_up else np.zeros_like(end)
    seen = float((drifted * fermi).mean())
    variance = 4 * (float((drifted * fermi**2 * np.exp(-log_survival)).mean()) / seen**2 - 1) if seen**2 > 0 else inf
    if not gives_up:
        return PathChance(erfc(0.5 * sqrt(lost)), 1.0, variance)
    acceptance = float((drifted * np.exp(np.minimum(log_survival, -end))).mean())
    return PathChance(acceptance, _travelled(free + lost * FRACTIONS, lost), variance)


@lru_cache(maxsize=1)
def _diffusion() -> Curves:
    """Brownian paths over the fractions of the way: the same for every price, so that prices vary smoothly."""
    steps = np.random.default_rng(0).standard_normal((4000, KNOTS - 1)) / sqrt(KNOTS - 1)
    return np.concatenate([np.zeros((len(steps), 1)), steps.cumsum(axis=1)], axis=1)


def _log_survival(works: Curves, dissipated: float) -> Float[np.ndarray, " _paths"]:
    """Log probability that a path gets to its end, given its works on the way."""
    return np.minimum(0.0, allowance(dissipated) - works[:, :-1].max(axis=1))


def _travelled(works: Curves, dissipated: float) -> float:
    """Fraction of its way that a path is expected to go before it is given up."""
    highest = np.maximum.accumulate(works[:, :-1], axis=1)
    return float(np.exp(np.minimum(0.0, allowance(dissipated) - highest)).sum(axis=1).mean()) / (KNOTS - 1)


def _pairs(states: int) -> list[tuple[int, int]]:
    return [pair for b in range(states) for a in range(b) for pair in ((a, b), (b, a))]


def _lost(pairs: Sequence[Sequence[Float[np.ndarray, " _paths"]]]) -> float:
    return float(np.mean([0.5 * (np.median(there) + np.median(back)) for there, back in pairs]))
