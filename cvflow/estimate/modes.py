"""Mode changes: how often a chain gets from one named state into another, by jumps and by local moves."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from cvflow.estimate.convergence import production
from cvflow.states import States, last_named
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


def between_states(turns: np.ndarray, states: States) -> tuple[np.ndarray, np.ndarray]:
    """Masks of the jumps proposed between two named states, and of those that got there."""
    old, aim, kept = (states.assign(turns[name]) for name in ("cv_old", "centre_new", "cv_kept"))
    between = (old >= 0) & (aim >= 0) & (old != aim)
    return between, between & turns["accepted"] & (kept == aim)
