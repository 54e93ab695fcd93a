"""The proposal's law."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from cvflow.core.frames import Point

CVPoints = Float[np.ndarray, "count cvs"]
"""CV values or centres, a row a point, in the CVs' units."""


class Proposed(NamedTuple):
    """The next points.

    Attributes:
        points: a row each, NaN where none is proposed.
        made: whether one is; a point that is made and not finite is a proposal's fault.
    """

    points: CVPoints
    made: Bool[np.ndarray, " count"]


class Proposal(ABC):
    """A normalised density q over the CVs, and a way to propose the next point from the last.

    Law: `log_density` is the density of `draw`, and is finite wherever a CV can be (defensive mixtures see to that).
    `propose` is in detailed balance with it: with T(z, z̃) the density of proposing z̃ from z, q(z) T(z, z̃) is
    symmetric. T may add up to less than one. Where nothing else is said the next point is drawn from q whatever the
    last was.
    """

    version: int
    """Counts trainings; the record of every jump names the version that drew it."""

    @abstractmethod
    def draw(self, count: int, rng: np.random.Generator) -> CVPoints:
        """Draw points, a row each, in CV units, on circles within half a period around zero; all follows from `rng`."""

    @abstractmethod
    def log_density(self, points: CVPoints) -> Float[np.ndarray, " count"]:
        """Log density at points, in nats, of the volume in CV units; -∞ where no CV can be."""

    def propose(self, points: CVPoints, rng: np.random.Generator) -> Proposed:
        """The next point of each, where one is proposed."""
        return Proposed(self.draw(len(points), rng), np.ones(len(points), dtype=bool))

    @property
    def components(self) -> tuple["Proposal", ...]:
        """Densities of which `propose` draws from one each time."""
        return (self,)

    def chances(self, points: CVPoints) -> Float[np.ndarray, "count components"]:
        """Probability of each component to be what the next point is drawn from."""
        return np.ones((len(points), 1))

    def log_density_at(self, point: Point) -> float:
        """Log density at one point, as `log_density` has it."""
        return float(self.log_density(point[None])[0])
