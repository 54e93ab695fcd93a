"""One walker of its own engine: what the main process orders, and what workers do.

Workers run pure functions of plain data, on an engine that each thread of theirs builds once. Nothing here imports
torch: the flow stays with the main process, which draws the proposals.
"""

import threading
import time
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from cvflow.core.acceptance import accepts
from cvflow.core.frames import Frame, Outcome, Point, Steering
from cvflow.core.state_bias import UNBIASED, StateBias
from cvflow.core.states import States
from cvflow.core.streams import Purpose, stream
from cvflow.engines.base import Engine, EngineSpec
from cvflow.engines.verlet import VerletEngine
from cvflow.sampler.jump import JumpState, bias_rise, realise
from cvflow.sampler.jump_proposal import JumpProposal, Learned, Orders, WalkerNoise
from cvflow.sampler.local import LocalMove
from cvflow.sampler.walkers.base import EquilibratedGroup, GroupState, TurnResult, WalkerGroup
from cvflow.sampler.walkers.turn_rows import CVsOfATurn, Seconds, turn_rows

EQUILIBRATION_MOVES = 16
"""Relaxing moves after minimisation, each as long as a local move."""

_NONE = -1
"""What stands for no named state."""


class Turn(NamedTuple):
    """An order for one turn of one walker: a jump, then a local move.

    Attributes:
        seed: of the run.
        walker: its number.
        number: of the turn.
        state: where the walker is.
        orders: the jump.
        kappa: spring constants of its restraint.
        local: the local move.
        state_bias: of the chain.
    """

    seed: int
    walker: int
    number: int
    state: JumpState
    orders: Orders
    kappa: Point
    local: LocalMove
    state_bias: StateBias = UNBIASED

    @property
    def effort(self) -> int:
        """Time steps, at most."""
        return int(self.orders.steps.sum()) + self.local.steps


@dataclass(frozen=True)
class ProcessGroup(WalkerGroup[JumpState]):
    """A group of one, whose turns run in any worker process or thread.

    Attributes:
        walker: its number.
        spec: the engine, as data.
        seed: of the run.
        local: the move between two jumps.
        jump: how jumps are proposed.
        kappa: spring constants of the restraint that realises them, one for each coordinate of the orders.
    """

    walker: int
    spec: EngineSpec
    seed: int
    local: LocalMove
    jump: JumpProposal
    kappa: Point

    @property
    def walkers(self) -> tuple[int, ...]:  # type: ignore[override]
        return (self.walker,)

    def take_turn(
        self, executor: Executor, group_state: GroupState[JumpState], jump: int, learned: Learned
    ) -> "Future[TurnResult[JumpState]]":
        noise = WalkerNoise(stream(self.seed, Purpose.PROPOSAL, self.walker, jump))
        orders = self.jump.propose(group_state.state.here, learned, noise)
        state = group_state.state
        turn = Turn(self.seed, self.walker, jump, state, orders, self.kappa, self.local, learned.state_bias)
        return executor.submit(take_turn, self.spec, turn)


_BUILT = threading.local()
"""The engine of each thread: few libraries may be called from two at once."""


def engine_for(spec: EngineSpec) -> Engine:
    """This thread's engine, built at the first call."""
    if getattr(_BUILT, "spec", None) != spec:
        _BUILT.spec = _BUILT.engine = None  # the engine before is let go first
        _BUILT.engine, _BUILT.spec = spec.build(), spec
    return _BUILT.engine


def take_turn(spec: EngineSpec, turn: Turn) -> TurnResult[JumpState]:
    """Run one turn."""
    engine = engine_for(spec)
    rng = stream(turn.seed, Purpose.TURN, turn.walker, turn.number)
    begun = time.perf_counter()
    jumped, jump = realise(turn.state, turn.orders, turn.kappa, engine, rng, turn.state_bias)
    between = time.perf_counter()
    moved, local = turn.local.step(jumped, engine, rng)
    kept = _let_by(turn.state_bias, jumped, moved, rng)
    local = replace(local, accepted=local.accepted and kept is moved)
    moved = _let_by(turn.state_bias, kept, _at_constant_pressure(kept, engine, turn.local.steps, rng), rng)
    cvs = CVsOfATurn(turn.state.cv, jumped.cv, moved.cv)
    seconds = Seconds(between - begun, time.perf_counter() - between)
    return TurnResult(state_at(moved), turn_rows((turn.walker,), turn.number, jump, local, cvs, seconds))


