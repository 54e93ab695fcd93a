"""Standard errors of averages over correlated chains.

Every estimate here is to first order the mean of a series over turns, its influence function: what each turn adds to
the estimate, over the number of turns. So one function gives the errors of all of them, and of their differences.
"""

import numpy as np
from jaxtyping import Float
from scipy.fft import irfft, next_fast_len, rfft

Series = Float[np.ndarray, "walkers draws"]

_FEWEST = 8
"""Draws, of all walkers together, below which no error is stated."""

_FEWEST_FREEDOM = 3.0
"""Degrees of freedom below which no error is stated: a single event among any number of stretches has a bit over two,
two events of one size have four."""


def standard_error(series: Series, window: int | None = None) -> float:
    """Standard error of the mean of all draws of all walkers; NaN where too few independent events tell it.

    The autocovariance is that of all chains about their common mean, so that chains which disagree with each other, up
    to chains that never mix, make the error larger. It is summed over lags up to where its sums over pairs of lags turn
    negative, and made to fall monotonically (Geyer's initial monotone sequence), which holds for functions of a
    reversible chain's state. A series that is not one, such as a flux between states, whose sign turns with time, takes
    the window of a series that is: its lags count in full at first and less and less, down to nothing at two windows
    (Bartlett's weights, with which no variance is negative).

    What subtracting the mean takes away is put back. The error is then that of a Student's t distribution with as many
    degrees of freedom as the stretches between independent draws give: few events, or few large ones, make an error
    that is itself uncertain, and deviations in units of it are spread by sqrt(ν/(ν - 2)).

    Args:
        series: what each draw contributes.
        window: number of lags, from `correlation_window` of another series.

    Source: Geyer, Stat. Sci. 7, 473 (1992); Bartlett, Nature 161, 686 (1948); the common mean of several chains: Wolff,
    Comput. Phys. Commun. 156, 143 (2004).
    """
    if series.size < _FEWEST or not np.isfinite(series).all() or _constant(series):
        return float("nan")
    if window is None:
        covariance = _autocovariance(series)
        lags = _pairs_above_zero(covariance)
        variance = _variance_of_mean(_falling(covariance[:lags]), np.ones(lags), series.shape)
        freedom = _degrees_of_freedom(series, lags)
    else:
        variance, freedom = windowed_variance(series, window), degrees_of_freedom(series, window)
    if freedom < _FEWEST_FREEDOM or variance <= 0:
        return float("nan")
    return float(np.sqrt(variance * freedom / (freedom - 2)))


def windowed_variance(series: Series, window: int) -> float:
    """Variance of the mean by Bartlett's weights, without what is made of it for few events.

    It is a quadratic form in the series, so that those of two, and of their difference, give a covariance.
    """
    covariance = _autocovariance(series)
    weights = 1.0 - np.arange(min(2 * window, len(covariance))) / (2 * window)
    return _variance_of_mean(covariance[: len(weights)], weights, series.shape)


def degrees_of_freedom(series: Series, window: int) -> float:
    """Of that variance; zero for a series that never changes."""
    return 0.0 if _constant(series) else _degrees_of_freedom(series, min(window, series.shape[1]))


def correlation_window(series: Series) -> int:
    """Lags over which a function of a reversible chain's state is correlated; all of them for chains that never mix."""
    return 1 if _constant(series) else _pairs_above_zero(_autocovariance(series))


def _constant(series: Series) -> bool:
    return bool(np.ptp(series) <= 1e-12 * np.abs(series).max())


def _autocovariance(series: Series) -> Float[np.ndarray, " lags"]:
    """About the mean over all chains, averaged over all pairs of draws of one chain so far apart."""
    walkers, draws = series.shape
    length = next_fast_len(2 * draws, real=True)
    spectrum = np.abs(rfft(series - series.mean(), length, axis=1)) ** 2
    products = irfft(spectrum.sum(axis=0), length)[:draws]
    return np.asarray(products / (walkers * np.arange(draws, 0, -1)))


def _pair_sums(covariance: Float[np.ndarray, " lags"]) -> Float[np.ndarray, " pairs"]:
    return covariance[: len(covariance) // 2 * 2].reshape(-1, 2).sum(axis=1)


def _pairs_above_zero(covariance: Float[np.ndarray, " lags"]) -> int:
    """Lags of the initial positive sequence; one at least."""
    below = np.flatnonzero(_pair_sums(covariance) <= 0)
    return max(1, 2 * int(below[0])) if len(below) else len(covariance)


def _falling(covariance: Float[np.ndarray, " lags"]) -> Float[np.ndarray, " lags"]:
    """Each pair of lags no larger than those before it; the first pair as it is."""
    halves = np.repeat(0.5 * np.minimum.accumulate(_pair_sums(covariance)), 2)
    smooth = covariance.copy()
    smooth[2 : len(halves)] = halves[2:]
    return smooth


def _variance_of_mean(
    covariance: Float[np.ndarray, " lags"], weights: Float[np.ndarray, " lags"], shape: tuple[int, int]
) -> float:
    """Of chains of finite length; the mean that was subtracted has this very variance, and each lag lacks it."""
    walkers, draws = shape
    share = 2.0 * (1.0 - np.arange(len(covariance)) / draws) * weights
    share[0] = 1.0
    total = walkers * draws
    lost = share.sum() / total
    return float(share @ covariance / (total * max(1.0 - lost, 0.1)))


def _degrees_of_freedom(series: Series, lags: int) -> float:
    """Of the variance of means over stretches of half a window, from their kurtosis; no more than there are, less one.

    Half a window is about twice the integrated autocorrelation time, after which draws count as independent. The
    variance of n values of kurtosis k has 2n/(k - 1) degrees of freedom.
    """
    walkers, draws = series.shape
    each = 1 if lags >= draws else max(draws // max(lags // 2, 1), 1)
    stretches = series[:, : draws // each * each].reshape(walkers * each, -1).mean(axis=1)
    squares = (stretches - stretches.mean()) ** 2
    if len(squares) < 2 or not squares.any():
        return 0.0
    excess = (squares**2).sum() / squares.sum() ** 2 - 1 / len(squares)
    return min(len(squares) - 1.0, 2.0 / excess if excess > 0 else np.inf)
