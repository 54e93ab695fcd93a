"""Proposals of production from one named state into another, accepted or not: their works and their chances."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from cvflow.core.states import States
from cvflow.estimate.convergence import production
from cvflow.estimate.draws import PerState, StateMasses, state_masses
from cvflow.proposals.io import from_bytes
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
        chances: of each component of the proposal, to be what λ̃ was drawn from.
        masses: of the states under the components.
        bias: V of the states [kT], which ln a holds.
    """

    start: Int[np.ndarray, "walkers turns"]
    aim: Int[np.ndarray, "walkers turns"]
    connects: Bool[np.ndarray, "walkers turns"]
    log_ratio: PerTurn
    log_survival: PerTurn
    chances: Float[np.ndarray, "walkers turns components"]
    masses: StateMasses
    bias: PerState

    @property
    def chance(self) -> PerTurn:
        """Probability of acceptance of each path that got to its end, given that it did; zero for all others.

        A path got there with probability s and is accepted with probability min(s, a) in all, so this is
        min(1, a/s): its mean over all proposals, paths that were given up included, is that of min(s, a).
        """
        return np.exp(np.minimum(self.log_ratio - self.log_survival, 0.0))

    @property
    def states(self) -> int:
        """Number of named states."""
        return self.masses.mass.shape[1]

    @property
    def starts(self) -> PerState:
        """Turns that start in each state, whether something was proposed or not."""
        return np.bincount(self.start[self.start >= 0], minlength=self.states).astype(float)

    @property
    def shares(self) -> Float[np.ndarray, "states components"]:
        """Mean chance of each component over the turns that start in each state; zero where none does."""
        sums = np.stack([self.chances[self.start == state].sum(axis=0) for state in range(self.states)])
        return np.asarray(sums / np.maximum(self.starts, 1)[:, None])

    @property
    def expected(self) -> Float[np.ndarray, "states states"]:
        """Probability of a turn that starts in one state to propose a point in another one, row into column."""
        return self.shares @ self.masses.mass

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
    connects nothing. With that, the states are those of ξ(x), not of λ. Where nothing was proposed, there is no aim.

    Raises:
        ValueError: a walker has no production turn yet.
    """
    states = States(record.header.states, record.header.cvs)
    turns = production(record)
    old, aim, first, last = (
        states.assign(turns[name].reshape(-1, len(record.header.cvs))).reshape(turns.shape)
        for name in ("cv_old", "centre_new", "centre_old", "cv_end")
    )
    before, after = (
        record.state_bias.of(turns[name].reshape(-1, len(record.header.cvs))).reshape(turns.shape)
        for name in ("cv_old", "cv_end")
    )
    log_ratio = turns["log_q_old"] - turns["log_q_new"] - turns["work"] - (after - before)
    flow = from_bytes(record.flows[-1].data)
    chances = flow.chances(turns["centre_old"].reshape(-1, len(record.header.cvs))).reshape(*turns.shape, -1)
    connects = (first == old) & (last == aim) & np.isfinite(turns["work"])
    log_ratio = np.where(connects, log_ratio, -np.inf)
    survival, masses = turns["log_survival"], state_masses(record)
    return Proposals(old, aim, connects, log_ratio, survival, chances, masses, record.state_energies)


def crossing_works(record: Record, start: int, end: int) -> CrossingWorks:
    """Works of all production proposals between two states (indices into the header's), accepted or not.

    w = W + log q(λ̃) - log q(λ_0), less the logarithm of how probable it is to propose `end` from `start` over that of
    the way back; docs/theory.md, eq. (11). The histograms of both directions cross at ΔF.

    Raises:
        ValueError: a walker has no production turn yet.
    """
    made = proposals(record)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_expected = np.log(made.expected)
        works = [
            -made.log_ratio + made.bias[a] - made.bias[b] - log_expected[a, b] + log_expected[b, a]
            for a, b in ((start, end), (end, start))
        ]
    directions = [made.between(start, end), made.between(end, start)]
    return CrossingWorks(
        *(
            DirectedWorks(
                np.where(made.connects, np.fmin(work, _NEVER), _NEVER)[chosen], np.exp(-made.log_survival[chosen])
            )
            for work, chosen in zip(works, directions, strict=True)
        )
    )
