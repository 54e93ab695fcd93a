"""How many jumps are accepted, with errors that know that the jumps of one chain are correlated."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from cvflow.core.states import States
from cvflow.estimate.convergence import production
from cvflow.estimate.correlation import standard_error
from cvflow.estimate.modes import between_states, state_window
from cvflow.store import Record


class Acceptance(NamedTuple):
    """Jumps proposed and accepted; the rate and its standard error are NaN where they are not determined."""

    proposed: int
    accepted: int
    rate: float
    stderr: float


def acceptance(record: Record) -> Acceptance:
    """Of all jumps of production.

    Raises:
        ValueError: a walker has no production turn yet.
    """
    accepted = production(record)["accepted"]
    return _rate(np.ones_like(accepted), accepted, state_window(record))


def acceptance_between_states(record: Record) -> Acceptance:
    """Of production's jumps from one named state into another.

    Raises:
        ValueError: a walker has no production turn yet.
    """
    turns = production(record)
    between, accepted = between_states(turns.reshape(-1), States(record.header.states, record.header.cvs))
    return _rate(between.reshape(turns.shape), accepted.reshape(turns.shape), state_window(record))


def _rate(proposed: Bool[np.ndarray, "walkers turns"], accepted: np.ndarray, window: int) -> Acceptance:
    """A ratio of two averages, its error by the delta method. A rate of 0 or 1 has no error that is known."""
    if not proposed.any():
        return Acceptance(0, 0, float("nan"), float("nan"))
    rate = accepted.mean() / proposed.mean()
    error = standard_error((accepted - rate * proposed) / proposed.mean(), window)
    return Acceptance(int(proposed.sum()), int(accepted.sum()), float(rate), error)
