"""Proposing jumps: where each begins and ends, what the flow thinks of both ends, and how long its path is.

A jump is made of a proposal (cheap, needs the flow) and its realisation (expensive, needs the engine), so that the two
can happen in different processes. A proposal serves one walker and many: its random numbers are those of the noise that
it is given, one walker's numpy generator or a batch's torch generator.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from scipy.special import ndtr

from cvflow.core.acceptance import log_threshold
from cvflow.core.early_rejection import EarlyRejection
from cvflow.core.frames import Outcome, Point, Steering
from cvflow.core.periodic import truncated_normal
from cvflow.core.state_bias import UNBIASED, StateBias
from cvflow.core.states import States
from cvflow.proposals.base import Proposal
from cvflow.sampler.interim_free_energy import InterimFreeEnergy

PerWalker = Float[np.ndarray, " walkers"]


class Configurations(NamedTuple):
    """Where walkers are, one row each.

    Attributes:
        cv: ξ(x), in the precision that the chains have.
        positions: of all atoms [nm], as a frame has them; None where only the CVs are known of them.
    """

    cv: Float[np.ndarray, "walkers cvs"]
    positions: Float[np.ndarray, " walkers *shape"] | UInt8[np.ndarray, "walkers bytes"] | None = None


class Learned(NamedTuple):
    """What a run has learned when it orders a turn.

    Attributes:
        proposal: what draws the jump.
        span: distance in CV space that takes the configured number of path steps.
        interim_free_energy: with which paths are given up early; None to run all to their end.
        skips: states within which jumps are rejected without a path; None to realise all.
        state_bias: of the chains.
    """

    proposal: Proposal
    span: float
    interim_free_energy: InterimFreeEnergy | None = None
    skips: States | None = None
    state_bias: StateBias = UNBIASED


class Orders(NamedTuple):
    """Proposed jumps, one row a walker.

    Attributes:
        start: λ where the path begins: a point of CV space, or the positions of the driven atoms one by one [nm].
        end: λ̃ where it leads.
        centre_old: λ as a point of CV space.
        centre_new: λ̃ as a point of CV space; NaN, as `end` and `log_q_new` are, where nothing is proposed.
        steps: length of the path.
        log_q_old: log density of the proposal at `centre_old`.
        log_q_new: at `centre_new`.
        log_threshold: ln u of the Metropolis decision.
        outcome: code of why a jump is rejected without a path; COMPLETED for those that are to be realised.
        flow_version: version of the proposal.
        criterion: what decides paths on their way; all are run to their end without.
    """

    start: Float[np.ndarray, "walkers coordinates"]
    end: Float[np.ndarray, "walkers coordinates"]
    centre_old: Float[np.ndarray, "walkers cvs"]
    centre_new: Float[np.ndarray, "walkers cvs"]
    steps: Int[np.ndarray, " walkers"]
    log_q_old: PerWalker
    log_q_new: PerWalker
    log_threshold: PerWalker
    outcome: Int[np.ndarray, " walkers"]
    flow_version: int
    criterion: EarlyRejection | None = None

    @property
    def realised(self) -> Bool[np.ndarray, " walkers"]:
        """Which jumps need a path."""
        return self.outcome == Outcome.COMPLETED

    def steering(self, kappa: Point) -> Steering:
        """The order for a single walker's engine, whose restraint has these spring constants."""
        ((start, end, steps),) = zip(self.start, self.end, self.steps, strict=True)
        return Steering(start, end, kappa, int(steps))


@runtime_checkable
class ProposalNoise(Protocol):
    """Random numbers of the proposals of some walkers, in the order in which they are asked for."""

    def normal(self, walkers: int, reach: Float[np.ndarray, " *shape"]) -> Float[np.ndarray, " walkers *shape"]:
        """Standard normal numbers, truncated to ± reach."""

    def generator(self) -> np.random.Generator:
        """For what draws with numpy itself."""

    def log_thresholds(self, walkers: int) -> PerWalker:
        """The ln u of the Metropolis decisions."""


@dataclass(frozen=True)
class WalkerNoise:
    """Noise of one walker, from its numpy generator."""

    rng: np.random.Generator

    def normal(self, walkers: int, reach: Float[np.ndarray, " *shape"]) -> Float[np.ndarray, " walkers *shape"]:
        """Standard normal numbers, truncated to ± reach; on a line as the generator gives them."""
        normal = self.rng.standard_normal((walkers, *reach.shape))
        return np.where(np.isinf(reach), normal, truncated_normal(ndtr(normal), reach))

    def generator(self) -> np.random.Generator:
        """The one generator."""
        return self.rng

    def log_thresholds(self, walkers: int) -> PerWalker:
        """The ln u of the Metropolis decisions."""
        return np.array([log_threshold(self.rng) for _ in range(walkers)])


class JumpProposal(ABC):
    """Law: λ̃ is proposed from λ in detailed balance with the proposal's density; and the path back is as long."""

    @abstractmethod
    def propose(self, here: Configurations, learned: Learned, noise: ProposalNoise) -> Orders:
        """Draw λ | x, λ̃ and the number that decides, in this order.

        Args:
            here: where the walkers are.
            learned: the proposal, and what else follows from the jumps before.
            noise: source of all random numbers.

        Raises:
            ValueError: the states' mean CVs do not differ, or the proposal draws outside the period of a CV, where its
                density cannot be one on a circle.
        """
