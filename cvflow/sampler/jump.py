"""One jump: state + info + pure step.

A jump is made of a proposal (cheap, needs the flow) and its realisation (expensive, needs the engine), so that the two
can happen in different processes. `step` is the two in a row.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

from cvflow.core.acceptance import log_acceptance, log_threshold
from cvflow.core.early_rejection import EarlyRejection
from cvflow.core.frames import Frame, Outcome, PathResult, Point, Steering
from cvflow.core.periodic import truncated_normal, wrapped
from cvflow.core.states import States
from cvflow.engines.base import Engine
from cvflow.proposals.base import Proposal
from cvflow.sampler.interim_free_energy import InterimFreeEnergy


class JumpState(NamedTuple):
    """What the next jump needs: the configuration and its CV values."""

    frame: Frame
    cv: Point


class JumpOrder(NamedTuple):
    """A proposed jump: where the restraint's centre is dragged, and what the flow thinks of both ends.

    `log_threshold` is ln u of the Metropolis decision. With a `criterion` the path is looked at on its way and
    given up when it cannot be accepted any more. A jump that is not `realised` is rejected without a
    path. `points` are both ends in CV space, where those of the steering are something else.
    """

    steering: Steering
    log_q_old: float
    log_q_new: float
    flow_version: int
    log_threshold: float
    criterion: EarlyRejection | None = None
    realised: bool = True
    points: Float[np.ndarray, "2 cvs"] | None = None

    @property
    def ends(self) -> tuple[Point, Point]:
        """λ and λ̃ as points of CV space."""
        return (self.steering.start, self.steering.end) if self.points is None else (self.points[0], self.points[1])


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
        periods: of the CVs, infinite on a line. On a circle every distance is that of the shortest arc.
        interim_free_energy: with which paths that cannot be accepted any more are given up; all paths are run to their
            end without.
        skips: states within which jumps are rejected without a path; none if left out.

    Raises:
        ValueError: a setting is out of range.

    Source: docs/theory.md, section 3.
    """

    kT: float
    kappa: Point
    steps: int
    span: float
    periods: Point
    interim_free_energy: InterimFreeEnergy | None = None
    skips: States | None = None

    def __post_init__(self) -> None:
        if not (self.kappa > 0).all():
            raise ValueError(f"kappa must be positive, got {self.kappa}")
        if self.steps < 1:
            raise ValueError(f"path steps must be at least 1, got {self.steps}")
        if not self.span > 0:
            raise ValueError(f"the states' mean CVs must differ, got a distance of {self.span}")

    def propose(self, state: JumpState, proposal: Proposal, rng: np.random.Generator) -> JumpOrder:
        """Draw λ | x (Gibbs) and λ̃ from the proposal."""
        start = self.origin(state.cv, rng)
        end = wrapped(proposal.draw(1, rng)[0], self.periods)
        steering = Steering(start, end, self.kappa, self.path_steps(start, end))
        log_q = proposal.log_density(np.stack([start, end]))
        threshold, criterion = log_threshold(rng), None
        if self.interim_free_energy is not None:
            criterion = self.interim_free_energy.criterion(start[None], end[None], log_q[:1], np.array([threshold]))
        within = self.skips is not None and bool(self.skips.shared(start[None], end[None])[0])
        return JumpOrder(steering, float(log_q[0]), float(log_q[1]), proposal.version, threshold, criterion, not within)

    def origin(self, cv: Point, rng: np.random.Generator) -> Point:
        """λ | x: normal around ξ(x), on a circle truncated to half a period on both sides, then wrapped."""
        width, normal = np.sqrt(self.kT / self.kappa), rng.standard_normal(len(cv))
        truncated = truncated_normal(ndtr(normal), 0.5 * self.periods / width)
        return wrapped(cv + width * np.where(np.isinf(self.periods), normal, truncated), self.periods)

    def path_steps(self, start: Point, end: Point) -> int:
        """Length of the path between two points. Law: the same both ways."""
        distance = float(np.sqrt(np.sum(self.kappa * wrapped(end - start, self.periods) ** 2)))
        return max(1, int(np.ceil(self.steps * distance / self.span)))


def realise(state: JumpState, order: JumpOrder, engine: Engine, rng: np.random.Generator) -> tuple[JumpState, JumpInfo]:
    """Run the path and take or leave its end. λ is forgotten: the next jump draws it anew."""
    path = engine.steer(state.frame, order.steering, rng, order.criterion) if order.realised else _unrealised(state)
    if path.outcome.failed:
        path = path._replace(cv=state.cv)  # an engine that runs elsewhere may not know where it was
    log_ratio = log_acceptance(order.log_q_old, order.log_q_new, path.work)
    accepted = order.log_threshold < log_ratio and path.outcome is Outcome.COMPLETED
    info = JumpInfo(order, state.cv, path, log_ratio, accepted)
    return (JumpState(path.frame, path.cv) if accepted else state), info


def _unrealised(state: JumpState) -> PathResult:
    nan = float("nan")
    return PathResult(state.frame, state.cv, nan, nan, nan, nan, 0, Outcome.WITHIN_STATE)


def step(
    state: JumpState, jump: RestraintJump, proposal: Proposal, engine: Engine, rng: np.random.Generator
) -> tuple[JumpState, JumpInfo]:
    """One whole jump."""
    return realise(state, jump.propose(state, proposal, rng), engine, rng)
