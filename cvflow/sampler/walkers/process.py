"""One walker of its own engine: what the main process orders, and what worker processes do.

Workers run pure functions of plain data, on an engine that each process builds once. Nothing here imports torch: the
flow stays with the main process, which draws the proposals.
"""

import time
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cvflow.core.frames import Frame, Outcome, Point
from cvflow.core.states import States
from cvflow.core.streams import Purpose, stream
from cvflow.engines.base import Engine, EngineSpec
from cvflow.sampler.jump import JumpInfo, JumpOrder, JumpState, RestraintJump, realise
from cvflow.sampler.local import LocalInfo, LocalMove
from cvflow.sampler.walkers.base import GroupState, Learned, TurnResult, WalkerGroup
from cvflow.store import turn_type

EQUILIBRATION_MOVES = 16
"""Relaxing moves after minimisation, each as long as a local move."""

_NONE = -1
"""What stands for no named state."""

PILOT_MOVES = 24
"""Local moves after equilibration whose CV values train the first flow."""


class Turn(NamedTuple):
    """An order for one turn of one walker: a jump, then a local move."""

    seed: int
    walker: int
    jump: int
    state: JumpState
    order: JumpOrder
    local: LocalMove

    @property
    def effort(self) -> int:
        """Time steps, at most."""
        return self.order.steering.steps + self.local.steps


class Pilot(NamedTuple):
    """An equilibrated start and the CV values its local moves visited."""

    group_state: GroupState
    samples: Float[np.ndarray, "samples cvs"]


@dataclass(frozen=True)
class ProcessGroup(WalkerGroup):
    """A group of one, whose turns run in any worker process.

    Attributes:
        walker: its number.
        spec: the engine, as data.
        seed: of the run.
        local: the move between two jumps.
        kT: thermal energy [kJ/mol].
        kappa: spring constants of the restraint.
        path_steps: steps of a path between the states.
        periods: of the CVs, infinite on a line.
    """

    walker: int
    spec: EngineSpec
    seed: int
    local: LocalMove
    kT: float
    kappa: Point
    path_steps: int
    periods: Point

    @property
    def walkers(self) -> tuple[int, ...]:  # type: ignore[override]
        return (self.walker,)

    def take_turn(
        self, executor: Executor, group_state: GroupState, jump: int, learned: Learned
    ) -> "Future[TurnResult]":
        kernel = RestraintJump(
            self.kT, self.kappa, self.path_steps, learned.span, self.periods, learned.interim_free_energy, learned.skips
        )
        rng = stream(self.seed, Purpose.PROPOSAL, self.walker, jump)
        order = kernel.propose(group_state.state, learned.proposal, rng)
        turn = Turn(self.seed, self.walker, jump, group_state.state, order, self.local)
        return executor.submit(take_turn, self.spec, turn)


@lru_cache(maxsize=1)
def engine_for(spec: EngineSpec) -> Engine:
    """This process's engine, built at the first call."""
    return spec.build()


def take_turn(spec: EngineSpec, turn: Turn) -> TurnResult:
    """Run one turn."""
    engine = engine_for(spec)
    rng = stream(turn.seed, Purpose.TURN, turn.walker, turn.jump)
    begun = time.perf_counter()
    jumped, jump_info = realise(turn.state, turn.order, engine, rng)
    between = time.perf_counter()
    moved, local_info = turn.local.step(jumped, engine, rng)
    moved = _at_constant_pressure(moved, engine, turn.local.steps, rng)
    row = _row(turn, jump_info, jumped.cv, local_info, moved.cv)
    row["path_seconds"], row["local_seconds"] = between - begun, time.perf_counter() - between
    return TurnResult(group_state_at(moved), row)


def group_state_at(state: JumpState) -> GroupState:
    """Where a walker stands."""
    return GroupState(state, [state.frame])


def _row(turn: Turn, info: JumpInfo, kept: Point, local: LocalInfo, after: Point) -> np.ndarray:
    """The turn as the store holds it; the run says whether it is production."""
    path = info.path
    row = np.zeros(1, dtype=turn_type(len(info.cv_old)))
    row["walker"], row["jump"] = turn.walker, turn.jump
    row["flow_version"] = info.order.flow_version
    row["accepted"], row["outcome"], row["steps"] = info.accepted, path.outcome, path.steps
    row["centre_old"], row["centre_new"] = info.order.ends
    row["cv_old"], row["cv_end"], row["cv_kept"] = info.cv_old, path.cv, kept
    row["log_q_old"], row["log_q_new"] = info.order.log_q_old, info.order.log_q_new
    row["work"], row["protocol_work"], row["heat"] = path.work, path.protocol_work, path.heat
    row["log_acceptance"], row["log_survival"] = info.log_acceptance, path.log_survival
    row["interim"] = np.nan if path.interim is None else path.interim
    row["local_accepted"], row["local_outcome"] = local.accepted, local.path.outcome
    row["local_steps"], row["local_work"] = local.path.steps, local.path.work
    row["cv"] = after
    return row


def _at_constant_pressure(state: JumpState, engine: Engine, local_steps: int, rng: np.random.Generator) -> JumpState:
    """Move the volume as often as the system's barostat would have during the local move, if it has one."""
    every = engine.volume_moves_every
    if every is None:
        return state
    frame = state.frame
    for _ in range(max(1, local_steps // every)):
        frame, _ = engine.change_volume(frame, rng)
    return JumpState(frame, engine.cv_values(frame))


def equilibrate(
    spec: EngineSpec, frame: Frame, relax: LocalMove, local: LocalMove, seed: int, walker: int, states: States
) -> Pilot:
    """Relax a start, then sample its surroundings with local moves, within the state that it begins in.

    A move that ends in another named state is not taken: equilibration samples the state that the start was given for,
    so that the first flow knows it and a walker is there when the jumps begin. Where already the minimum that the start
    relaxes to lies in another, the moves begin from the start as it was given.

    Args:
        spec: the engine.
        frame: the start.
        relax: moves that bring it to the temperature; none may blow up.
        local: moves that sample.
        seed: of the run.
        walker: its number.
        states: the named states, by the first of the engine's CVs.

    Raises:
        ArithmeticError: the start falls apart.
    """
    engine = engine_for(spec)
    rng = stream(seed, Purpose.EQUILIBRATION, walker)
    given, relaxed = (JumpState(x, engine.cv_values(x)) for x in (frame, engine.relaxed(frame)))
    home = _named(given, states)
    state = relaxed if _at_home(relaxed, home, states) else given
    home = _named(state, states) if home == _NONE else home
    for _ in range(EQUILIBRATION_MOVES):
        moved, info = relax.step(state, engine, rng)
        moved = _at_constant_pressure(moved, engine, local.steps, rng)
        if info.path.outcome is Outcome.DIVERGED:
            raise ArithmeticError(
                f"the start of walker {walker} blows up when equilibrated: is the time step too long?"
            )
        state = moved if _at_home(moved, home, states) else state
    samples = []
    for _ in range(PILOT_MOVES):
        moved, _ = local.step(state, engine, rng)
        moved = _at_constant_pressure(moved, engine, local.steps, rng)
        state = moved if _at_home(moved, home, states) else state
        samples.append(state.cv)
    return Pilot(group_state_at(state), np.array(samples))


def _at_home(state: JumpState, home: int, states: States) -> bool:
    """Whether a configuration lies in no other named state than `home`; all do where there is none."""
    return home == _NONE or _named(state, states) in (home, _NONE)


def _named(state: JumpState, states: States) -> int:
    """The named state that a configuration lies in."""
    return int(states.assign(state.cv[None, : len(states.cv_names)])[0])
