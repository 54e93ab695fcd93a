"""One jump of one walker: state + info + pure step."""

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from cvflow.core.acceptance import log_acceptance
from cvflow.core.frames import Frame, Outcome, PathResult, Point
from cvflow.core.state_bias import UNBIASED, StateBias
from cvflow.engines.base import Engine
from cvflow.sampler.jump_proposal import Configurations, JumpProposal, Learned, Orders, WalkerNoise

Path = TypeVar("Path")
LogRatio = TypeVar("LogRatio")
Decision = TypeVar("Decision")


class JumpState(NamedTuple):
    """What the next jump needs: the configuration and its CV values."""

    frame: Frame
    cv: Point

    @property
    def here(self) -> Configurations:
        """As proposals see it."""
        return Configurations(self.cv[None], self.frame.positions[None])


@dataclass(frozen=True)
class JumpInfo(Generic[Path, LogRatio, Decision]):
    """What a jump did, of one walker or of one row a chain; works in kT."""

    orders: Orders
    path: Path
    log_acceptance: LogRatio
    accepted: Decision


WalkerJump = JumpInfo[PathResult, float, bool]


def realise(
    state: JumpState,
    orders: Orders,
    kappa: Point,
    engine: Engine,
    rng: np.random.Generator,
    state_bias: StateBias = UNBIASED,
) -> tuple[JumpState, WalkerJump]:
    """Run the path and take or leave its end. λ is forgotten: the next jump draws it anew.

    Args:
        state: where the walker is.
        orders: for this one walker.
        kappa: spring constants of the restraint, in the engine's unit.
        engine: moves the configuration.
        rng: of the path.
        state_bias: of the chain.
    """
    if orders.realised[0]:
        path = engine.steer(state.frame, orders.steering(kappa), rng, orders.criterion)
    else:
        path = _unrealised(state, Outcome(orders.outcome[0]))
    if path.outcome.failed:
        path = path._replace(cv=state.cv)  # an engine that runs elsewhere may not know where it was
    rise = bias_rise(state_bias, state.cv, path.cv)
    log_ratio = log_acceptance(float(orders.log_q_old[0]), float(orders.log_q_new[0]), path.work + rise)
    accepted = bool(orders.log_threshold[0] < log_ratio) and path.outcome is Outcome.COMPLETED
    return (JumpState(path.frame, path.cv) if accepted else state), JumpInfo(orders, path, log_ratio, accepted)


def bias_rise(state_bias: StateBias, before: Point, after: Point) -> float:
    """V after less V before [kT]."""
    old, new = state_bias.of(np.stack([before, after]))
    return float(new - old)


def _unrealised(state: JumpState, outcome: Outcome) -> PathResult:
    nan = float("nan")
    return PathResult(state.frame, state.cv, nan, nan, nan, nan, 0, outcome)


def step(
    state: JumpState,
    jump: JumpProposal,
    learned: Learned,
    kappa: Point,
    engine: Engine,
    rng: np.random.Generator,
) -> tuple[JumpState, WalkerJump]:
    """One whole jump."""
    orders = jump.propose(state.here, learned, WalkerNoise(rng))
    return realise(state, orders, kappa, engine, rng, learned.state_bias)
