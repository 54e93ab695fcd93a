"""The proposal's law."""

from abc import ABC, abstractmethod

import numpy as np
from jaxtyping import Float

from cvflow.core.frames import Point


class Proposal(ABC):
    """A normalised density over the CVs that can be drawn from.

    Law: `log_density` is the density of `draw`, and is finite everywhere (defensive mixtures see to that).
    """

    version: int
    """Counts trainings; the record of every jump names the version that drew it."""

    @abstractmethod
    def draw(self, count: int, rng: np.random.Generator) -> Float[np.ndarray, "count cvs"]:
        """Draw points."""

    @abstractmethod
    def log_density(self, points: Float[np.ndarray, "count cvs"]) -> Float[np.ndarray, " count"]:
        """Log density at points, per CV unit."""

    def log_density_at(self, point: Point) -> float:
        """Log density at one point."""
        return float(self.log_density(point[None])[0])
