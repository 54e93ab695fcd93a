"""Proposals of production from one named state into another, accepted or not: their works and their chances."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from cvflow.core.states import States
from cvflow.estimate.convergence import production
from cvflow.estimate.draws import state_masses
from cvflow.store import Record

_NEVER = 500.0
"""Work [kT] that stands for a path that does not connect the states: it is never accepted."""

Works = Float[np.ndarray, " _paths"]
PerTurn = Float[np.ndarray, "walkers turns"]


class Proposals(NamedTuple):
    """Production's proposals, walkers by turns; states are indices into the header's, -1 for none.

    Attributes:
        start: state of ξ at the jump's start.
        aim: state that λ̃ lies in.
        connects: whether the path got to its end, with its first centre in `start` and its end in `aim`.
        log_ratio: ln a of docs/theory.md, eq. (5), -inf for paths that connect nothing.
        log_survival: log probability that a path was not given up before its end.
    """

    start: Int[np.ndarray, "walkers turns"]
    aim: Int[np.ndarray, "walkers turns"]
    connects: Bool[np.ndarray, "walkers turns"]
    log_ratio: PerTurn
    log_survival: PerTurn

    @property
    def chance(self) -> PerTurn:
        """Probability of acceptance of each path that got to its end, given that it did; zero for all others.

        A path got there with probability s and is accepted with probability min(s, a) in all, so this is
        min(1, a/s): its mean over all proposals, paths that were given up included, is that of min(s, a).
        """
        return np.exp(np.minimum(self.log_ratio - self.log_survival, 0.0))

    def between(self, start: int, aim: int) -> Bool[np.ndarray, "walkers turns"]:
        """Proposals from one state into another."""
        return (self.start == start) & (self.aim == aim)


class DirectedWorks(NamedTuple):
    """w of every proposal from one state into another, and its weight.

    Paths that were given up on their way have w = 500 kT; those that got to their end weigh one over the probability of
    getting there, so that sums over all proposals are what they would be had every path been run to its end.
    """

    works: Works
    weights: Works


class CrossingWorks(NamedTuple):
    """The works of both directions."""

    forward: DirectedWorks
    reverse: DirectedWorks


def proposals(record: Record) -> Proposals:
    """All jumps of production.

    A path that fails, or whose first centre or last configuration lies in another state than its start and its aim,
    connects nothing. With that, the states are those of ξ(x), not of λ.

    Raises:
        ValueError: a walker has no production turn yet.
    """
    states = States(record.header.states, record.header.cvs)
    turns = production(record)
    old, aim, first, last = (
        states.assign(turns[name].reshape(-1, len(record.header.cvs))).reshape(turns.shape)
        for name in ("cv_old", "centre_new", "centre_old", "cv_end")
    )
    log_ratio = turns["log_q_old"] - turns["log_q_new"] - turns["work"]
    connects = (first == old) & (last == aim) & np.isfinite(turns["work"])
    return Proposals(old, aim, connects, np.where(connects, log_ratio, -np.inf), turns["log_survival"])


def crossing_works(record: Record, start: int, end: int) -> CrossingWorks:
    """Works of all production proposals between two states (indices into the header's), accepted or not.

    w = W + log q_end(λ̃) - log q_start(λ_0), with q restricted to each state and normalised on it; docs/theory.md,
    eq. (11). The histograms of both directions cross at ΔF.

    Raises:
        ValueError: a walker has no production turn yet.
    """
    made = proposals(record)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_mass = np.log(state_masses(record).mass)
        works = [-made.log_ratio - log_mass[b] + log_mass[a] for a, b in ((start, end), (end, start))]
    directions = [made.between(start, end), made.between(end, start)]
    return CrossingWorks(
        *(
            DirectedWorks(
                np.where(made.connects, np.fmin(work, _NEVER), _NEVER)[chosen], np.exp(-made.log_survival[chosen])
            )
            for work, chosen in zip(works, directions, strict=True)
        )
    )
