"""Both estimates of each free-energy difference, how far they are apart in errors that know they share a run, and the
best one that the two make together.
"""

from typing import NamedTuple

import numpy as np

from cvflow.estimate.acceptance_ratio import Ratios, acceptance_ratios
from cvflow.estimate.best import BestEstimate, PartialEstimate, best_of, error_of
from cvflow.estimate.equilibration import populations
from cvflow.estimate.free_energy import Difference, chain_difference, chain_influence
from cvflow.estimate.modes import state_window
from cvflow.estimate.unsettled import settled
from cvflow.estimate.work import proposals
from cvflow.store import Record


class Compared(NamedTuple):
    """F of one state less that of another.

    Attributes:
        best: of both parts together.
        chain: from the time the chains spend in the states.
        bar: from the chances of all proposals between the states.
        apart: chain less BAR [kT], with the standard error of that difference; NaN where one of them is missing.
        effective_paths: how many equal chances BAR rests on.
    """

    best: BestEstimate
    chain: Difference
    bar: Difference
    apart: Difference
    effective_paths: float


def compared(record: Record) -> list[Compared]:
    """All estimates of every named state from the first.

    Raises:
        ValueError: a walker has no production turn yet.
    """
    return compared_pairs(record, [(0, end) for end in range(1, len(record.header.states))])


def compared_pairs(record: Record, pairs: list[tuple[int, int]]) -> list[Compared]:
    """All estimates of F(end) - F(start), for pairs (start, end) of named states, as indices into the header's.

    Raises:
        ValueError: a walker has no production turn yet.
    """
    if not pairs:
        return []
    ratios, window = acceptance_ratios(proposals(record)), state_window(record)
    in_equilibrium = settled(populations(record))
    found = []
    for start, end in pairs:
        chain = PartialEstimate(chain_difference(record, start, end), chain_influence(record, start, end))
        works = _by_works(record, ratios, start, end, window)
        apart = _apart(chain, works, window)
        best = best_of(chain, works, window, in_equilibrium)
        found.append(Compared(best, chain.found, works.found, apart, ratios.effective(start, end)))
    return found


def _by_works(record: Record, ratios: Ratios, start: int, end: int, window: int) -> PartialEstimate:
    names = list(record.header.states)
    influence, noise = ratios.influence[end] - ratios.influence[start], float(ratios.unseen_variance[start, end])
    unknown = next((state for state in (start, end) if np.isnan(ratios.free_energy[state])), None)
    if unknown is not None:
        reason = f"no paths connect {names[0]} and {names[unknown]} in both directions"
        return PartialEstimate(Difference(names[start], names[end], np.nan, np.nan, reason), influence, noise)
    value = float(ratios.free_energy[end] - ratios.free_energy[start])
    found = Difference(names[start], names[end], value, error_of(influence, noise, window))
    return PartialEstimate(found, influence, noise)


def _apart(chain: PartialEstimate, works: PartialEstimate, window: int) -> Difference:
    reason = chain.found.reason or works.found.reason
    error = np.nan if reason else error_of(chain.influence - works.influence, works.noise, window)
    return chain.found._replace(value=chain.found.value - works.found.value, stderr=error, reason=reason)
