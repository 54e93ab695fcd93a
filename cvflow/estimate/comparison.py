"""Both estimates of each free-energy difference, and how far they are apart in errors that know they share a run."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cvflow.estimate.acceptance_ratio import Ratios, acceptance_ratios
from cvflow.estimate.correlation import standard_error
from cvflow.estimate.free_energy import Difference, chain_differences, chain_influence
from cvflow.estimate.modes import state_window
from cvflow.estimate.work import proposals
from cvflow.store import Record


class Compared(NamedTuple):
    """F of a state less that of the first.

    Attributes:
        chain: from the time the chains spend in the states.
        bar: from the chances of all proposals between the states.
        apart: chain less BAR [kT], with the standard error of that difference; NaN where one of them is missing.
        effective_paths: how many equal chances BAR rests on.
    """

    chain: Difference
    bar: Difference
    apart: Difference
    effective_paths: float


def compared(record: Record) -> list[Compared]:
    """Both estimates of every named state from the first.

    Raises:
        ValueError: a walker has no production turn yet.
    """
    if len(record.header.states) < 2:
        return []
    ratios = acceptance_ratios(proposals(record))
    window = state_window(record)
    return [_compared(record, chain, ratios, index, window) for index, chain in enumerate(chain_differences(record), 1)]


def _compared(record: Record, chain: Difference, ratios: Ratios, index: int, window: int) -> Compared:
    value, influence = float(ratios.free_energy[index]), ratios.influence[index]
    noise = float(ratios.unseen_variance[index])
    known = bool(np.isfinite(value))
    bar = Difference(
        chain.start,
        chain.end,
        value,
        _error(influence, window, noise) if known else float("nan"),
        "" if known else f"no paths connect {chain.start} and {chain.end} in both directions",
    )
    both = known and not chain.reason
    between = chain_influence(record, 0, index) - influence if both else influence
    apart = Difference(
        chain.start,
        chain.end,
        chain.value - value,
        _error(between, window, noise) if both else float("nan"),
        chain.reason or bar.reason,
    )
    return Compared(chain, bar, apart, ratios.effective(index))


def _error(influence: Float[np.ndarray, "walkers turns"], window: int, noise: float) -> float:
    """Of the turns, and of what they do not show, which knows nothing of them."""
    return float(np.hypot(standard_error(influence, window), np.sqrt(noise)))
