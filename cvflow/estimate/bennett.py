"""Bennett's acceptance ratio of two sets of works, there and back, with an error that knows of correlated chains."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import brentq
from scipy.special import expit, logsumexp

from cvflow.estimate.cautions import FEW_PATHS
from cvflow.estimate.correlation import Series, standard_error


class TwoSided(NamedTuple):
    """A free-energy difference from works of both ways.

    Attributes:
        value: F(end) - F(start) [kT].
        stderr: its standard error [kT]; NaN where too few independent works tell it.
        effective: Kish's number of equal chances that it rests on, of the way that has fewer.
        caution: what to beware of, in words; empty where there is nothing.
    """

    value: float
    stderr: float
    effective: float
    caution: str


def bennett(onward: Series, back: Float[np.ndarray, "others visits"]) -> TwoSided:
    """The difference from works of both ways, each in equilibrium where it begins.

    Args:
        onward: works from start to end [kT], a row a chain; independent ones in one row.
        back: works from end to start [kT], as they were done that way.

    Raises:
        ValueError: a way has no works, or they are not finite; +∞ is one that never connects, and may be.

    Source: Bennett, J. Comput. Phys. 22, 245 (1976); Shirts et al., Phys. Rev. Lett. 91, 140601 (2003).
    """
    for name, works in (("onward", onward), ("back", back)):
        if not works.size or np.isnan(works).any() or (works == -np.inf).any():
            raise ValueError(f"bennett: works {name} must be numbers, one at least; +inf is a path that never connects")
    onward, back = np.fmin(onward, _NEVER), np.fmin(back, _NEVER)
    whole = np.concatenate([onward.ravel(), -back.ravel()])
    value = difference(whole, np.arange(len(whole)) < onward.size)
    shift = value + np.log(back.size / onward.size)
    chances = expit(shift - onward), expit(-shift - back)
    slope = sum(float((chance * (1 - chance)).sum()) for chance in chances)
    errors = [chance.size * standard_error(chance) for chance in chances]
    effective = min(float(chance.sum() ** 2 / (chance**2).sum()) for chance in chances)
    caution = (
        f"the works of both ways hardly overlap: {effective:.1f} effective paths (fewer than {FEW_PATHS}), so that the "
        "error is itself uncertain"
    )
    stderr = float(np.hypot(*errors) / slope)
    return TwoSided(value, stderr, effective, caution if effective < FEW_PATHS else "")


_NEVER = 500.0
"""Work [kT] that stands for one that is never accepted."""


def difference(work: Float[np.ndarray, " paths"], onward: Bool[np.ndarray, " paths"]) -> float:
    """Free-energy difference [kT] by Bennett's acceptance ratio; by Jarzynski's equality for one way.

    Args:
        work: of each path, as if it went onward [kT].
        onward: which did.
    """
    there, back = int(onward.sum()), int((~onward).sum())
    if not back:
        return float(np.log(there) - logsumexp(-work))
    bias = np.log(back / there)
    low, high = work.min() + min(bias, 0.0) - 50.0, work.max() + max(bias, 0.0) + 50.0

    def surplus(guess: float) -> float:
        return float(expit(work - guess - bias).sum() - there)

    return float(brentq(surplus, low - abs(bias), high + abs(bias), xtol=1e-10))
