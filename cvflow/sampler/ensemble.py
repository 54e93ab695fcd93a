"""Jumps and local moves of many chains at once: state + info + pure step."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from cvflow.core.acceptance import accepted, log_acceptance, log_thresholds
from cvflow.core.early_rejection import EarlyRejection
from cvflow.core.frames import Exactness, Outcome
from cvflow.core.states import States
from cvflow.cv.batch import Batch, Points
from cvflow.engines.batch.kernels.base import nothing, uniforms
from cvflow.engines.batch.paths import BatchPath, Lengths, Paths
from cvflow.engines.batch.potential import Each
from cvflow.proposals.base import Proposal
from cvflow.sampler.interim_free_energy import InterimFreeEnergy
from cvflow.sampler.local import drawn_steps

Ends = Float[np.ndarray, "ends cvs"]
"""First points of the paths, then last ones."""


class EnsembleState(NamedTuple):
    """What the next move of all chains needs: configurations and their CVs."""

    x: Batch
    cv: Points


class EnsembleInfo(NamedTuple):
    """What a jump did, one row a chain; CVs in their units, works in kT."""

    start: Points
    end: Points
    log_q_old: Each
    log_q_new: Each
    path: BatchPath
    log_acceptance: Each
    accepted: Bool[Tensor, " chains"]


class LocalInfo(NamedTuple):
    """What a local move did."""

    path: BatchPath
    accepted: Bool[Tensor, " chains"]


@dataclass(frozen=True)
class EnsembleJump:
    """One jump of every chain, by whichever relaxation kernel its paths have.

    Attributes:
        paths: how a jump is realised.
        steps: time steps of a path as long as `span`; shorter and longer ones in proportion.
        span: the distance that takes `steps`, in the metric of `scale`.
        scale: what one unit of each CV counts in that metric; one each if left out.
        interim_free_energy: with which paths that cannot be accepted any more are given up; all paths are run to their
            end without.
        skips: states within which jumps are rejected without a path; none if left out.

    Raises:
        ValueError: a setting is out of range.

    Source: docs/theory.md, eqs. (4) and (5).
    """

    paths: Paths
    steps: int
    span: float
    scale: tuple[float, ...] = ()
    interim_free_energy: InterimFreeEnergy | None = None
    skips: States | None = None
    _scale: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        names = self.paths.kernel.cv.names
        if self.steps < 1:
            raise ValueError(f"path steps must be at least 1, got {self.steps}")
        if not self.span > 0:
            raise ValueError(f"the states' mean CVs must differ, got a distance of {self.span}")
        scale = np.array(self.scale or (1.0,) * len(names))
        if len(scale) != len(names) or not (scale > 0).all():
            raise ValueError(f"scale must be positive, one for each of the CVs {', '.join(names)}")
        object.__setattr__(self, "_scale", scale)

    def step(
        self, state: EnsembleState, proposal: Proposal, generator: torch.Generator
    ) -> tuple[EnsembleState, EnsembleInfo]:
        """Propose, drive, and take or leave the end of each path.

        Raises:
            ValueError: the proposal draws outside the period of a CV, where its density cannot be one on a circle.
        """
        kernel = self.paths.kernel
        like = state.cv
        start = kernel.origin(state.x, uniforms(tuple(like.shape), like, generator))
        end = torch.as_tensor(proposal.draw(len(like), numpy_generator(generator))).to(like)
        self._check(end)
        both = torch.cat([start, end]).cpu().double().numpy()
        log_q_old, log_q_new = torch.as_tensor(proposal.log_density(both)).to(like).chunk(2)
        # Both ends, or a chain outside the range could come in by a jump whose reverse is refused.
        reachable = self._reachable(start) & self._reachable(end) & torch.isfinite(log_q_old + log_q_new)
        skipped = self._skipped(both, like)
        driven = reachable & ~skipped
        lengths = np.where(driven.cpu().numpy(), self.lengths(start, end), 1)
        uniform = uniforms((len(like),), like, generator)
        criterion = self._criterion(both, log_q_old, uniform, driven)
        # A jump that cannot be made stays where it is: one step in place costs less than to leave the chain out.
        aim = torch.where(driven[:, None], end, start)
        path = self.paths.drive(state.x, start, aim, lengths, generator, criterion)
        reason = torch.where(torch.isfinite(log_q_old), Outcome.OUT_OF_RANGE, Outcome.UNSUPPORTED)
        path = _unmade(path, state, driven, torch.where(reachable, Outcome.WITHIN_STATE, reason))
        log_ratio = log_acceptance(log_q_old, log_q_new, path.work)
        moves = accepted(log_ratio, uniform) & (path.outcome == Outcome.COMPLETED)
        after = EnsembleState(
            torch.where(moves[:, None], path.x, state.x), torch.where(moves[:, None], path.cv, state.cv)
        )
        return after, EnsembleInfo(start, end, log_q_old, log_q_new, path, log_ratio, moves)

    def _skipped(self, both: Ends, like: Points) -> Bool[Tensor, " chains"]:
        """Jumps that are rejected without a path."""
        start, end = np.split(both, 2)
        none = np.zeros(len(start), dtype=bool)
        return torch.as_tensor(none if self.skips is None else self.skips.shared(start, end), device=like.device)

    def _criterion(
        self, both: Ends, log_q_old: Each, uniform: Each, driven: Bool[Tensor, " chains"]
    ) -> EarlyRejection | None:
        """What decides the paths; nothing decides where there is none."""
        if self.interim_free_energy is None:
            return None
        threshold, old = (column.cpu().double().numpy() for column in (log_thresholds(uniform), log_q_old))
        start, end = np.split(both, 2)
        criterion = self.interim_free_energy.criterion(start, end, old, threshold)
        return criterion._replace(log_uniform=np.where(driven.cpu().numpy(), criterion.log_uniform, -np.inf))

    def lengths(self, start: Points, end: Points) -> Lengths:
        """Steps between two points. Law: the same both ways."""
        if not self.paths.kernel.relaxes:
            return np.ones(len(start), dtype=np.int64)
        way = self.paths.kernel.cv.wrapped(end - start).cpu().double().numpy() * self._scale
        distance = np.nan_to_num(
            np.sqrt((way * way).sum(axis=1)), posinf=0.0
        )  # a point that is not finite is refused elsewhere
        steps = np.maximum(1, np.ceil(self.steps * distance / self.span)).astype(np.int64)
        if self.interim_free_energy is None:
            return steps
        look = self.paths.look
        return np.where(steps > look, look * -(-steps // look), steps)

    def _reachable(self, points: Points) -> Bool[Tensor, " chains"]:
        """Where a path can begin or end: a CV that is held exactly cannot leave its range, nor anything go to NaN."""
        inside = torch.isfinite(points).all(dim=1)
        if self.paths.kernel.holds_cv:
            for i, (lowest, highest) in enumerate(self.paths.kernel.cv.ranges):
                inside = inside & (points[:, i] > lowest) & (points[:, i] < highest)
        return inside

    def _check(self, end: Points) -> None:
        if any(bool((end[:, i].abs() > 0.5 * period).any()) for i, period in enumerate(self.paths.kernel.cv.periods)):
            raise ValueError("the proposal draws outside the CV's period: give one whose density lives on the circle")


def _unmade(
    path: BatchPath, state: EnsembleState, made: Bool[Tensor, " chains"], reason: Int[Tensor, " chains"]
) -> BatchPath:
    """The paths, with those that never began counted by their reason."""
    if bool(made.all()):
        return path
    return path._replace(
        x=torch.where(made[:, None], path.x, state.x),
        cv=torch.where(made[:, None], path.cv, state.cv),
        work=torch.where(made, path.work, torch.nan),
        steps=torch.where(made, path.steps, 0),
        outcome=torch.where(made, path.outcome, reason),
    )


@dataclass(frozen=True)
class EnsembleMove:
    """A local move of every chain: some steps of dynamics, taken as they come or accepted on their work.

    Attributes:
        paths: dynamics without a CV (`cvflow.engines.batch.kernels.local`, or `UnderdampedLangevin` with
            `everything_free`).
        steps: time steps; their mean if `on_work`.
        on_work: whether the whole is accepted on its work, as hybrid Monte Carlo is, and its length drawn afresh, for
            all chains together; dynamics whose every step is Metropolised leave none.
        exactness: whether the move leaves the Boltzmann distribution invariant.
    """

    paths: Paths
    steps: int
    on_work: bool
    exactness: Exactness

    def step(self, state: EnsembleState, cv_of: Paths, generator: torch.Generator) -> tuple[EnsembleState, LocalInfo]:
        """Move every chain; `cv_of` says what the CV is."""
        nowhere = state.x.new_zeros((len(state.x), 0))
        # One length for all chains costs its mean; they stay independent, since each length leaves their product alone.
        steps = drawn_steps(self.steps, numpy_generator(generator)) if self.on_work else self.steps
        lengths = np.full(len(state.x), steps)
        path = self.paths.drive(state.x, nowhere, nowhere, lengths, generator)
        moves = path.outcome == Outcome.COMPLETED
        if self.on_work:
            uniform = uniforms((len(moves),), state.x, generator)
            moves = moves & accepted(log_acceptance(nothing(path.work), nothing(path.work), path.work), uniform)
        x = torch.where(moves[:, None], path.x, state.x)
        return EnsembleState(x, cv_of.kernel.cv.value(x)), LocalInfo(path, moves)


def numpy_generator(generator: torch.Generator) -> np.random.Generator:
    """A numpy generator seeded by the torch one, for what draws with numpy."""
    seed = torch.randint(2**62, (1,), generator=generator, device=generator.device)
    return np.random.default_rng(int(seed))
