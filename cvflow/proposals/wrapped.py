"""A fixed mixture on circles."""

from dataclasses import dataclass
from itertools import product
from math import isinf

import numpy as np
from jaxtyping import Float

from cvflow.core.periodic import wrapped
from cvflow.proposals.mixture import GaussianMixture
from cvflow.proposals.proposal import Proposal

_WIDEST = 0.4
"""Of the period: beyond it three images on each side are not all of a wrapped normal's density."""


@dataclass(frozen=True)
class WrappedMixture(Proposal):
    """Σ_k w_k N(mean_k, diag sigma_k²), wrapped into one period in each periodic CV.

    Attributes:
        means: (components, cvs).
        sigmas: (components, cvs), at most 0.4 periods.
        weights: one a component.
        periods: one a CV, infinite on a line.

    Raises:
        ValueError: as `GaussianMixture`, or a sigma is too wide to be wrapped.
    """

    means: tuple[tuple[float, ...], ...]
    sigmas: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    periods: tuple[float, ...]
    version: int = 0

    def __post_init__(self) -> None:
        mixture = self._unwrapped
        if len(self.periods) != len(mixture.means[0]):
            raise ValueError(f"a wrapped mixture needs one period for each of its {len(mixture.means[0])} CVs")
        if not (np.array(self.sigmas) <= _WIDEST * np.array(self.periods)).all():
            raise ValueError(f"a wrapped mixture's sigmas must be at most {_WIDEST} of the period")

    @property
    def _unwrapped(self) -> GaussianMixture:
        return GaussianMixture(self.means, self.sigmas, self.weights, self.version)

    def draw(self, count: int, rng: np.random.Generator) -> Float[np.ndarray, "count cvs"]:
        return wrapped(self._unwrapped.draw(count, rng), np.array(self.periods))

    def log_density(self, points: Float[np.ndarray, "count cvs"]) -> Float[np.ndarray, " count"]:
        mixture, points = self._unwrapped, wrapped(points, np.array(self.periods))
        images = [(0.0,) if isinf(period) else tuple(period * k for k in range(-3, 4)) for period in self.periods]
        shifted = [mixture.log_density(points + np.array(shift)) for shift in product(*images)]
        return np.logaddexp.reduce(np.array(shifted), axis=0)