class EngineLook(NamedTuple):
    """A configuration, looked at by its engine.

    Attributes:
        energy: potential energy [kJ/mol].
        return_error: W + W_back of a path and its reverse [kT].
    """

    energy: float
    return_error: float


def look(spec: EngineSpec, frame: Frame, steering: Steering, seed: int, walker: int) -> EngineLook | None:
    """Look at a walker's configuration; None for an engine that is a program, which is not asked."""
    engine = engine_for(spec)
    if not isinstance(engine, VerletEngine):
        return None
    rng = stream(seed, Purpose.SCAN, walker)
    return EngineLook(engine.potential_energy(frame), engine.return_error(frame, steering, rng))


def state_at(walker: JumpState) -> GroupState[JumpState]:
    """Of a group of one walker."""
    return GroupState(walker, [walker.frame])


def _let_by(state_bias: StateBias, before: JumpState, after: JumpState, rng: np.random.Generator) -> JumpState:
    """Take a move that knows nothing of the bias, or leave it: it is accepted once more, by the bias alone.

    Source: delayed acceptance, Christen and Fox, J. Comput. Graph. Stat. 14, 795 (2005): what is in detailed balance
    with p is so with p exp(-V) after it.
    """
    rise = bias_rise(state_bias, before.cv, after.cv)
    return after if rise <= 0 or accepts(-rise, rng) else before


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
    spec: EngineSpec,
    frame: Frame,
    relax: LocalMove,
    local: LocalMove,
    samples: int,
    seed: int,
    walker: int,
    states: States,
) -> EquilibratedGroup[JumpState]:
    """Relax a start, then sample its surroundings with local moves, within the state that it begins in.

    A move that ends in another named state is not taken: equilibration samples the state that the start was given for,
    so that the first flow knows it and a walker is there when the jumps begin. Where already the minimum that the start
    relaxes to lies in another, the moves begin from the start as it was given.

    Args:
        spec: the engine.
        frame: the start.
        relax: moves that bring it to the temperature; none may blow up.
        local: moves that sample.
        samples: how many of these; each gives a sample to train the first flow, and the states' mean CVs, from.
        seed: of the run.
        walker: its number.
        states: the named states, by the first of the engine's CVs.

    Raises:
        ArithmeticError: the start falls apart, or no path of it gets to its end.
    """
    engine = engine_for(spec)
    rng = stream(seed, Purpose.EQUILIBRATION, walker)
    given, relaxed = (JumpState(x, engine.cv_values(x)) for x in (frame, engine.relaxed(frame)))
    home = _named(given, states)
    state = relaxed if _at_home(relaxed, home, states) else given
    home = _named(state, states) if home == _NONE else home
    completed = steps = 0
    for _ in range(EQUILIBRATION_MOVES):
        moved, info = relax.step(state, engine, rng)
        steps += info.path.steps
        completed += info.path.outcome is Outcome.COMPLETED
        moved = _at_constant_pressure(moved, engine, local.steps, rng)
        if info.path.outcome is Outcome.DIVERGED:
            raise ArithmeticError(
                f"the start of walker {walker} blows up when equilibrated: is the time step too long?"
            )
        state = moved if _at_home(moved, home, states) else state
    if not completed:
        raise ArithmeticError(f"the start of walker {walker} does not move: {info.path.outcome.words}, path after path")
    visited = []
    for _ in range(samples):
        moved, info = local.step(state, engine, rng)
        steps += info.path.steps
        moved = _at_constant_pressure(moved, engine, local.steps, rng)
        state = moved if _at_home(moved, home, states) else state
        visited.append(state.cv)
    return EquilibratedGroup(state_at(state), np.array([visited]), steps)


def _at_home(state: JumpState, home: int, states: States) -> bool:
    """Whether a configuration lies in no other named state than `home`; all do where there is none."""
    return home == _NONE or _named(state, states) in (home, _NONE)


def _named(state: JumpState, states: States) -> int:
    """The named state that a configuration lies in."""
    return int(states.assign(state.cv[None, : len(states.cv_names)])[0])
