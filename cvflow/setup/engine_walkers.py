"""Walkers that each have an engine of their own, in worker processes."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import numpy as np

from cvflow.config.resolved import PathSettings
from cvflow.config.settings import Config, ConfigError
from cvflow.core.frames import Exactness, Frame, Steering
from cvflow.engines.base import EngineSpec
from cvflow.host.cores import available_cores, usable_cores
from cvflow.host.journal import LOG
from cvflow.host.pool import Pool
from cvflow.sampler.jump import JumpState
from cvflow.sampler.local import HybridMonteCarlo, LocalMove, UnadjustedLangevin
from cvflow.sampler.walkers.base import GroupState, WalkerGroup
from cvflow.sampler.walkers.process import EngineLook, equilibrate, look, state_at
from cvflow.setup.made_starts import with_made_starts
from cvflow.setup.specification import Equilibrated, Setup, Springs, Walkers

CROWD = 4
"""Workers a core, at most: more are a slip of the pen."""


@dataclass(frozen=True)
class EngineWalkers(Walkers):
    """One engine a walker.

    Attributes:
        engine: what the settings of paths make of the system: an engine as data for worker processes.
        starts: one frame a walker, or none when a run is continued from its store.
        relax: what equilibration is made of, by its time steps.
        missing: states whose starts are still to be made.
        threads: that each engine computes with, each on a core of its own.
    """

    engine: Callable[[PathSettings], EngineSpec]
    starts: tuple[Frame, ...]
    relax: Callable[[int], LocalMove] = UnadjustedLangevin
    missing: tuple[str, ...] = ()
    threads: int = 1

    def spec(self, setup: Setup) -> EngineSpec:
        """The engine at the setup's settings."""
        return self.engine(setup.settings.path)

    def exactness(self, setup: Setup) -> Exactness:
        parts = [_local(setup).exactness, self.spec(setup).build().exactness]
        doubts = [part for part in parts if not part.value]
        return Exactness(not doubts, "; ".join(part.reason for part in doubts or parts))

    def workers(self, setup: Setup, wanted: int | None, given: Executor | None = None) -> int:
        """One process a walker, no more than there are cores for; an executor's workers are as many as it is said."""
        walkers = setup.settings.run.walkers
        return workers(walkers, wanted, self.threads) if given is None else min(wanted or walkers, walkers)

    def executor(self, workers: int) -> AbstractContextManager[Executor]:
        return Pool(workers, self.threads)

    @property
    def to_make(self) -> tuple[str, ...]:
        return self.missing

    def completed(self, setup: Setup, executor: Executor) -> Setup:
        if not self.missing or setup.opening is None:
            return setup
        given = dict(zip(setup.opening.names, self.starts, strict=True))
        setup, starts = with_made_starts(setup, self.engine, given, self.missing, executor)
        return replace(setup, walkers=replace(self, starts=starts, missing=()))

    def equilibrate(self, setup: Setup, executor: Executor) -> Equilibrated:
        run, spec, local = setup.settings.run, self.spec(setup), _local(setup)
        relax = self.relax(run.local_steps)
        futures = [
            executor.submit(
                equilibrate, spec, frame, relax, local, run.equilibration_moves, run.seed, walker, setup.states
            )
            for walker, frame in enumerate(self.starts)
        ]
        found = [future.result() for future in futures]
        samples, steps = np.concatenate([group.samples for group in found]), sum(group.steps for group in found)
        return Equilibrated([group.group_state for group in found], samples, steps)

    def looked_at(
        self, setup: Setup, executor: Executor, start: Equilibrated, kappa: Springs, steps: int
    ) -> list[EngineLook]:
        """Energies, and how well a path of so many steps and its reverse agree, at where the walkers stand.

        A path leads to where the next walker stands. Paths that steer something else than the CVs are tried at rest.
        """
        states = [group.state for group in start.group_states]
        spec, seed = self.spec(setup), setup.settings.run.seed
        futures = []
        for walker, (here, there) in enumerate(zip(states, states[1:] + states[:1], strict=True)):
            at_rest = Steering(0 * kappa, 0 * kappa, 0 * kappa, steps)
            steered = Steering(here.cv, there.cv, kappa, steps) if len(kappa) == len(here.cv) else at_rest
            futures.append(executor.submit(look, spec, here.frame, steered, seed, walker))
        return [found for future in futures if (found := future.result()) is not None]

    def groups(self, setup: Setup, kappa: Springs) -> list[WalkerGroup]:
        spec, local = self.spec(setup), _local(setup)
        walkers = range(setup.settings.run.walkers)
        return [setup.steered.group(walker, spec, local, setup, kappa) for walker in walkers]

    def standing(self, setup: Setup, frames: Sequence[Frame]) -> list[GroupState]:
        engine = self.spec(setup).build()
        return [state_at(JumpState(frame, engine.cv_values(frame))) for frame in frames]


def workers(walkers: int, wanted: int | None, threads: int = 1) -> int:
    """Number of worker processes for so many walkers.

    Args:
        walkers: one process each is as many as are of use.
        wanted: as many as asked for; else as many as there are cores for.
        threads: of each, with a core each.

    Raises:
        ConfigError: more are asked for than can be meant.
    """
    if threads > usable_cores():
        LOG.warning("engine.threads = %d: this machine lends %d cores, which they share", threads, usable_cores())
    if wanted is None:
        return min(walkers, max(1, usable_cores() // threads))
    if wanted > CROWD * len(available_cores()):
        raise ConfigError(f"--workers {wanted}: this machine lends {len(available_cores())} cores; leave it out")
    if wanted > walkers:
        LOG.warning("--workers %d: there are %d walkers, so %d workers", wanted, walkers, walkers)
    return min(wanted, walkers)


def _local(setup: Setup) -> LocalMove:
    """The move between jumps."""
    run = setup.settings.run
    return HybridMonteCarlo(run.local_steps) if run.local == "hmc" else UnadjustedLangevin(run.local_steps)


def check_moves(config: Config, engine: str) -> None:
    """Check the settings that every engine of single walkers has in common; `engine` is its name for people.

    Raises:
        ValueError: they are for another engine.
    """
    if config.path.kernel != "restraint":
        raise ValueError(f"path.kernel = {config.path.kernel!r} is for the batch engine; {engine} has 'restraint'")
    if config.run.local not in ("hmc", "langevin") or config.run.local_steps < 1:
        raise ValueError(f"{engine} needs run.local = 'hmc' or 'langevin' and run.local_steps of at least 1")
    if config.run.local_timestep is not None:
        raise ValueError(f"run.local_timestep is the batch engine's; {engine} moves at path.timestep throughout")
