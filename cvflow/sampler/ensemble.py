"""Jumps and local moves of many chains at once: state + info + pure step."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from cvflow.core.acceptance import accepted, log_acceptance, log_thresholds
from cvflow.core.frames import Exactness, Outcome, Point
from cvflow.core.periodic import truncated_normal
from cvflow.core.state_bias import UNBIASED, StateBias
from cvflow.cv.batch import Batch, Each, Points
from cvflow.engines.batch.kernels.base import nothing, uniforms
from cvflow.engines.batch.paths import BatchPath, Paths
from cvflow.sampler.cv_jump import CVJump
from cvflow.sampler.jump import JumpInfo
from cvflow.sampler.jump_proposal import Configurations, JumpProposal, Learned, Orders, PerWalker
from cvflow.sampler.local import LocalInfo, drawn_steps

Which = Bool[Tensor, " chains"]
EnsembleInfo = JumpInfo[BatchPath, Each, Which]
EnsembleLocalInfo = LocalInfo[BatchPath, Which]


class EnsembleState(NamedTuple):
    """What the next move of all chains needs: configurations and their CVs."""

    x: Batch
    cv: Points

    @property
    def here(self) -> Configurations:
        """As proposals see it."""
        return Configurations(self.cv.cpu().numpy())


@dataclass(frozen=True)
class EnsembleNoise:
    """Noise of all chains, from the one torch generator, in their precision."""

    generator_of_all: torch.Generator
    dtype: torch.dtype

    def normal(self, walkers: int, reach: Float[np.ndarray, " *shape"]) -> Float[np.ndarray, " walkers *shape"]:
        """Standard normal numbers, truncated to ± reach, from uniform ones."""
        return truncated_normal(self._uniforms(walkers, *reach.shape).double().numpy(), reach)

    def generator(self) -> np.random.Generator:
        """One seeded by the next number."""
        return numpy_generator(self.generator_of_all)

    def log_thresholds(self, walkers: int) -> PerWalker:
        """The ln u of the Metropolis decisions."""
        return log_thresholds(self._uniforms(walkers)).numpy()

    def _uniforms(self, *shape: int) -> Tensor:
        return uniforms(shape, torch.empty(0, dtype=self.dtype), self.generator_of_all)


def jump_along(paths: Paths, steps: int, scale: Point) -> CVJump:
    """Jumps that these paths can realise.

    Args:
        paths: of all chains.
        steps: time steps of a path as long as the span.
        scale: what one unit of each CV counts in the distance that path lengths are proportional to.

    Raises:
        ValueError: a setting is out of range.
    """
    kernel, cv = paths.kernel, paths.kernel.cv
    ranges = cv.ranges if kernel.holds_cv else ((-np.inf, np.inf),) * len(cv.names)
    return CVJump(
        width=np.array(kernel.centre_widths, dtype=float),
        scale=scale if kernel.relaxes else 0 * scale,
        steps=steps,
        periods=np.array(cv.periods, dtype=float),
        ranges=np.array(ranges, dtype=float).reshape(-1, 2),
        look=paths.look,
    )


def realise(
    state: EnsembleState,
    orders: Orders,
    paths: Paths,
    generator: torch.Generator,
    state_bias: StateBias = UNBIASED,
) -> tuple[EnsembleState, EnsembleInfo]:
    """Drive every chain, and take or leave the end of each path."""
    like = state.cv
    start, end, log_q_old, log_q_new, threshold = (
        torch.as_tensor(column).to(like)
        for column in (orders.start, orders.end, orders.log_q_old, orders.log_q_new, orders.log_threshold)
    )
    driven, outcome = (torch.as_tensor(column, device=like.device) for column in (orders.realised, orders.outcome))
    # A jump that cannot be made stays where it is: one step in place costs less than to leave the chain out.
    aim = torch.where(driven[:, None], end, start)
    path = paths.drive(state.x, start, aim, orders.steps, generator, orders.criterion)
    path = _unmade(path, state, driven, outcome)
    work = path.work + _bias_rise(state_bias, state.cv, path.cv) if state_bias.energies else path.work
    log_ratio = log_acceptance(log_q_old, log_q_new, work)
    moves = (threshold < log_ratio) & (path.outcome == Outcome.COMPLETED)
    return _taken(state, EnsembleState(path.x, path.cv), moves), JumpInfo(orders, path, log_ratio, moves)


def step(
    state: EnsembleState, jump: JumpProposal, learned: Learned, paths: Paths, generator: torch.Generator
) -> tuple[EnsembleState, EnsembleInfo]:
    """One whole jump of every chain.

    Raises:
        ValueError: the proposal draws outside the period of a CV.
    """
    orders = jump.propose(state.here, learned, EnsembleNoise(generator, state.cv.dtype))
    return realise(state, orders, paths, generator, learned.state_bias)


def let_by(
    state_bias: StateBias,
    before: EnsembleState,
    after: EnsembleState,
    info: EnsembleLocalInfo,
    generator: torch.Generator,
) -> tuple[EnsembleState, EnsembleLocalInfo]:
    """Take moves that know nothing of the bias, or leave them: they are accepted once more, by the bias alone.

    Source: delayed acceptance, as in `cvflow.sampler.walkers.process`.
    """
    if not state_bias.energies:
        return after, info
    rise = _bias_rise(state_bias, before.cv, after.cv)
    kept = accepted(log_acceptance(nothing(rise), nothing(rise), rise), uniforms((len(rise),), after.x, generator))
    return _taken(before, after, kept), replace(info, accepted=info.accepted & kept)


def _bias_rise(state_bias: StateBias, before: Points, after: Points) -> Each:
    """V after less V before [kT], of each chain."""
    old, new = (state_bias.of(cv.cpu().double().numpy()) for cv in (before, after))
    return torch.as_tensor(new - old).to(before)


def _taken(state: EnsembleState, end: EnsembleState, moves: Which) -> EnsembleState:
    return EnsembleState(*(torch.where(moves[:, None], new, old) for new, old in zip(end, state, strict=True)))


def _unmade(path: BatchPath, state: EnsembleState, made: Which, reason: Tensor) -> BatchPath:
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

    def step(
        self, state: EnsembleState, cv_of: Paths, generator: torch.Generator
    ) -> tuple[EnsembleState, EnsembleLocalInfo]:
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
