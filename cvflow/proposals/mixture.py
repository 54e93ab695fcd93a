"""A fixed mixture of Gaussians on lines and circles, for tests, comparisons and `[proposal]` in the config.

Written in numpy, since draws come from the generator that a proposal is handed: those of torch.distributions' mixtures
come from torch's global one.
"""

from dataclasses import dataclass
from itertools import product
from math import inf, isinf

import numpy as np
from jaxtyping import Float

from cvflow.core.periodic import wrapped
from cvflow.proposals.base import CVPoints, Proposal

WIDEST = 0.4
"""Of the period: beyond it three images on each side are not all of a wrapped normal's density."""


@dataclass(frozen=True)
class GaussianMixture(Proposal):
    """Σ_k w_k N(mean_k, diag sigma_k²), wrapped into one period in each CV that has one.

    Attributes:
        means: a row a component, a column a CV, in the CVs' units.
        sigmas: standard deviations, of the same shape; at most 0.4 periods where a CV has one.
        weights: one a component, which add up to 1.
        periods: one a CV, infinite on a line; all on lines if left out.
        version: counts trainings, which a fixed mixture has none of.

    Raises:
        ValueError: shapes differ, a number is not finite, a sigma is not positive or too wide to be wrapped, or the
            weights do not add up to one.
    """

    means: tuple[tuple[float, ...], ...]
    sigmas: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    periods: tuple[float, ...] = ()
    version: int = 0

    def __post_init__(self) -> None:
        means, sigmas = np.array(self.means), np.array(self.sigmas)
        if means.ndim != 2 or means.shape != sigmas.shape or len(self.weights) != len(means):
            raise ValueError("a mixture needs means and sigmas of shape (components, cvs) and one weight a component")
        object.__setattr__(self, "periods", self.periods or (inf,) * means.shape[1])
        if not (sigmas > 0).all():
            raise ValueError("a mixture's sigmas must be positive")
        if not np.isfinite(means).all() or not np.isfinite(sigmas).all():
            raise ValueError("a mixture's means and sigmas must be finite")
        if not (min(self.weights) >= 0 and abs(sum(self.weights) - 1) <= 1e-9):
            raise ValueError(f"a mixture's weights must be positive and add up to 1, got {self.weights}")
        if len(self.periods) != means.shape[1]:
            raise ValueError(f"a mixture needs one period for each of its {means.shape[1]} CVs")
        if not (sigmas <= WIDEST * np.array(self.periods)).all():
            raise ValueError(f"a mixture's sigmas must be at most {WIDEST} of the period")

    def draw(self, count: int, rng: np.random.Generator) -> CVPoints:
        component = rng.choice(len(self.weights), size=count, p=self.weights)
        means, sigmas = np.array(self.means), np.array(self.sigmas)
        drawn = means[component] + sigmas[component] * rng.standard_normal((count, means.shape[1]))
        return wrapped(drawn, np.array(self.periods))

    def log_density(self, points: CVPoints) -> Float[np.ndarray, " count"]:
        points = wrapped(points, np.array(self.periods))
        images = [(0.0,) if isinf(period) else tuple(period * k for k in range(-3, 4)) for period in self.periods]
        shifted = [self._log_unwrapped(points + np.array(shift)) for shift in product(*images)]
        return np.logaddexp.reduce(np.array(shifted), axis=0)

    def _log_unwrapped(self, points: CVPoints) -> Float[np.ndarray, " count"]:
        means, sigmas = np.array(self.means), np.array(self.sigmas)
        standard = (points[:, None] - means) / sigmas
        log_components = -0.5 * (standard**2 + np.log(2 * np.pi)).sum(axis=2) - np.log(sigmas).sum(axis=1)
        with np.errstate(divide="ignore"):
            return np.logaddexp.reduce(log_components + np.log(self.weights), axis=1)
