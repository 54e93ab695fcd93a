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
from cvflow.core.state_bias import StateBias, bias_of
from cvflow.core.states import States
from cvflow.estimate.convergence import production
from cvflow.estimate.draws import FLOW_DRAWS, flow_points
from cvflow.estimate.ways import PathPoints, Ways, visits
from cvflow.proposals.io import from_bytes
from cvflow.store import Header, Record, turn_type

_MOST_CVS = 2
"""Up to which it is known how many ways lead past a point: in more, those that can be drawn leave gaps between them."""


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

    None where there are more than two CVs, a kernel holds the CV exactly, or some path got to its end without a look:
    the engine does not look, the path is too short, or an older version made it. Left out of a mean over all turns it
    would count as zero.

    Raises:
        ValueError: a walker has no production turn yet.
    """
    header = record.header
    turns = production(record).reshape(-1)
    told = len(header.kappa) == len(header.cvs) <= _MOST_CVS
    chosen = np.flatnonzero(_crossing(turns, header)) if told else np.zeros(0, int)
    if not len(chosen) or not (turns["look_fraction"][chosen] > 0).any(axis=1).all():
        return _nothing(header)
    bias = record.state_bias
    rows, flow = turns[chosen].tobytes(), record.flows[-1].data
    path, cv, weight = _weighted(rows, flow, header.to_json(), bias.energies)
    every = np.concatenate([turns["cv_kept"], turns["cv"]])
    return PathSlices(chosen[path], cv, weight / np.exp(bias.of(every)).mean())


@lru_cache(maxsize=1)
def _weighted(rows: bytes, flow: bytes, header_text: str, energies: tuple[float, ...]) -> PathSlices:
    """Slices of crossing paths, whose turn is a row here: costly with several CVs, and wanted for each figure.

    Weights are those of chains under a bias of the states with these energies, but for its normalisation.
    """
    header = Header.from_json(header_text)
    paths = np.frombuffer(rows, turn_type(len(header.cvs)))
    fraction, work, cv = _along(paths)
    way = wrapped(paths["centre_new"] - paths["centre_old"], _periods(header))
    own = Ways(paths["centre_old"], way, fraction, _measure(fraction))
    ways, share = _proposed(flow, header, own)
    if not len(ways.start):
        return _nothing(header)
    seen = np.isfinite(work)
    bias = bias_of(States(header.states, header.cvs), energies)
    log_weight = (_log_prefactor(paths, header, bias) - np.log(share))[:, None] - work
    path = np.broadcast_to(np.arange(len(paths))[:, None], seen.shape)[seen]
    stiff = np.sqrt(np.array(header.kappa) / header.kT)
    visited = visits(cv[seen], ways, stiff, _periods(header))
    return PathSlices(path, cv[seen], np.exp(log_weight[seen]) * own.measure[seen] / visited)


def _nothing(header: Header) -> PathSlices:
    return PathSlices(np.zeros(0, int), np.zeros((0, len(header.cvs))), np.zeros(0))


def _crossing(turns: np.ndarray, header: Header) -> Bool[np.ndarray, " turns"]:
    """Paths from one named state into another that got to their end."""
    states = States(header.states, header.cvs)
    old, new = (states.assign(turns[name]) for name in ("centre_old", "centre_new"))
    return (turns["outcome"] == Outcome.COMPLETED) & (old >= 0) & (new >= 0) & (old != new)


def _proposed(flow: bytes, header: Header, made: Ways) -> tuple[Ways, float]:
    """Ways between two different states that the frozen flow proposes, and how many of all are such.

    λ_0 is drawn from q, which is its weight in a path, and λ̃ as it is proposed from there. Looks are those of the path
    that was made whose way is about as long: the number of its steps goes with that.
    """
    start = flow_points(flow, header.seed)[: FLOW_DRAWS // 2]
    end, proposed = from_bytes(flow).propose(start, np.random.default_rng([header.seed, 1]))
    states = States(header.states, header.cvs)
    old, new = states.assign(start), states.assign(end)
    between = proposed & (old >= 0) & (new >= 0) & (old != new)
    start, way = start[between], wrapped(end - start, _periods(header))[between]
    stiff = np.sqrt(header.kappa)
    lengths, wanted = (np.linalg.norm(stiff * each, axis=1) for each in (made.way, way))
    order = np.argsort(lengths)
    like = order[np.minimum(np.searchsorted(lengths[order], wanted), len(order) - 1)]
    return Ways(start, way, made.fraction[like], made.measure[like]), float(between.mean())


def _log_prefactor(paths: np.ndarray, header: Header, bias: StateBias) -> PerPath:
    """Logarithm of 2 c q(λ_0) e^V / (s (1 + a)): c is what e^(-βu) integrates to over λ, s the survival, V the bias."""
    width = np.sqrt(header.kT / np.array(header.kappa))
    with np.errstate(divide="ignore"):
        reach = 0.5 * _periods(header) / width
    log_c = np.log(np.sqrt(2 * np.pi) * width).sum() + np.log(ndtr(reach) - ndtr(-reach)).sum()
    begun, ended = (bias.of(paths[name]) for name in ("cv_old", "cv_end"))
    log_ratio = paths["log_q_old"] - paths["log_q_new"] - paths["work"] + begun - ended
    return np.log(2) + log_c + begun + paths["log_q_old"] - paths["log_survival"] - np.logaddexp(0.0, log_ratio)


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


def _periods(header: Header) -> Point:
    return np.array([np.inf if period is None else period for period in header.periods or [None] * len(header.cvs)])
