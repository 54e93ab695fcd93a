"""Wrong jumps around right kernels: acceptances, retries, draws of the centre, densities on a circle."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import ndtr, ndtri

from cvflow.core.periodic import wrapped
from cvflow.proposals import Proposal
from cvflow.sampler.cv_jump import CVJump
from cvflow.sampler.ensemble import EnsembleState
from tests.engines.batch.circles import WrappedMixture
from tests.engines.batch.stationarity import Jump


def no_reverse_density(log_q_old, log_q_new, work):
    """log q of the start dropped."""
    return -log_q_new - work


def no_densities(log_q_old, log_q_new, work):
    """The q ratio omitted."""
    return -work


def wrong_sign(log_q_old, log_q_new, work):
    """W with the sign of the way back."""
    return log_q_old - log_q_new + work


class RetriedRejections(Jump):
    """Tries once more where the jump was rejected."""

    def step(self, state, proposal, generator):
        first, info = super().step(state, proposal, generator)
        second, _ = super().step(state, proposal, generator)
        return EnsembleState(*(_where(info.accepted, a, b) for a, b in zip(first, second, strict=True))), info


class RetriedFailures(Jump):
    """Tries again, up to eight times, where the path failed."""

    def step(self, state, proposal, generator):
        after, info = super().step(state, proposal, generator)
        failed = info.path.outcome != 0
        for _ in range(8):
            again, other = super().step(EnsembleState(*(field[failed] for field in state)), proposal, generator)
            after = EnsembleState(*(a.masked_scatter(failed[:, None], b) for a, b in zip(after, again, strict=True)))
            failed = failed.masked_scatter(failed, other.path.outcome != 0)
        return after, info


class DecidedTwice(CVJump):
    """Holds paths under way against another number than the end."""

    def criterion(self, *arguments):
        criterion = super().criterion(*arguments)
        other = np.random.default_rng(3).random(len(criterion.log_uniform))
        return criterion._replace(log_uniform=np.log(other))


class CapOnTheWork(CVJump):
    """Gives up all paths that have lost as much on their way, whatever their number."""

    def criterion(self, *arguments):
        criterion = super().criterion(*arguments)
        return criterion._replace(log_uniform=np.full_like(criterion.log_uniform, -0.5))


class OneWayLooks(CVJump):
    """Looks at steps counted from the start, which from the end are others."""

    def lengths(self, start, end, learned):
        return super().lengths(start, end, learned._replace(interim_free_energy=None))


class CentreAtTheCV(CVJump):
    """Starts a restraint's centre at ξ(x) instead of drawing it."""

    def origin(self, cv, noise):
        return cv


class CutCentre(CVJump):
    """Keeps the centre of a restraint on a distance positive, drawn and proposed."""

    def __post_init__(self):
        object.__setattr__(self, "ranges", np.array([[0.0, np.inf]]))

    def origin(self, cv, noise):
        below = ndtr(-cv / self.width)
        uniform = ndtr(noise.normal(len(cv), np.full(1, np.inf)))
        return cv + self.width * ndtri(below + (1 - below) * uniform)


class WrappedNormalCentre(CVJump):
    """Winds a normal round a circle instead of cutting it at half a period."""

    def origin(self, cv, noise):
        return wrapped(cv + self.width * noise.normal(len(cv), np.full(1, np.inf)), self.periods)


def _where(keep, this, that):
    return torch.where(keep[:, None], this, that)


@dataclass(frozen=True)
class UnwrappedDensity(Proposal):
    """Draws on the circle and gives the density of the line: that of the other images is left out."""

    mixture: WrappedMixture
    version: int = 0

    def draw(self, count: int, rng: np.random.Generator):
        return self.mixture.draw(count, rng)

    def log_density(self, points):
        return self.mixture._line.log_density(points)
