"""What a flow learns from: the walkers' histories, each with the same say, in a part to learn and a part held out.

A history begins with a transient: walkers are started in states at will, and stay there until jumps are accepted. So
the older half of a history fades: the further back, the fewer of its samples are learned from, a tenth at the very
beginning. Of a start in a rare state little is left soon, but never nothing.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from arviz_stats.base import array_stats
from jaxtyping import Float

from cvflow.core.frames import Point

BLOCKS = 25
"""A walker's history is cut into this many blocks at least, so that what it visited for 8 % of its time or longer is
never held out as a whole."""

SHORTEST_BLOCK = 4
"""Samples in a block, where a history is long enough: neighbours in time are alike, and tell on each other."""

FADING = 0.5
"""Part of a history, the older one, that fades: the usual allowance for burn-in."""

LASTING = 0.1
"""What the very first sample weighs, compared with the latest ones."""

Visits = Sequence[Float[np.ndarray, "_samples cvs"]]


class Split(NamedTuple):
    """Samples to learn from, and samples to tell by when to stop."""

    seen: Float[np.ndarray, "seen cvs"]
    held_out: Float[np.ndarray, "held_out cvs"]


def replayed(chains: Visits, most: int) -> list[Float[np.ndarray, "_samples cvs"]]:
    """What is learned from of each walker's history, in the order of time: late samples all, early ones thinned.

    At most `most` samples of all walkers together, no walker with more than its even share. Of a history that is too
    long for that, samples at even steps are taken, of early times fewer still.
    """
    share = max(1, most // len(chains))
    return [chain[recalled(len(chain), share)] for chain in chains]


def recalled(samples: int, most: int) -> np.ndarray:
    """Numbers of the samples of a history to learn from, at equal steps of their summed weights."""
    times = (np.arange(samples) + 0.5) / max(samples, 1)
    weights = np.minimum(1.0, LASTING + (1.0 - LASTING) * times / FADING)
    kept = min(most, round(weights.sum()))
    return np.searchsorted(weights.cumsum(), (np.arange(kept) + 0.5) * weights.sum() / max(kept, 1))


def split(chains: Visits, every: int, rng: np.random.Generator) -> Split:
    """Hold out every `every`-th block of consecutive samples, at another phase for each walker."""
    phases = rng.permutation(len(chains))
    held_out = [(_blocks(len(chain)) + phase) % every == 0 for chain, phase in zip(chains, phases, strict=True)]
    whole, mask = np.concatenate(chains), np.concatenate(held_out)
    return Split(whole[~mask], whole[mask])


def _blocks(samples: int) -> np.ndarray:
    """Number of the block that each sample of a history belongs to."""
    length = max(1, samples // BLOCKS, min(SHORTEST_BLOCK, samples // 5))
    return np.arange(samples) // length


def effective_size(chains: Visits, periods: Point) -> float:
    """How many independent samples the histories are worth for a mean, of the CV where it is least; NaN if unknown.

    A circle counts by its cosine and sine. Walkers that stay in different modes are worth few: how often each mode is
    visited, they do not know. Source: ArviZ's effective sample size of several chains (Vehtari et al. 2021).
    """
    shortest = min(len(chain) for chain in chains)
    if shortest < 8:
        return float("nan")
    history = np.stack([chain[-shortest:] for chain in chains])
    turns = 2 * np.pi * history / np.where(np.isfinite(periods), periods, 1.0)
    round_trip = np.isfinite(periods)
    columns = [history[..., ~round_trip], np.cos(turns[..., round_trip]), np.sin(turns[..., round_trip])]
    watched = np.concatenate(columns, axis=2)
    sizes = [_size(watched[..., i]) for i in range(watched.shape[2]) if np.ptp(watched[..., i]) > 0]
    return min(sizes, default=float("nan"))


def _size(chains: Float[np.ndarray, "walkers samples"]) -> float:
    return float(array_stats.ess(chains, chain_axis=0, draw_axis=1, method="mean"))
