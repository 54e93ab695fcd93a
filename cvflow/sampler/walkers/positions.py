"""Walkers whose jumps lead the positions of a few atoms."""

from concurrent.futures import Executor, Future
from dataclasses import dataclass

from cvflow.core.streams import Purpose, stream
from cvflow.engines.base import EngineSpec
from cvflow.sampler.local import LocalMove
from cvflow.sampler.positions_jump import ShapeJump
from cvflow.sampler.walkers.base import GroupState, Learned, TurnResult, WalkerGroup
from cvflow.sampler.walkers.process import Turn, take_turn


@dataclass(frozen=True)
class PositionsGroup(WalkerGroup):
    """A group of one, whose turns run in any worker process."""

    walker: int
    spec: EngineSpec
    seed: int
    local: LocalMove
    jump: ShapeJump

    @property
    def walkers(self) -> tuple[int, ...]:  # type: ignore[override]
        return (self.walker,)

    def take_turn(
        self, executor: Executor, group_state: GroupState, jump: int, learned: Learned
    ) -> "Future[TurnResult]":
        rng = stream(self.seed, Purpose.PROPOSAL, self.walker, jump)
        order = self.jump.propose(group_state.state, learned.proposal, rng)
        return executor.submit(
            take_turn, self.spec, Turn(self.seed, self.walker, jump, group_state.state, order, self.local)
        )
