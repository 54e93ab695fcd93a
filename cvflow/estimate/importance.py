"""Importance sampling: log Z and averages from draws of a normalised density, and whether their weights will do."""

from typing import NamedTuple

import numpy as np
from arviz_stats.base import array_stats
from jaxtyping import Float
from scipy.special import logsumexp

from cvflow.estimate.correlation import Series, standard_error

HEAVIEST = 0.5
"""Pareto shape k of the weights' tail above which their variance is infinite (Vehtari et al. 2024)."""

FEWEST_DRAWS = 25
"""Draws below which there is no tail to look at."""


class Weighed(NamedTuple):
    """An estimate from weighted draws.

    Attributes:
        value: the estimate; of log Z it is too small on average, the more the worse the weights are.
        stderr: its standard error; NaN where the weights cannot be trusted, or too few draws tell it.
        effective: Kish's number of equal weights, (Σw)²/Σw².
        pareto_k: shape of the weights' tail; NaN where all are alike.
        caution: why the weights cannot be trusted, in words; empty where they can.
    """

    value: float
    stderr: float
    effective: float
    pareto_k: float
    caution: str


def log_normalisation(log_weights: Series) -> Weighed:
    """Log Z of exp(-u), in nats, as the logarithm of the mean weight of draws from a normalised density q.

    Args:
        log_weights: -u(x) - log q(x) of draws x ~ q, with u the energy in kT; -∞ where the target is zero. A row a
            chain; independent draws in one row.

    Raises:
        ValueError: a weight is not a number or infinite, or all are zero.

    Source: Vehtari, Simpson, Gelman, Yao, Gabry, J. Mach. Learn. Res. 25, 72 (2024), for what weights can be trusted.
    """
    _check(log_weights)
    value = float(logsumexp(log_weights) - np.log(log_weights.size))
    return _weighed(value, np.exp(log_weights - value), log_weights)


def weighted_mean(values: Series, log_weights: Series) -> Weighed:
    """Average over the target of a function of the draws, by weights that add up to one.

    Args:
        values: of the function, one a draw.
        log_weights: as `log_normalisation` takes them; a common constant does not matter.

    Raises:
        ValueError: as `log_normalisation`.
    """
    _check(log_weights)
    weights = np.exp(log_weights - logsumexp(log_weights))
    value = float((weights * values).sum())
    return _weighed(value, weights.size * weights * (values - value), log_weights)


def _weighed(value: float, influence: Series, log_weights: Series) -> Weighed:
    shape = pareto_shape(log_weights.ravel())
    caution = _caution(shape, log_weights.size)
    stderr = float("nan") if caution else standard_error(influence)
    effective = float(np.exp(2 * logsumexp(log_weights) - logsumexp(2 * log_weights)))
    return Weighed(value, stderr, effective, shape, caution)


def pareto_shape(log_weights: Float[np.ndarray, " draws"]) -> float:
    """Shape k of the generalised Pareto distribution of the largest weights; NaN where there is no tail to fit."""
    if len(log_weights) < FEWEST_DRAWS or np.ptp(log_weights) < 1e-9:
        return float("nan")
    lowest = log_weights[np.isfinite(log_weights)].min()
    try:
        _, shape = array_stats.psislw(-np.fmax(log_weights, lowest))  # it takes likelihoods that are divided out
    except ValueError:  # the largest weights are all alike
        return float("nan")
    return float(shape)


def _caution(shape: float, draws: int) -> str:
    if draws < FEWEST_DRAWS:
        return f"{draws} draws are too few to tell whether their weights can be trusted (fewer than {FEWEST_DRAWS})"
    limit = min(HEAVIEST, 1 - 1 / np.log10(draws))
    if shape > limit:
        return (
            f"the weights cannot be trusted: the tail of {draws:,} has Pareto k = {shape:.2f} (above {limit:.2f}), so "
            "that a few draws, or some that were not drawn, are the answer. The density misses a part of the target"
        )
    return ""


def _check(log_weights: Series) -> None:
    if np.isnan(log_weights).any() or (log_weights == np.inf).any() or not np.isfinite(log_weights).any():
        raise ValueError("importance: log weights must be numbers or -inf, and one at least must be a number")
