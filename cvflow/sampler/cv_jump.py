"""Jumps in the space of the CVs."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from cvflow.core.early_rejection import EarlyRejection
from cvflow.core.frames import Outcome, Point
from cvflow.core.periodic import wrapped
from cvflow.sampler.jump_proposal import Configurations, JumpProposal, Learned, Orders, PerWalker, ProposalNoise

InCVs = Float[np.ndarray, "walkers cvs"]
OfWalkers = Bool[np.ndarray, " walkers"]
WalkerSteps = Int[np.ndarray, " walkers"]


@dataclass(frozen=True)
class CVJump(JumpProposal):
    """λ is ξ(x) where the path's kernel holds the CV; a restraint's centre is drawn around it, so that any CV will do.

    Attributes:
        width: standard deviation of λ around ξ(x), (kT/κ)^(1/2) of the restraint, in each CV's unit; zero where the CV
            is held.
        scale: what one unit of each CV counts in the distance that path lengths are proportional to; zeros for kernels
            with nothing to do on the way, whose paths have one step.
        steps: time steps of a path as long as the span; shorter and longer ones in proportion.
        periods: of the CVs, infinite on a line. On a circle every distance is that of the shortest arc.
        ranges: values that λ can take, (cvs, 2), infinite for a restraint's; jumps beyond are rejected without a path.
        look: steps between two looks at paths that may be given up; those that are longer are made multiples of it.

    Raises:
        ValueError: a setting is out of range.

    Source: docs/theory.md, eqs. (4) and (5), and section 3.
    """

    width: Point
    scale: Point
    steps: int
    periods: Point
    ranges: Float[np.ndarray, "cvs 2"]
    look: int = 1

    def __post_init__(self) -> None:
        if not (self.width >= 0).all():
            raise ValueError(f"the width of λ must not be negative, got {self.width}")
        if not (self.scale >= 0).all():
            raise ValueError(f"the scale of a CV must not be negative, got {self.scale}")
        if self.steps < 1:
            raise ValueError(f"path steps must be at least 1, got {self.steps}")
        if len({len(column) for column in (self.width, self.scale, self.periods, self.ranges)}) > 1:
            raise ValueError("jumps need one width, one scale, one period and one range for each CV")

    def propose(self, here: Configurations, learned: Learned, noise: ProposalNoise) -> Orders:
        count, precision = len(here.cv), here.cv.dtype
        with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is refused
            start = self.origin(here.cv, noise)
            wide_start = start.astype(float)
            points, made = learned.proposal.propose(wide_start, noise.generator())
            end = points.astype(precision)
            self._check(end)
            wide_end = end.astype(float)
            log_q = learned.proposal.log_density(np.concatenate([wide_start, wide_end])).astype(precision)
            log_q_old, log_q_new = log_q[:count], log_q[count:]
            outcome = self._outcome(start, end, log_q_old, log_q_new, made)
            if learned.skips is not None:
                within = self.skipped(here, wide_start, wide_end, learned)
                outcome = np.where((outcome == Outcome.COMPLETED) & within, Outcome.WITHIN_STATE, outcome)
            driven = outcome == Outcome.COMPLETED
            lengths = np.where(driven, self.lengths(start, end, learned), 1)
        threshold = noise.log_thresholds(count)
        log_old = log_q_old.astype(float) + learned.state_bias.of(here.cv)
        criterion = self.criterion(wide_start, wide_end, log_old, threshold.astype(float), learned)
        if criterion is not None:
            criterion = criterion._replace(log_uniform=np.where(driven, criterion.log_uniform, -np.inf))
        version = learned.proposal.version
        return Orders(
            start, end, start, end, lengths, log_q_old, log_q_new, threshold, outcome, version, criterion
        )

    def origin(self, cv: InCVs, noise: ProposalNoise) -> InCVs:
        """λ | x, the Gibbs draw: normal around ξ(x), on a circle truncated to half a period both ways, then wrapped.

        Drawn where the CV is held as well, so that a stream of random numbers is the same for all kernels.
        """
        with np.errstate(divide="ignore"):
            reach = 0.5 * self.periods / self.width
        offset = self.width * noise.normal(len(cv), reach)
        return np.where(self.width > 0, self._wrapped(cv + offset.astype(cv.dtype)), cv)

    def lengths(self, start: InCVs, end: InCVs, learned: Learned) -> WalkerSteps:
        """Steps between two points. Law: the same both ways.

        Raises:
            ValueError: the span is zero.
        """
        if not learned.span > 0:
            raise ValueError(f"the states' mean CVs must differ, got a distance of {learned.span}")
        way = self.scale * self._wrapped(end - start).astype(float)
        distance = np.nan_to_num(np.sqrt((way * way).sum(axis=1)), posinf=0.0)  # a point that is not finite is refused
        steps = np.maximum(1, np.ceil(self.steps * distance / learned.span)).astype(np.int64)
        if learned.interim_free_energy is None:
            return steps
        return np.where(steps > self.look, self.look * -(-steps // self.look), steps)

    def skipped(self, here: Configurations, start: InCVs, end: InCVs, learned: Learned) -> OfWalkers:
        """Jumps that stay within a state whose jumps are not made."""
        assert learned.skips is not None
        return learned.skips.shared(start, end)

    def criterion(
        self, start: InCVs, end: InCVs, log_q_old: PerWalker, log_threshold: PerWalker, learned: Learned
    ) -> EarlyRejection | None:
        """What decides the paths on their way."""
        if learned.interim_free_energy is None:
            return None
        return learned.interim_free_energy.criterion(start, end, log_q_old, log_threshold)

    def _outcome(
        self, start: InCVs, end: InCVs, log_q_old: PerWalker, log_q_new: PerWalker, made: OfWalkers
    ) -> WalkerSteps:
        """Why a jump can have no path: both ends are asked, or a chain outside could come in and never go back."""
        begins = self._reachable(start) & np.isfinite(log_q_old)
        reachable = begins & self._reachable(end) & np.isfinite(log_q_new)
        reason = np.where(np.isfinite(log_q_old), Outcome.OUT_OF_RANGE, Outcome.UNSUPPORTED)
        return np.select([reachable, begins & ~made], [Outcome.COMPLETED, Outcome.WITHIN_STATE], reason)

    def _reachable(self, points: InCVs) -> OfWalkers:
        """Where a path can begin or end: a CV that is held exactly cannot leave its range, nor anything go to NaN."""
        lowest, highest = self.ranges.T.astype(points.dtype)
        return (np.isfinite(points) & (points > lowest) & (points < highest)).all(axis=1)

    def _check(self, end: InCVs) -> None:
        if (np.abs(end) > (0.5 * self.periods).astype(end.dtype)).any():
            raise ValueError("the proposal draws outside the CV's period: give one whose density lives on the circle")

    def _wrapped(self, difference: InCVs) -> InCVs:
        return wrapped(difference, self.periods.astype(difference.dtype))


def restraint_jump(kT: float, kappa: Point, steps: int, periods: Point) -> CVJump:
    """Jumps that a soft restraint realises: λ strays from ξ(x), and can be any number.

    Args:
        kT: thermal energy [kJ/mol].
        kappa: spring constants, kJ/mol per CV unit squared. The chain is exact for each; it sets how far λ strays, and
            what a path's length is measured in: (Σ κ_i Δ_i²)^(1/2).
        steps: time steps of a path as long as the span.
        periods: of the CVs, infinite on a line.

    Raises:
        ValueError: a setting is out of range.
    """
    if not (kappa > 0).all():
        raise ValueError(f"kappa must be positive, got {kappa}")
    unbounded = np.tile([-np.inf, np.inf], (len(kappa), 1))
    return CVJump(np.sqrt(kT / kappa), np.sqrt(kappa), steps, periods, unbounded)
