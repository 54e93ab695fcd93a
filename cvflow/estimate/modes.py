"""Mode changes: how often a chain gets from one named state into another, by jumps and by local moves."""

from typing import NamedTuple

import numpy as np

from cvflow.estimate.convergence import production
from cvflow.states import States
from cvflow.store import Record


class ModeCount(NamedTuple):
    """Counts over production."""

    mode_changes: int
    local_crossings: int
    between_proposed: int
    between_accepted: int


def count_modes(record: Record) -> ModeCount:
    """Count mode changes, and jumps proposed and accepted between named states.

    A mode change is a jump accepted into another named state than the last visited; crossings by local moves are
    counted apart. A jump between states starts in one and is proposed (λ̃) into another.
    """
    states = States(record.header.states, record.header.cvs)
    turns = production(record)
    changes = crossings = 0
    for chain in turns:
        visited = np.stack([states.assign(chain[name]) for name in ("cv_old", "cv_kept", "cv")], axis=1)
        last = -1
        for old, kept, after in visited:
            last = old if last < 0 else last
            changes += _moved(last, kept)
            last = kept if kept >= 0 else last
            crossings += _moved(last, after)
            last = after if after >= 0 else last
    rows = turns.reshape(-1)
    between, accepted = between_states(rows, states)
    return ModeCount(changes, crossings, int(between.sum()), int(accepted.sum()))


def between_states(turns: np.ndarray, states: States) -> tuple[np.ndarray, np.ndarray]:
    """Masks of the jumps proposed between two named states, and of those that got there."""
    old, aim, kept = (states.assign(turns[name]) for name in ("cv_old", "centre_new", "cv_kept"))
    between = (old >= 0) & (aim >= 0) & (old != aim)
    return between, between & turns["accepted"] & (kept == aim)


def _moved(last: int, now: int) -> bool:
    return bool(last >= 0 and now >= 0 and now != last)
