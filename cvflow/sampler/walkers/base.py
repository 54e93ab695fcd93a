"""Walker groups: walkers that take their turns together. The run gives orders to groups and knows no engines."""

from abc import ABC, abstractmethod
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from jaxtyping import Float

from cvflow.core.frames import Frame
from cvflow.sampler.jump_proposal import Learned

OwnForm = TypeVar("OwnForm")


@dataclass(frozen=True)
class GroupState(Generic[OwnForm]):
    """What a group's next turn needs, in the group's own form, and its walkers' frames."""

    state: OwnForm
    frames: list[Frame]


@dataclass(frozen=True)
class TurnResult(Generic[OwnForm]):
    """What came of a turn; `rows` are of the store's `turn_type`, one a walker."""

    group_state: GroupState[OwnForm]
    rows: np.ndarray


@dataclass(frozen=True)
class EquilibratedGroup(Generic[OwnForm]):
    """An equilibrated group, the CV values that its walkers' local moves visited, and the time steps that it took."""

    group_state: GroupState[OwnForm]
    samples: Float[np.ndarray, "walkers samples cvs"]
    steps: int


class WalkerGroup(ABC, Generic[OwnForm]):
    """Law: a turn depends on the group's state, its number and what was learned, and on nothing else."""

    walkers: tuple[int, ...]
    """Numbers of its walkers, counted from 0 over all groups."""

    @abstractmethod
    def take_turn(
        self, executor: Executor, group_state: GroupState[OwnForm], jump: int, learned: Learned
    ) -> "Future[TurnResult[OwnForm]]":
        """Begin one turn, a jump and a local move of each walker.

        Args:
            executor: where the work is done.
            group_state: where the group stands.
            jump: number of the turn.
            learned: what the turn's jumps follow.
        """
