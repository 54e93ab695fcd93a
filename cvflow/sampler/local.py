"""Local moves between jumps: dynamics that explores the state the walker is in."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic

import numpy as np

from cvflow.core.acceptance import accepts, log_acceptance
from cvflow.core.frames import Exactness, Outcome, PathResult
from cvflow.engines.base import Engine
from cvflow.sampler.jump import Decision, JumpState, Path


@dataclass(frozen=True)
class LocalInfo(Generic[Path, Decision]):
    """What a local move did, of one walker or of one row a chain."""

    path: Path
    accepted: Decision


WalkerLocalInfo = LocalInfo[PathResult, bool]


def drawn_steps(mean: int, rng: np.random.Generator) -> int:
    """How many time steps a Hamiltonian move has: uniform from mean - mean // 2 to mean + mean // 2.

    With a fixed number a harmonic mode whose period fits into it comes back to where it was, and never mixes. Of two
    numbers in a row one at least does not fit. The number knows nothing of the state, so each is exact.

    Source: Mackenzie, Phys. Lett. B 226, 369 (1989); Neal, Handbook of MCMC (2011), section 5.3.2.
    """
    return int(rng.integers(mean - mean // 2, mean + mean // 2, endpoint=True))


class LocalMove(ABC):
    """Law: leaves the Boltzmann distribution invariant if `exactness` says so."""

    steps: int
    """Time steps, on average."""

    @property
    @abstractmethod
    def exactness(self) -> Exactness:
        """Whether the move leaves the Boltzmann distribution exactly invariant."""

    @abstractmethod
    def step(self, state: JumpState, engine: Engine, rng: np.random.Generator) -> tuple[JumpState, WalkerLocalInfo]:
        """Move once."""


@dataclass(frozen=True)
class HybridMonteCarlo(LocalMove):
    """A Hamiltonian path from fresh velocities, accepted on its shadow work (Duane et al., Phys. Lett. B 1987).

    Its length is drawn afresh each time.
    """

    steps: int

    @property
    def exactness(self) -> Exactness:
        return Exactness(True, "local moves are Metropolised")

    def step(self, state: JumpState, engine: Engine, rng: np.random.Generator) -> tuple[JumpState, WalkerLocalInfo]:
        path = engine.free_path(state.frame, drawn_steps(self.steps, rng), 0.0, rng)
        accepted = accepts(log_acceptance(0.0, 0.0, path.work), rng) and path.outcome is Outcome.COMPLETED
        return (JumpState(path.frame, path.cv) if accepted else state), LocalInfo(path, accepted)


@dataclass(frozen=True)
class UnadjustedLangevin(LocalMove):
    """Langevin dynamics at a friction [1/ps], taken as it comes: biased by the time step."""

    steps: int
    friction: float = 1.0

    @property
    def exactness(self) -> Exactness:
        return Exactness(False, "local moves are unadjusted Langevin dynamics, biased by the time step")

    def step(self, state: JumpState, engine: Engine, rng: np.random.Generator) -> tuple[JumpState, WalkerLocalInfo]:
        return _taken(state, engine.free_path(state.frame, self.steps, self.friction, rng))


@dataclass(frozen=True)
class FreshVelocities(LocalMove):
    """A Hamiltonian path from fresh velocities, taken as it comes: a thermostat for engines without friction.

    Its length is drawn afresh each time.

    Source: Andersen, J. Chem. Phys. 72, 2384 (1980).
    """

    steps: int

    @property
    def exactness(self) -> Exactness:
        return Exactness(False, "local moves are unadjusted, biased by the time step")

    def step(self, state: JumpState, engine: Engine, rng: np.random.Generator) -> tuple[JumpState, WalkerLocalInfo]:
        return _taken(state, engine.free_path(state.frame, drawn_steps(self.steps, rng), 0.0, rng))


def _taken(state: JumpState, path: PathResult) -> tuple[JumpState, WalkerLocalInfo]:
    """The end of a path, if it got there."""
    completed = path.outcome is Outcome.COMPLETED
    return (JumpState(path.frame, path.cv) if completed else state), LocalInfo(path, completed)
