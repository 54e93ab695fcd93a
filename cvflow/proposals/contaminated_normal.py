"""A normal distribution with all its covariances, with heavier tails: what stiff coordinates need.

Source: Tukey's contaminated normal (in Contributions to Probability and Statistics, 1960).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.linalg import solve_triangular

from cvflow.core.frames import Point
from cvflow.proposals.base import CVPoints

BROAD = 1.5
"""Standard deviation of the broad part of a mixture, in those of the narrow one."""


@dataclass(frozen=True)
class ContaminatedNormal:
    """(1 - ε) N(mean, LLᵀ) + ε N(mean, 2.25 LLᵀ).

    Attributes:
        mean: in the CVs' units.
        factor: L, lower triangular.
        epsilon: weight of the broad part.
    """

    mean: Point
    factor: Float[np.ndarray, "cvs cvs"]
    epsilon: float

    def draw(self, count: int, rng: np.random.Generator) -> CVPoints:
        """Points in the CVs' units, a row each, from the generator alone."""
        width = np.where(rng.random((count, 1)) < self.epsilon, BROAD, 1.0)
        return self.mean + width * rng.standard_normal((count, len(self.mean))) @ self.factor.T

    def log_density(self, points: CVPoints) -> Float[np.ndarray, " count"]:
        """Log density in nats, of the volume in CV units."""
        standard = solve_triangular(self.factor, (points - self.mean).T, lower=True)
        square, dimension = (standard**2).sum(axis=0), len(self.mean)
        narrow = np.log1p(-self.epsilon) - 0.5 * square
        broad = np.log(self.epsilon) - 0.5 * square / BROAD**2 - dimension * np.log(BROAD)
        volume = 0.5 * dimension * np.log(2 * np.pi) + np.log(np.diag(self.factor)).sum()
        return np.logaddexp(narrow, broad) - volume


def fitted(samples: CVPoints, epsilon: float) -> ContaminatedNormal:
    """The normal with the samples' mean and covariance.

    With few samples covariances are noise: they are shrunk by the factor samples / (samples + 10 dimensions).

    Args:
        samples: in the units that the normal is to have.
        epsilon: weight of its broad part, between 0 and 1.
    """
    count, dimension = samples.shape
    covariance = np.cov(samples.T)
    keep = count / (count + 10 * dimension)
    shrunk = keep * covariance + (1 - keep) * np.diag(np.diag(covariance))
    return ContaminatedNormal(samples.mean(axis=0), np.linalg.cholesky(shrunk), epsilon)
