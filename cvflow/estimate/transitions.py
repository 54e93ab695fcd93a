"""Free energies of the named states from adaptation's jumps, whatever proposal and bias each was made with.

In equilibrium as many jumps go from k to l as back: p_k T_kl = p_l T_lk, with T_kl the mean chance of a turn that
starts in k to be taken into l. That is so for each version of the proposal by itself, so that the versions' answers are
averaged, each by the number of jumps that it rests on.
"""

import numpy as np
from jaxtyping import Float

from cvflow.core.frames import Outcome
from cvflow.core.state_bias import StateBias
from cvflow.core.states import States

_NO_DIFFERENCE = 1.0
"""Jumps in both directions that seeing none is worth: that many say that states are equally likely."""


def free_energies(turns: np.ndarray, biases: list[StateBias], states: States) -> Float[np.ndarray, " states"]:
    """F of each state, their mean zero [kT], drawn towards that mean where few jumps tell it.

    Args:
        turns: rows of turns.
        biases: with which each version of the proposal was used.
        states: the named states.

    Source: Smith and Bruce, J. Phys. A 28, 6623 (1995): the transition probability method; docs/theory.md, 2.2.
    """
    count = len(states.names)
    curvature, slope = np.zeros((count, count)), np.zeros(count)
    for version in np.unique(turns["flow_version"]):
        rows, bias = turns[turns["flow_version"] == version], np.array(biases[version].energies or np.zeros(count))
        starts, crossed = _crossed(rows, states)
        with np.errstate(divide="ignore", invalid="ignore"):
            both = np.where((crossed > 0) & (crossed.T > 0), crossed * crossed.T / (crossed + crossed.T), 0.0)
            rates = np.log(crossed / starts[:, None])
            found = np.where(both > 0, rates.T - rates, 0.0) + bias[:, None] - bias  # F_l - F_k of column l, row k
        curvature += np.diag(both.sum(axis=1)) - both
        slope += (both * found).sum(axis=0)
    apart = np.eye(count) - 1 / count
    return np.asarray(np.linalg.pinv(curvature + _NO_DIFFERENCE * apart) @ (apart @ slope))


def _crossed(
    rows: np.ndarray, states: States
) -> tuple[Float[np.ndarray, " states"], Float[np.ndarray, "states states"]]:
    """Turns that start in each state, and sums of their paths' chances to be taken into each other one."""
    count = len(states.names)
    start, end = (states.assign(rows[name]) for name in ("cv_old", "cv_end"))
    ended = (rows["outcome"] == Outcome.COMPLETED) & (start >= 0) & (end >= 0) & (start != end)
    chance = np.exp(np.minimum(rows["log_acceptance"] - rows["log_survival"], 0.0))[ended]
    crossed = np.bincount(start[ended] * count + end[ended], chance, count * count).reshape(count, count)
    return np.bincount(start[start >= 0], minlength=count).astype(float), crossed
