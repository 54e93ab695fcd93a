"""Schedules: how far along its way the restraint's centre is, as a function of time.

Law of every schedule: fraction(0) = 0, fraction(1) = 1 and fraction(1 - t) = 1 - fraction(t), so that the schedule from
a to b is the schedule from b to a read backwards. Without it the path ratio is wrong and the chain biased (t² is the
example; docs/theory.md, eq. (4)).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cvflow.core.frames import Point


class Schedule(ABC):
    """The fraction of the way travelled at the fraction t of the path's time."""

    @property
    @abstractmethod
    def expression(self) -> str:
        """The same function as algebra in the variable t, for engines that advance the schedule by themselves."""

    @abstractmethod
    def fraction(self, t: Float[np.ndarray, " times"]) -> Float[np.ndarray, " times"]:
        """Fraction of the way at times t in [0, 1]."""

    def centres(self, start: Point, end: Point, steps: int) -> Float[np.ndarray, "centres cvs"]:
        """All centres of a path, both ends included. Law: from b to a they are those from a to b, backwards."""
        fraction = self.fraction(np.arange(steps + 1) / steps)
        return start + (end - start) * fraction[:, None]


@dataclass(frozen=True)
class Linear(Schedule):
    """Constant speed."""

    @property
    def expression(self) -> str:
        return "t"

    def fraction(self, t: Float[np.ndarray, " times"]) -> Float[np.ndarray, " times"]:
        return t


@dataclass(frozen=True)
class Cosine(Schedule):
    """Starts and ends at rest: (1 - cos πt)/2."""

    @property
    def expression(self) -> str:
        return f"0.5*(1-cos({np.pi!r}*t))"

    def fraction(self, t: Float[np.ndarray, " times"]) -> Float[np.ndarray, " times"]:
        return 0.5 * (1 - np.cos(np.pi * t))


BY_NAME: dict[str, type[Linear] | type[Cosine]] = {"linear": Linear, "cosine": Cosine}
"""By the name that `[path] schedule` takes. On a circle both go the shortest arc."""
