"""Whether production began in equilibrium and stayed there, as far as the populations of the named states tell."""

import math

import numpy as np
from arviz_stats.base import array_stats

from cvflow.core.states import States
from cvflow.estimate.convergence import production
from cvflow.estimate.schema import Adaptation, Populations
from cvflow.estimate.settling import labelled, settling, window
from cvflow.store import Record


def adaptation(record: Record) -> Adaptation:
    """What the run itself saw when it decided to begin production, or saw at its limit."""
    turns = record.turns[~record.turns["production"]]
    walkers, asked = record.header.walkers, record.header.adapt_jumps
    made = len(turns) // walkers
    states = _states(record)
    if not made or len(states.names) < 2:
        return Adaptation(asked=asked, made=made, passed=None, left=None, drift=None)
    found = settling(labelled(turns, states, walkers)[:, window(made)])
    return Adaptation(asked=asked, made=made, passed=found.passed, left=found.left, drift=found.drift)


def populations(record: Record) -> Populations:
    """Judge production as adaptation is judged, and by how far the walkers agree.

    Raises:
        ValueError: a walker has no production turn yet.
    """
    turns, states = production(record), _states(record)
    labels = labelled(turns.reshape(-1), states, len(turns))
    if len(states.names) < 2:
        return Populations(passed=None, left=None, drift=None, begun=None, relaxation_jumps=None, rhat=None)
    found = settling(labels)
    rhat = max((indicator_r_hat(labels == state) for state in np.unique(labels[labels >= 0])), default=math.nan)
    return Populations(
        passed=found.passed,
        left=found.left,
        drift=found.drift,
        begun=found.begun,
        relaxation_jumps=found.relaxation,
        rhat=rhat,
    )


def indicator_r_hat(inside: np.ndarray) -> float:
    """Split R-hat of whether walkers are in a state; infinite where they differ and none ever leaves or enters.

    NaN where all of them are in it all the time or never, or turns are too few.
    """
    if inside.shape[1] < 8 or inside.all() or not inside.any():
        return math.nan
    halves = inside[:, : inside.shape[1] // 2 * 2].reshape(2 * len(inside), -1)
    if (halves == halves[:, :1]).all():
        return math.inf
    return float(array_stats.rhat(inside.astype(float), chain_axis=0, draw_axis=1, method="split"))


def _states(record: Record) -> States:
    return States(record.header.states, record.header.cvs)
