"""The one best estimate of a free-energy difference: that of the chains and that of the works, by their covariance.

Both come from the same turns, so what each turn adds to either gives the variance of any mean of the two. The weights
are those of least variance, the correlation mixed with none for as long as few events tell it, and no part is ever
counted against: docs/theory.md, section 5.
"""

from typing import NamedTuple

import numpy as np

from cvflow.estimate.correlation import Series, degrees_of_freedom, standard_error, windowed_variance
from cvflow.estimate.free_energy import Difference

_UNCORRELATED = 5.0
"""Degrees of freedom that count as having seen no correlation between the parts."""


class PartialEstimate(NamedTuple):
    """An estimate of a difference.

    Attributes:
        found: the estimate.
        influence: what each turn adds to it, over the number of turns, to first order.
        noise: its variance by what the turns do not show.
    """

    found: Difference
    influence: Series
    noise: float = 0.0

    @property
    def fault(self) -> str:
        """Why it cannot be weighed; nothing where it can."""
        known = np.isfinite(self.found.value) and np.isfinite(self.found.stderr)
        return self.found.reason or ("" if known else "too few independent events tell its error")


class BestEstimate(NamedTuple):
    """What is made of both parts.

    Attributes:
        found: the estimate.
        chain_weight: 1 for the chains alone, 0 for the works alone; NaN where nothing is determined.
        alone: why one of them alone is taken; empty where both are, and where nothing is determined.
    """

    found: Difference
    chain_weight: float
    alone: str = ""


def best_of(chain: PartialEstimate, works: PartialEstimate, window: int, settled: bool) -> BestEstimate:
    """Join both; where one is missing, or the chains' populations had not settled, the other is taken alone.

    Args:
        chain: from the time that the chains spend in the states.
        works: from the chances of the paths between them.
        window: turns over which the chains' states are correlated.
        settled: whether the chains' populations are those of equilibrium, as far as can be told.
    """
    doubt = chain.fault or ("" if settled else "the populations of the states had not settled")
    if not doubt and not works.fault:
        return _joined(chain, works, chain_weight(chain, works, window), window)
    if not works.fault or (chain.fault and np.isnan(chain.found.value) and np.isfinite(works.found.value)):
        return BestEstimate(works.found, 0.0, f"works alone: by the chains, {doubt}")
    if np.isfinite(chain.found.value):
        return BestEstimate(chain.found, 1.0, f"chains alone: by the works, {works.fault}")
    nan, reason = float("nan"), f"by the chains, {chain.fault}; by the works, {works.fault}"
    return BestEstimate(chain.found._replace(value=nan, stderr=nan, reason=reason), nan)


def chain_weight(chain: PartialEstimate, works: PartialEstimate, window: int) -> float:
    """Weight of the chains in the mean of least variance, from 0 to 1.

    The covariance follows from the variance of both and of their difference. With ν degrees of freedom their
    correlation is known to about 1/√ν, and weights by a wrong one are wild where the parts are nearly alike: it is made
    smaller by the factor ν/(ν + 5), which leads to weights by the variances alone where nothing is known of it.
    """
    difference = chain.influence - works.influence
    of_chain, of_works, apart = (windowed_variance(s, window) for s in (chain.influence, works.influence, difference))
    freedom = degrees_of_freedom(difference, window)
    shared = 0.5 * (of_chain + of_works - apart) * freedom / (freedom + _UNCORRELATED)
    of_works += works.noise
    spread = of_chain + of_works - 2 * shared
    return float(np.clip((of_works - shared) / spread, 0.0, 1.0)) if spread > 0 else 0.5


def error_of(influence: Series, noise: float, window: int) -> float:
    """Of an estimate, by the turns and by what they do not show, which knows nothing of them."""
    return float(np.hypot(standard_error(influence, window), np.sqrt(noise)))


def _joined(chain: PartialEstimate, works: PartialEstimate, weight: float, window: int) -> BestEstimate:
    """The weight is a fit to the same turns: what is shrunk by ν/(ν + 5) takes so much of one degree of freedom."""
    freedom = degrees_of_freedom(chain.influence - works.influence, window) + _UNCORRELATED
    fitted = np.sqrt(freedom / (freedom - 1))
    value = weight * chain.found.value + (1 - weight) * works.found.value
    influence = weight * chain.influence + (1 - weight) * works.influence
    error = error_of(influence, (1 - weight) ** 2 * works.noise, window)
    return BestEstimate(chain.found._replace(value=value, stderr=float(fitted * error)), weight)
