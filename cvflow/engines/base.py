"""The engine's law, and an engine as data."""

from abc import ABC, abstractmethod
from collections.abc import Hashable
from typing import Protocol, runtime_checkable

import numpy as np

from cvflow.core.early_rejection import EarlyRejection
from cvflow.core.frames import Exactness, Frame, PathResult, Point, Steering


@runtime_checkable
class EngineSpec(Hashable, Protocol):
    """Everything that makes an engine, as plain data that can be sent to worker processes; hashable."""

    @abstractmethod
    def build(self) -> "Engine":
        """Build the engine.

        Raises:
            ValueError: something in the specification is not possible.
        """


class Engine(ABC):
    """Moves configurations by reversible dynamics whose work it accounts for exactly.

    Law: a path is a pure function of its arguments, the random generator included; the same call gives the same result
    whatever the engine did before. A path that fails is returned with its outcome, never raised and never retried.
    """

    kT: float
    """Thermal energy, kJ/mol."""

    @property
    @abstractmethod
    def exactness(self) -> Exactness:
        """Whether the one-jump stationarity test has passed through this very engine as it is set up."""

    @abstractmethod
    def cv_values(self, frame: Frame) -> Point:
        """Values of the CVs, in their own units."""

    def let_time_pass(self) -> None:  # noqa: B027 - some engines have no clock
        """Move what clock the engine has, as if many steps had been made: what it computes must not depend on it."""

    @property
    def volume_moves_every(self) -> int | None:
        """Time steps of local dynamics between two moves of the volume; None at constant volume."""
        return None

    def change_volume(self, frame: Frame, rng: np.random.Generator) -> tuple[Frame, bool]:
        """One Metropolis move of the volume.

        Raises:
            ValueError: the volume is constant.
        """
        raise ValueError("the volume of this engine's systems is constant")

    def relaxed(self, frame: Frame) -> Frame:
        """A start as dynamics can begin from it: downhill in energy, where the engine can; else as it is."""
        return frame

    @abstractmethod
    def steer(
        self, frame: Frame, steering: Steering, rng: np.random.Generator, criterion: EarlyRejection | None = None
    ) -> PathResult:
        """Drag the restraint's centre, from fresh Maxwell velocities; docs/theory.md, section 3.

        Args:
            frame: where the path begins.
            steering: where the centre goes.
            rng: velocities, and noise of the friction.
            criterion: of this one path, to give it up on its way; it is run to its end without.
        """

    @abstractmethod
    def free_path(self, frame: Frame, steps: int, friction: float, rng: np.random.Generator) -> PathResult:
        """A path of the same dynamics without the restraint, at a friction [1/ps]: the local moves are made of it."""
