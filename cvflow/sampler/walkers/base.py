"""A group: walkers that take their turns together. The run gives orders to groups and knows nothing of engines."""

from abc import ABC, abstractmethod
from concurrent.futures import Executor, Future
from typing import Any, NamedTuple

import numpy as np

from cvflow.core.frames import Frame
from cvflow.core.states import States
from cvflow.proposals.base import Proposal
from cvflow.sampler.interim_free_energy import InterimFreeEnergy


class GroupState(NamedTuple):
    """Where a group stands: what its next turn needs, in the group's own form, and its walkers' frames."""

    state: Any
    frames: list[Frame]


class TurnResult(NamedTuple):
    """What came of a turn; `rows` are of the store's `turn_type`, one a walker."""

    group_state: GroupState
    rows: np.ndarray


class Learned(NamedTuple):
    """What a run has learned when it orders a turn.

    Attributes:
        proposal: what draws the jump.
        span: distance in CV space that takes the configured number of path steps.
        interim_free_energy: with which paths are given up early; None to run all to their end.
        skips: states within which jumps are rejected without a path; None to realise all.
    """

    proposal: Proposal
    span: float
    interim_free_energy: InterimFreeEnergy | None = None
    skips: States | None = None


class WalkerGroup(ABC):
    """Law: a turn depends on the group's state, its number and what was learned, and on nothing else."""

    walkers: tuple[int, ...]
    """Numbers of its walkers, counted from 0 over all groups."""

    @abstractmethod
    def take_turn(
        self, executor: Executor, group_state: GroupState, jump: int, learned: Learned
    ) -> "Future[TurnResult]":
        """Begin one turn, a jump and a local move of each walker.

        Args:
            executor: where the work is done.
            group_state: where the group stands.
            jump: number of the turn.
            learned: what the turn's jumps follow.
        """
