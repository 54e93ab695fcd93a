"""Which of the named states the walkers started in, and which they have found."""

from typing import NamedTuple

import numpy as np

from cvflow.core.states import States
from cvflow.estimate.convergence import cv_chains
from cvflow.store import Record


class StateVisits(NamedTuple):
    """What the walkers have seen of one named state.

    Attributes:
        started: walkers that were in it when the jumps began, after equilibration.
        found: walkers that have been in it at any time, while adapting or in production.
        share: part of production's samples that lie in it.
    """

    started: int
    found: int
    share: float


def state_visits(record: Record) -> dict[str, StateVisits]:
    """Visits of every named state.

    Raises:
        ValueError: a walker has no production turn yet.
    """
    states = States(record.header.states, record.header.cvs)
    turns = record.turns
    first = states.assign(turns["cv_old"][turns["jump"] == 0])
    visited = np.stack([states.assign(turns[name]) for name in ("cv_old", "cv_kept", "cv")], axis=1)
    shares = states.assign(cv_chains(record).reshape(-1, len(record.header.cvs)))
    return {
        name: StateVisits(
            started=int((first == index).sum()),
            found=len(set(turns["walker"][(visited == index).any(axis=1)])),
            share=float((shares == index).mean()),
        )
        for index, name in enumerate(states.names)
    }
