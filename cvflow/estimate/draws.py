"""Draws from a run's frozen flow, and with them how much of it lies in each named state."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cvflow.core.states import States
from cvflow.proposals.io import from_bytes
from cvflow.store import Record

FLOW_DRAWS = 50_000
"""Draws that stand for the flow in a figure, and of which the masses take as many as they need."""

ENOUGH = 10_000
"""Draws in a state that tell its mass within 1 %."""

_RARE = 0.01
"""Mass below which a state's own proposals are so few that what its mass is known to does not matter."""

PerState = Float[np.ndarray, " states"]


class StateMasses(NamedTuple):
    """Probability of each named state under the flow, and the variance of its logarithm, infinite where none fell."""

    mass: PerState
    log_variance: PerState


def state_masses(record: Record) -> StateMasses:
    """Masses of the named states under the frozen flow: from enough draws that each above 1 % is known within 1 %."""
    header = record.header
    return _state_masses(record.flows[-1].data, header.seed, tuple(header.states.items()), tuple(header.cvs))


@lru_cache(maxsize=8)
def _state_masses(
    flow: bytes, seed: int, expressions: tuple[tuple[str, str], ...], cvs: tuple[str, ...]
) -> StateMasses:
    states, drawn = States(dict(expressions), cvs), 0
    counts = np.zeros(len(expressions), dtype=int)
    while not drawn or ((counts < ENOUGH) & (counts > _RARE * drawn)).any():
        points = flow_points(flow, seed, drawn // FLOW_DRAWS)
        counts += np.bincount(states.assign(points) + 1, minlength=len(counts) + 1)[1:]
        drawn += FLOW_DRAWS
    with np.errstate(divide="ignore"):
        return StateMasses(counts / drawn, 1 / counts)


@lru_cache(maxsize=1)
def flow_points(flow: bytes, seed: int, batch: int = 0) -> Float[np.ndarray, "draws cvs"]:
    """`FLOW_DRAWS` draws from a stored flow, in CV units: costly in many dimensions, and wanted for each figure.

    Args:
        flow: as the store holds it.
        seed: of the run.
        batch: each gives other draws.
    """
    return from_bytes(flow).draw(FLOW_DRAWS, np.random.default_rng([seed, batch] if batch else seed))
