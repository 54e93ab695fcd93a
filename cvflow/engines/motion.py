"""What an MD library has to do for a path: the law of a motion, and what is read from it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cvflow.core.frames import Frame, Outcome, Point, Positions, Steering
from cvflow.core.schedule import Schedule

PerParticle = Float[np.ndarray, "atoms 1"]
"""One number each."""


class BlownUpError(ArithmeticError):
    """A library cannot go on: numbers are none any more, or atoms are lost. The path that meets it has diverged."""

    outcome = Outcome.DIVERGED


class BondsLostError(BlownUpError):
    """Rigid bonds have not kept their lengths, or not so that the way back is sure to find them."""

    outcome = Outcome.UNCONVERGED


class Course(NamedTuple):
    """Where the restraint's centre goes, and when.

    Attributes:
        steering: from where to where, how stiff, how long; there is no restraint where all κ are zero.
        way: from start to end, on a circle along an arc.
        periods: of the CVs, infinite on a line.
        schedule: which fraction of the way is behind.
    """

    steering: Steering
    way: Point
    periods: Point
    schedule: Schedule

    def fraction(self, step: int) -> float:
        """Of the way, after so many steps."""
        return float(self.schedule.fraction(np.array([step / self.steering.steps]))[0])


class Instant(NamedTuple):
    """Where a path stands.

    Attributes:
        energy: potential energy, with the restraint at where its centre is now [kJ/mol].
        velocities: synchronous with the positions [nm/ps].
    """

    energy: float
    velocities: Positions


class End(NamedTuple):
    """How a path ends.

    Attributes:
        instant: energy with the restraint, and velocities.
        frame: the configuration.
        potential_energy: without the restraint [kJ/mol].
        protocol_work: docs/theory.md, eq. (9) [kJ/mol].
    """

    instant: Instant
    frame: Frame
    potential_energy: float
    protocol_work: float


class Motion(ABC):
    """One path under way in a library: docs/theory.md, eq. (7).

    Half a kick at λ_0; N times drift, λ_k → λ_{k+1}, full kick; half a kick back at λ_N.

    Law: between two steps velocities can be had that are synchronous with the positions, half a kick back from the last
    full one, and tangential where bonds are rigid. To read them changes nothing, and nothing but `refresh` changes
    them. Any of its methods may raise BlownUpError.
    """

    before: Instant
    """Where the path begins, with the velocities that it has taken up: tangential ones, where bonds are rigid."""

    @abstractmethod
    def advance(self, steps: int) -> None:
        """Go on by some time steps."""

    @abstractmethod
    def instant(self) -> Instant:
        """Energy and velocities where the path stands."""

    @abstractmethod
    def configuration(self) -> Frame:
        """Where the path stands."""

    @abstractmethod
    def refresh(self, change: Callable[[Positions], Positions]) -> tuple[Positions, Positions]:
        """Put new synchronous velocities, a function of the old ones, in their place; returns both, the old first.

        Where bonds are rigid, the new ones are made tangential.
        """

    @abstractmethod
    def end(self) -> End:
        """What the path has come to, after its last step."""
