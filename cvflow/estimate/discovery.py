"""Which of the named states the walkers started in, and which they have found."""

import numpy as np

from cvflow.core.states import States
from cvflow.estimate.convergence import chain_weights, cv_chains
from cvflow.estimate.schema import StateVisits
from cvflow.store import Record


def state_visits(record: Record) -> dict[str, StateVisits]:
    """Visits of every named state.

    Raises:
        ValueError: a walker has no production turn yet.
    """
    states = States(record.header.states, record.header.cvs)
    turns = record.turns
    first = states.assign(turns["cv_old"][turns["jump"] == 0])
    visited = np.stack([states.assign(turns[name]) for name in ("cv_old", "cv_kept", "cv")], axis=1)
    inside = states.assign(cv_chains(record).reshape(-1, len(record.header.cvs)))
    weights = chain_weights(record).ravel()
    bias = record.state_energies
    return {
        name: StateVisits(
            started=int((first == index).sum()),
            found=len(set(turns["walker"][(visited == index).any(axis=1)])),
            share=float(np.where(inside == index, weights, 0.0).mean()),
            bias_kT=float(bias[index]),
        )
        for index, name in enumerate(states.names)
    }
