"""Runs whose walkers each have an engine of their own, in worker processes."""

from abc import abstractmethod
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np

from cvflow.build.setup import Equilibrated, Setup
from cvflow.crew import Crew, Standing
from cvflow.engine.base import EngineSpec
from cvflow.jump import JumpState
from cvflow.local import HybridMonteCarlo, LocalMove, UnadjustedLangevin
from cvflow.state import Exactness, Frame, Point
from cvflow.walker import WalkerCrew, available_cores, equilibrate, pinned_pool, standing_at


@dataclass(frozen=True)
class WalkerSetup(Setup):
    """`start_frames` has one frame a walker, or none when a run is continued from its store."""

    start_frames: tuple[Frame, ...]

    @property
    @abstractmethod
    def spec(self) -> EngineSpec:
        """The engine, as data for worker processes."""

    @property
    def relax(self) -> LocalMove:
        """What equilibration is made of."""
        return UnadjustedLangevin(self.config.run.local_steps)

    @property
    def local(self) -> LocalMove:
        """The move between jumps."""
        run = self.config.run
        return HybridMonteCarlo(run.local_steps) if run.local == "hmc" else UnadjustedLangevin(run.local_steps)

    @property
    def exactness(self) -> Exactness:
        parts = [self.local.exactness, self.spec.build().exactness]
        doubts = [part for part in parts if not part.value]
        return Exactness(not doubts, "; ".join(part.reason for part in doubts or parts))

    def executor(self, workers: int) -> AbstractContextManager[Executor]:
        return pinned_pool(workers)

    def workers(self, wanted: int | None) -> int:
        """One process a walker, no more than there are cores."""
        return wanted or min(self.config.run.walkers, len(available_cores()))

    def equilibrate(self, executor: Executor) -> Equilibrated:
        seed = self.config.run.seed
        futures = [
            executor.submit(equilibrate, self.spec, frame, self.relax, self.local, seed, walker)
            for walker, frame in enumerate(self.start_frames)
        ]
        pilots = [future.result() for future in futures]
        return Equilibrated([pilot.standing for pilot in pilots], np.stack([pilot.samples for pilot in pilots]))

    def crews(self, kappa: Point) -> list[Crew]:
        run, steps, periods = self.config.run, self.steps, np.array(self.periods)
        return [
            WalkerCrew(walker, self.spec, run.seed, self.local, self.kT, kappa, steps, periods)
            for walker in range(run.walkers)
        ]

    def standings(self, frames: Sequence[Frame]) -> list[Standing]:
        engine = self.spec.build()
        return [standing_at(JumpState(frame, engine.cv_values(frame))) for frame in frames]
