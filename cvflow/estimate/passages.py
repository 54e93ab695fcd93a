"""Who went where: proposals and passages between every two named states, and what paths of each fate cost."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from cvflow.core.frames import Outcome
from cvflow.core.states import States
from cvflow.estimate.convergence import production
from cvflow.estimate.modes import last_states
from cvflow.store import Record

Counts = Int[np.ndarray, "states states"]


class StatePassages(NamedTuple):
    """Of production, from each named state (row) into each (column).

    Attributes:
        proposed: jumps whose aim λ̃ lies in the column's state.
        accepted: those of them that got there.
        moved: turns, jump and local move together, by the state last visited before and after.
    """

    proposed: Counts
    accepted: Counts
    moved: Counts

    @property
    def probability(self) -> Float[np.ndarray, "states states"]:
        """Of being in the column's state after a turn that began in the row's; NaN for states no turn began in."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.moved / self.moved.sum(axis=1, keepdims=True))


class Spent(NamedTuple):
    """Paths of production with one fate, and the time steps they took."""

    fate: str
    paths: int
    steps: int


def passages(record: Record) -> StatePassages:
    """Count them.

    Raises:
        ValueError: a walker has no production turn yet.
    """
    states, turns = States(record.header.states, record.header.cvs), production(record).reshape(-1)
    start, aim, kept = (states.assign(turns[name]) for name in ("cv_old", "centre_new", "cv_kept"))
    visited = last_states(record)[:, 1::2]
    arrived = np.where(turns["accepted"] & (kept == aim), start, -1)
    pairs = ((start, aim), (arrived, aim), (visited[:, :-1].reshape(-1), visited[:, 1:].reshape(-1)))
    return StatePassages(*(_pairs(before, after, len(states.names)) for before, after in pairs))


def spent(record: Record) -> list[Spent]:
    """Where the time steps of production's paths went; fates without a path are left out."""
    turns = record.turns[record.turns["production"]]
    states = States(record.header.states, record.header.cvs)
    start, kept = states.assign(turns["cv_old"]), states.assign(turns["cv_kept"])
    ran, taken, outcome = turns["steps"] > 0, turns["accepted"], turns["outcome"]
    changed = taken & (start >= 0) & (kept >= 0) & (start != kept)
    ended = outcome == Outcome.COMPLETED
    fates = {
        "accepted into another state": changed,
        "accepted, in the same state": taken & ~changed,
        "run to the end and rejected": ~taken & ended,
        "given up on the way": ~taken & (outcome == Outcome.GIVEN_UP),
        "failed": ~taken & ~ended & (outcome != Outcome.GIVEN_UP),
    }
    found = [Spent(fate, int((ran & of).sum()), int(turns["steps"][ran & of].sum())) for fate, of in fates.items()]
    return [one for one in found if one.paths]


def _pairs(start: Int[np.ndarray, " turns"], end: Int[np.ndarray, " turns"], states: int) -> Counts:
    named = (start >= 0) & (end >= 0)
    return np.bincount(start[named] * states + end[named], minlength=states * states).reshape(states, states)
