"""Free-energy differences from the works of proposals between states, accepted or not (Bennett's acceptance ratio)."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import brentq
from scipy.special import expit

from cvflow.estimate.convergence import production
from cvflow.flow.io import from_bytes
from cvflow.states import States
from cvflow.store import Record

_NEVER = 500.0
"""Work [kT] that stands for a path that does not connect the states: its Fermi weight is zero."""

FLOW_DRAWS = 50_000
"""Draws that stand for the flow: they tell its weight of a state within 0.004 kT."""

_BLOCKS = 10
"""Blocks a walker, resampled for the error."""

Works = Float[np.ndarray, " _paths"]


class DirectedWorks(NamedTuple):
    """w of every proposal from one state into another, its weight, and the block it belongs to.

    Paths that were given up on their way have w = ∞; those that got to their end weigh one over the probability of
    getting there, so that sums over all proposals are what they would be had every path been run to its end.
    """

    works: Works
    weights: Works
    blocks: Int[np.ndarray, " _paths"]

    def repeated(self, times: Int[np.ndarray, " _blocks"]) -> "DirectedWorks":
        """With each block as many times as said."""
        return DirectedWorks(*(np.repeat(column, times[self.blocks]) for column in self))


class CrossingWorks(NamedTuple):
    """The works of both directions."""

    forward: DirectedWorks
    reverse: DirectedWorks


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
        works.append(
            DirectedWorks(
                np.where(connects, np.minimum(work, _NEVER), _NEVER)[chosen],
                np.exp(-rows["log_survival"][chosen]),
                blocks[chosen],
            )
        )
    return CrossingWorks(*works)


def bennett(works: CrossingWorks, start: str, end: str, seed: int) -> Difference:
    """BAR estimate [kT] with a block-bootstrap error; NaN where the works do not overlap.

    Source: Bennett, J. Comput. Phys. 1976; with weights, docs/theory.md, section 8.
    """
    rng = np.random.default_rng(seed)
    value = _bar(works.forward, works.reverse)
    present = np.union1d(works.forward.blocks, works.reverse.blocks)
    if min(len(np.unique(direction.blocks)) for direction in works) < 4:
        return Difference(start, end, value, float("nan"))
    resampled = []
    for _ in range(100):
        times = np.zeros(present.max() + 1, dtype=int)
        np.add.at(times, rng.choice(present, size=len(present)), 1)
        resampled.append(_bar(*(direction.repeated(times) for direction in works)))
    spread = np.array(resampled)
    enough = np.isfinite(spread).sum() > 50
    return Difference(start, end, value, float(np.nanstd(spread)) if enough else float("nan"))


def _bar(forward: DirectedWorks, reverse: DirectedWorks) -> float:
    """The root of Bennett's equation: as many Fermi functions forward as reverse. NaN where there is none."""
    if not (forward.works < _NEVER).any() or not (reverse.works < _NEVER).any():
        return float("nan")
    shift = np.log(len(forward.works) / len(reverse.works))

    def excess(difference: float) -> float:
        there = forward.weights @ expit(-(forward.works - difference + shift))
        back = reverse.weights @ expit(-(reverse.works + difference - shift))
        return float(np.log(there) - np.log(back))

    try:
        return float(brentq(excess, -0.5 * _NEVER, 0.5 * _NEVER))
    except ValueError:  # no change of sign: the works of the two directions lie worlds apart
        return float("nan")


def _log_state_masses(record: Record, states: States) -> Float[np.ndarray, " states"]:
    """Log probability of each state under the frozen flow, by draws from it."""
    points = flow_points(record.flows[-1].data, record.header.seed)
    drawn = states.assign(points)
    masses = np.array([np.mean(drawn == i) for i in range(len(states.names))])
    with np.errstate(divide="ignore"):
        return np.log(masses)


@lru_cache(maxsize=1)
def flow_points(flow: bytes, seed: int) -> Float[np.ndarray, "draws cvs"]:
    """Draws from a stored flow: costly in many dimensions, and wanted for each pair of states and each figure."""
    return from_bytes(flow).draw(FLOW_DRAWS, np.random.default_rng(seed))
