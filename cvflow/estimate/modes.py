"""Mode changes: how often a chain gets from one named state into another, by jumps and by local moves."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int
from scipy.sparse.csgraph import connected_components

from cvflow.core.states import States, last_named
from cvflow.estimate.convergence import cv_chains, production
from cvflow.estimate.correlation import correlation_window
from cvflow.store import Record


class ModeCount(NamedTuple):
    """Counts over production."""

    mode_changes: int
    local_crossings: int
    between_proposed: int
    between_accepted: int


class Crossings(NamedTuple):
    """Masks over the turns of one chain."""

    by_jump: Bool[np.ndarray, " turns"]
    by_local_move: Bool[np.ndarray, " turns"]


def count_modes(record: Record) -> ModeCount:
    """Count mode changes, and jumps proposed and accepted between named states.

    A mode change is a jump accepted into another named state than the last visited; crossings by local moves are
    counted apart. A jump between states starts in one and is proposed (λ̃) into another.
    """
    states = States(record.header.states, record.header.cvs)
    turns = production(record)
    found = [crossings(chain, states) for chain in turns]
    between, accepted = between_states(turns.reshape(-1), states)
    return ModeCount(
        mode_changes=int(sum(chain.by_jump.sum() for chain in found)),
        local_crossings=int(sum(chain.by_local_move.sum() for chain in found)),
        between_proposed=int(between.sum()),
        between_accepted=int(accepted.sum()),
    )


def crossings(chain: np.ndarray, states: States) -> Crossings:
    """Which jumps and which local moves of one chain ended in another named state than the last visited."""
    visited = np.stack([states.assign(chain[name]) for name in ("cv_old", "cv_kept", "cv")], axis=1)
    last = last_named(visited.reshape(-1)).reshape(visited.shape)
    moved = (last[:, :-1] >= 0) & (last[:, 1:] != last[:, :-1])
    return Crossings(moved[:, 0], moved[:, 1])


def last_states(record: Record) -> Int[np.ndarray, "walkers draws"]:
    """Index of the named state that each chain visited last, two a turn; -1 before the first one."""
    states = States(record.header.states, record.header.cvs)
    return np.stack([last_named(states.assign(chain)) for chain in cv_chains(record)])


def joined(record: Record) -> Int[np.ndarray, " states"]:
    """Number of the group that each named state belongs to: those between which chains went there and back.

    By jumps or local moves, by way of other states or of one walker there and another one back. Only within a group
    does the time that chains spend in each state say anything about free energies.
    """
    visited, count = last_states(record), len(record.header.states)
    before, after = visited[:, :-1], visited[:, 1:]
    moved = (before >= 0) & (before != after)
    seen = np.bincount(before[moved] * count + after[moved], minlength=count * count).reshape(count, count)
    return np.asarray(connected_components(seen, directed=True, connection="strong")[1])


def state_window(record: Record) -> int:
    """Turns over which the chains' states are correlated: the longest window of the indicators of all named states.

    Fluxes between the states, whose autocovariance may be negative and finds no window by itself, take it as well.
    """
    states = States(record.header.states, record.header.cvs)
    visited = np.stack([states.assign(chain) for chain in cv_chains(record)])
    inside = [(visited == index).reshape(len(visited), -1, 2).mean(axis=2) for index in range(len(states.names))]
    return max((correlation_window(share) for share in inside), default=1)


def between_states(turns: np.ndarray, states: States) -> tuple[np.ndarray, np.ndarray]:
    """Masks of the jumps proposed between two named states, and of those that got there."""
    old, aim, kept = (states.assign(turns[name]) for name in ("cv_old", "centre_new", "cv_kept"))
    between = (old >= 0) & (aim >= 0) & (old != aim)
    return between, between & turns["accepted"] & (kept == aim)
