"""Draws from a run's frozen flow, and with them how much of it lies in each named state."""

from collections.abc import Callable
from functools import lru_cache, partial
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
OfComponents = Float[np.ndarray, "components states"]


class StateMasses(NamedTuple):
    """What of a flow lies in each named state, by the components that proposals are drawn from, a row each.

    Attributes:
        mass: probability.
        log_variance: of its logarithm, infinite where no draw fell.
    """

    mass: OfComponents
    log_variance: OfComponents


def state_masses(record: Record) -> StateMasses:
    """Masses of the named states under the frozen flow: from enough draws that each above 1 % is known within 1 %."""
    header = record.header
    return _state_masses(record.flows[-1].data, header.seed, tuple(header.states.items()), tuple(header.cvs))


@lru_cache(maxsize=8)
def _state_masses(
    flow: bytes, seed: int, expressions: tuple[tuple[str, str], ...], cvs: tuple[str, ...]
) -> StateMasses:
    states, components = States(dict(expressions), cvs), len(from_bytes(flow).components)
    rows = [_masses_of(partial(_component_points, flow, k, seed), states) for k in range(components)]
    return StateMasses(*map(np.array, zip(*rows, strict=True)))


def _masses_of(points: Callable[[int], Float[np.ndarray, "draws cvs"]], states: States) -> tuple[PerState, PerState]:
    """From batches of points, as many as it takes."""
    drawn, counts = 0, np.zeros(len(states.names), dtype=int)
    while not drawn or ((counts < ENOUGH) & (counts > _RARE * drawn)).any():
        counts += np.bincount(states.assign(points(drawn // FLOW_DRAWS)) + 1, minlength=len(counts) + 1)[1:]
        drawn += FLOW_DRAWS
    with np.errstate(divide="ignore"):
        return counts / drawn, 1 / counts


def flow_points(flow: bytes, seed: int) -> Float[np.ndarray, "draws cvs"]:
    """`FLOW_DRAWS` draws from a stored flow, in CV units.

    Args:
        flow: as the store holds it.
        seed: of the run.
    """
    proposal = from_bytes(flow)
    if len(proposal.components) == 1:
        return _component_points(flow, 0, seed)
    return proposal.draw(FLOW_DRAWS, np.random.default_rng(seed))


@lru_cache(maxsize=1)
def _component_points(flow: bytes, component: int, seed: int, batch: int = 0) -> Float[np.ndarray, "draws cvs"]:
    """Draws from one component, other ones in each batch: costly in many dimensions, and wanted for each figure."""
    rng = np.random.default_rng([seed, batch] if batch else seed)
    return from_bytes(flow).components[component].draw(FLOW_DRAWS, rng)
