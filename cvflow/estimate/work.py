"""Free-energy differences from the works of proposals between states, accepted or not (Bennett's acceptance ratio)."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from pymbar import other_estimators
from pymbar.utils import BoundsError, ConvergenceError, ParameterError

from cvflow.estimate.convergence import production
from cvflow.flow.io import from_bytes
from cvflow.states import States
from cvflow.store import Record

_NEVER = 500.0
"""Work [kT] that stands for a path that does not connect the states: its Fermi weight is zero."""

_BLOCKS = 10
"""Blocks a walker, resampled for the error."""

Works = Float[np.ndarray, "_paths"]


class CrossingWorks(NamedTuple):
    """w of every proposal from one state into the other, with the block it belongs to."""

    forward: Works
    forward_block: np.ndarray
    reverse: Works
    reverse_block: np.ndarray


class Difference(NamedTuple):
    """F(to) - F(from) [kT]."""

    start: str
    end: str
    value: float
    stderr: float


def crossing_works(record: Record, start: int, end: int) -> CrossingWorks:
    """The works that BAR takes, of all production proposals between two states (indices into the header's states).

    w = W + log q_end(λ̃) - log q_start(λ_0), with q restricted to each state and normalised on it; docs/theory.md,
    eq. (11). A path that fails, or whose first centre or last configuration lies in another state, connects nothing:
    w = ∞. With that, the states are those of ξ(x), not of λ.
    """
    states = States(record.header.states, record.header.cvs)
    log_mass = _log_state_masses(record, states)
    turns = production(record)
    blocks = np.arange(turns.shape[1]) * _BLOCKS // turns.shape[1] + _BLOCKS * np.arange(len(turns))[:, None]
    rows, blocks = turns.reshape(-1), blocks.reshape(-1)
    old, aim = states.assign(rows["cv_old"]), states.assign(rows["centre_new"])
    first, last = states.assign(rows["centre_old"]), states.assign(rows["cv_end"])
    works = []
    for a, b in ((start, end), (end, start)):
        chosen = (old == a) & (aim == b)
        work = rows["work"] + (rows["log_q_new"] - log_mass[b]) - (rows["log_q_old"] - log_mass[a])
        connects = (first == a) & (last == b) & np.isfinite(work)
        works += [np.where(connects, np.minimum(work, _NEVER), _NEVER)[chosen], blocks[chosen]]
    return CrossingWorks(*works)


def bennett(works: CrossingWorks, start: str, end: str, seed: int) -> Difference:
    """BAR estimate [kT] with a block-bootstrap error; NaN where the works do not overlap.

    Source: Bennett, J. Comput. Phys. 1976; pymbar.
    """
    rng = np.random.default_rng(seed)
    value = _bar(works.forward, works.reverse)
    resampled = []
    present = np.union1d(works.forward_block, works.reverse_block)
    if min(len(np.unique(works.forward_block)), len(np.unique(works.reverse_block))) < 4:
        return Difference(start, end, value, float("nan"))
    for _ in range(100):
        times = np.zeros(present.max() + 1, dtype=int)
        np.add.at(times, rng.choice(present, size=len(present)), 1)
        forward = np.repeat(works.forward, times[works.forward_block])
        reverse = np.repeat(works.reverse, times[works.reverse_block])
        resampled.append(_bar(forward, reverse))
    spread = np.array(resampled)
    enough = np.isfinite(spread).sum() > 50
    return Difference(start, end, value, float(np.nanstd(spread)) if enough else float("nan"))


def _bar(forward: Works, reverse: Works) -> float:
    if not (forward < _NEVER).any() or not (reverse < _NEVER).any():
        return float("nan")
    try:
        return float(other_estimators.bar(forward, reverse, compute_uncertainty=False)["Delta_f"])
    except (BoundsError, ConvergenceError, ParameterError):
        return float("nan")


def _log_state_masses(record: Record, states: States) -> Float[np.ndarray, "states"]:
    """Log probability of each state under the frozen flow, by 200,000 draws (an error of 0.002 kT)."""
    points = _flow_points(record.flows[-1].data, record.header.seed)
    drawn = states.assign(points)
    masses = np.array([np.mean(drawn == i) for i in range(len(states.names))])
    with np.errstate(divide="ignore"):
        return np.log(masses)


@lru_cache(maxsize=1)
def _flow_points(flow: bytes, seed: int) -> Float[np.ndarray, "draws cvs"]:
    """Draws from a stored flow: costly in many dimensions, and wanted once a pair of states."""
    return from_bytes(flow).draw(200_000, np.random.default_rng(seed))
