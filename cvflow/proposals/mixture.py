"""A fixed mixture of Gaussians, for tests, comparisons and `[proposal]` in the config."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cvflow.proposals.proposal import Proposal


@dataclass(frozen=True)
class GaussianMixture(Proposal):
    """Σ_k w_k N(mean_k, diag sigma_k²).

    Raises:
        ValueError: shapes differ, a sigma is not positive, or the weights do not add up to one.
    """

    means: tuple[tuple[float, ...], ...]
    sigmas: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    version: int = 0

    def __post_init__(self) -> None:
        means, sigmas = np.array(self.means), np.array(self.sigmas)
        if means.ndim != 2 or means.shape != sigmas.shape or len(self.weights) != len(means):
            raise ValueError("a mixture needs means and sigmas of shape (components, cvs) and one weight a component")
        if not (sigmas > 0).all():
            raise ValueError("a mixture's sigmas must be positive")
        if not np.isfinite(means).all() or not np.isfinite(sigmas).all():
            raise ValueError("a mixture's means and sigmas must be finite")
        if not (min(self.weights) >= 0 and abs(sum(self.weights) - 1) <= 1e-9):
            raise ValueError(f"a mixture's weights must be positive and add up to 1, got {self.weights}")

    def draw(self, count: int, rng: np.random.Generator) -> Float[np.ndarray, "count cvs"]:
        component = rng.choice(len(self.weights), size=count, p=self.weights)
        means, sigmas = np.array(self.means), np.array(self.sigmas)
        return means[component] + sigmas[component] * rng.standard_normal((count, means.shape[1]))

    def log_density(self, points: Float[np.ndarray, "count cvs"]) -> Float[np.ndarray, " count"]:
        means, sigmas = np.array(self.means), np.array(self.sigmas)
        standard = (points[:, None] - means) / sigmas
        log_components = -0.5 * (standard**2 + np.log(2 * np.pi)).sum(axis=2) - np.log(sigmas).sum(axis=1)
        with np.errstate(divide="ignore"):
            return np.logaddexp.reduce(log_components + np.log(self.weights), axis=1)
