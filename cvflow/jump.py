"""One jump: state + info + pure step.

A jump is made of a proposal (cheap, needs the flow) and its realisation (expensive, needs the engine), so that the two
can happen in different processes. `step` is the two in a row.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cvflow.accept import accepts, log_acceptance
from cvflow.engine.base import Engine
from cvflow.flow.proposal import Proposal
from cvflow.state import Frame, Outcome, PathResult, Point, Steering


class JumpState(NamedTuple):
    """What the next jump needs: the configuration and its CV values."""

    frame: Frame
    cv: Point


class JumpOrder(NamedTuple):
    """A proposed jump: where the restraint's centre is dragged, and what the flow thinks of both ends."""

    steering: Steering
    log_q_old: float
    log_q_new: float
    flow_version: int


class JumpInfo(NamedTuple):
    """What a jump did; the path's works in kT."""

    order: JumpOrder
    cv_old: Point
    path: PathResult
    log_acceptance: float
    accepted: bool


@dataclass(frozen=True)
class RestraintJump:
    """Kernel K5: the state is extended by the restraint's centre λ, so any differentiable CV can be driven.

    Attributes:
        kT: thermal energy [kJ/mol].
        kappa: spring constants, kJ/mol per CV unit squared. The chain is exact for each; it sets how far λ strays.
        steps: time steps of a path as long as `span`; shorter and longer ones in proportion.
        span: the distance that takes `steps`, in the restraint's own metric (Σ κ_i Δ_i²)^(1/2).

    Raises:
        ValueError: a setting is out of range.

    Source: docs/theory.md, section 3.
    """

    kT: float
    kappa: Point
    steps: int
    span: float

    def __post_init__(self) -> None:
        if not (self.kappa > 0).all():
            raise ValueError(f"kappa must be positive, got {self.kappa}")
        if self.steps < 1:
            raise ValueError(f"path steps must be at least 1, got {self.steps}")
        if not self.span > 0:
            raise ValueError(f"the states' mean CVs must differ, got a distance of {self.span}")

    def propose(self, state: JumpState, proposal: Proposal, rng: np.random.Generator) -> JumpOrder:
        """Draw λ | x (Gibbs) and λ̃ from the proposal."""
        start = state.cv + np.sqrt(self.kT / self.kappa) * rng.standard_normal(len(state.cv))
        end = proposal.draw(1, rng)[0]
        steering = Steering(start, end, self.kappa, self.path_steps(start, end))
        log_q = proposal.log_density(np.stack([start, end]))
        return JumpOrder(steering, float(log_q[0]), float(log_q[1]), proposal.version)

    def path_steps(self, start: Point, end: Point) -> int:
        """Length of the path between two points. Law: the same both ways."""
        distance = float(np.sqrt(np.sum(self.kappa * (end - start) ** 2)))
        return max(1, int(np.ceil(self.steps * distance / self.span)))


def realise(state: JumpState, order: JumpOrder, engine: Engine, rng: np.random.Generator) -> tuple[JumpState, JumpInfo]:
    """Run the path and take or leave its end. λ is forgotten: the next jump draws it anew."""
    path = engine.steer(state.frame, order.steering, rng)
    log_ratio = log_acceptance(order.log_q_old, order.log_q_new, path.work)
    accepted = accepts(log_ratio, rng) and path.outcome is Outcome.COMPLETED
    info = JumpInfo(order, state.cv, path, log_ratio, accepted)
    return (JumpState(path.frame, path.cv) if accepted else state), info


def step(
    state: JumpState, jump: RestraintJump, proposal: Proposal, engine: Engine, rng: np.random.Generator
) -> tuple[JumpState, JumpInfo]:
    """One whole jump."""
    return realise(state, jump.propose(state, proposal, rng), engine, rng)
