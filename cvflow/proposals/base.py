"""The proposal's law."""

from abc import ABC, abstractmethod

import numpy as np
from jaxtyping import Float

from cvflow.core.frames import Point

CVPoints = Float[np.ndarray, "count cvs"]
"""CV values or centres, a row a point, in the CVs' units."""


class Proposal(ABC):
    """A normalised density over the CVs that can be drawn from.

    Law: `log_density` is the density of `draw`, and is finite wherever a CV can be (defensive mixtures see to that).
    """

    version: int
    """Counts trainings; the record of every jump names the version that drew it."""

    @abstractmethod
    def draw(self, count: int, rng: np.random.Generator) -> CVPoints:
        """Draw points, a row each, in CV units, on circles within half a period around zero; all follows from `rng`."""

    @abstractmethod
    def log_density(self, points: CVPoints) -> Float[np.ndarray, " count"]:
        """Log density at points, in nats, of the volume in CV units; -∞ where no CV can be."""

    def log_density_at(self, point: Point) -> float:
        """Log density at one point, as `log_density` has it."""
        return float(self.log_density(point[None])[0])
