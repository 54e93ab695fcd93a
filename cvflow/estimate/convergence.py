"""Effective sample sizes and R-hat of chains (ArviZ's, Vehtari et al. 2021)."""

import numpy as np
from arviz_stats.base import array_stats
from jaxtyping import Float

from cvflow.estimate.schema import EffectiveSamples
from cvflow.store import Record

_SHORTEST = 8
"""Draws of a chain below which nothing is said about it."""

Chains = Float[np.ndarray, "walkers draws"]


def production(record: Record) -> np.ndarray:
    """Production turns as (walkers, turns), cut to the shortest chain.

    Raises:
        ValueError: a walker has no production turn yet.
    """
    made = np.flatnonzero(record.turns["production"])
    walkers = record.turns["walker"][made]
    lengths = np.bincount(walkers, minlength=record.header.walkers)
    if lengths.min() == 0:
        raise ValueError("the run has no production turns yet: continue it with `cvflow resume`")
    by_walker, begins = made[np.argsort(walkers, kind="stable")], np.cumsum(lengths) - lengths
    return np.asarray(record.turns[by_walker[begins[:, None] + np.arange(lengths.min())]])


def cv_chains(record: Record) -> Float[np.ndarray, "walkers draws cvs"]:
    """CV values along each chain in production, two a turn: after the jump and after the local move; in CV units.

    Raises:
        ValueError: a walker has no production turn yet.
    """
    turns = production(record)
    pairs = np.stack([turns["cv_kept"], turns["cv"]], axis=2)
    return pairs.reshape(len(turns), -1, pairs.shape[-1])


def chain_weights(record: Record) -> Chains:
    """What each draw of `cv_chains` weighs, one on the mean: exp(V) of the states' bias, under which it was sampled.

    Raises:
        ValueError: a walker has no production turn yet.
    """
    chains = cv_chains(record)
    weights = np.exp(record.state_bias.of(chains.reshape(-1, chains.shape[2]))).reshape(chains.shape[:2])
    return np.asarray(weights / weights.mean())


def effective_sample_size(chains: Chains) -> EffectiveSamples:
    """Bulk and tail effective sample sizes; None where the chains are too short, or none of them moves."""
    if chains.shape[1] < _SHORTEST or _stuck(chains):
        return EffectiveSamples(bulk=None, tail=None)
    return EffectiveSamples(
        bulk=float(array_stats.ess(chains, chain_axis=0, draw_axis=1, method="bulk")),
        tail=float(array_stats.ess(chains, chain_axis=0, draw_axis=1, method="tail", prob=0.9)),
    )


def r_hat(chains: Chains) -> float:
    """Rank-normalised split R-hat.

    Infinite where no chain moves and they differ; NaN where they are too short, or all one number: nothing to compare.
    """
    if chains.shape[1] < _SHORTEST or np.ptp(chains) == 0:
        return float("nan")
    if _stuck(chains):
        return float("inf")
    return float(array_stats.rhat(chains, chain_axis=0, draw_axis=1))


def _stuck(chains: Chains) -> bool:
    """Whether every half of every chain is one number; halves are what R-hat compares."""
    draws = chains.shape[1]
    return all(bool((np.ptp(half, axis=1) == 0).all()) for half in (chains[:, : draws // 2], chains[:, draws // 2 :]))
