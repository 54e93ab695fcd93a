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
    """Masses of the named states under the frozen flow.

    From enough draws of each component that what all of them have in a state, where it is more than 1 %, is known
    within 1 %: a state's own component has nearly all, and what a little of another's adds need not be known as well.
    """
    header = record.header
    return _state_masses(record.flows[-1].data, header.seed, tuple(header.states.items()), tuple(header.cvs))


@lru_cache(maxsize=8)
def _state_masses(
    flow: bytes, seed: int, expressions: tuple[tuple[str, str], ...], cvs: tuple[str, ...]
) -> StateMasses:
    states, components = States(dict(expressions), cvs), len(from_bytes(flow).components)
    drawn, counts = np.zeros((components, 1), dtype=int), np.zeros((components, len(states.names)), dtype=int)
    wanted = np.ones(components, dtype=bool)
    while wanted.any():
        for k in np.flatnonzero(wanted):
            points = _component_points(flow, int(k), seed, int(drawn[k, 0]) // FLOW_DRAWS)
            counts[k] += np.bincount(states.assign(points) + 1, minlength=counts.shape[1] + 1)[1:]
            drawn[k] += FLOW_DRAWS
        mass = counts / drawn
        total = mass.sum(axis=0)
        wanted = ((mass / drawn > total**2 / ENOUGH) & (total > _RARE)).any(axis=1)
    with np.errstate(divide="ignore"):
        return StateMasses(mass, 1 / counts)


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
