"""Systems of torch functions on the batch engine: from a config, or from Python objects, to a checked run."""

from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from cvflow.config.engine_section import BatchSection
from cvflow.config.references import absolute
from cvflow.config.resolved import Settings
from cvflow.config.settings import Config, ConfigError
from cvflow.core.cv_space import CVSpace
from cvflow.core.frames import Exactness, Frame
from cvflow.core.schedule import BY_NAME
from cvflow.core.streams import Purpose, stream
from cvflow.core.walls import check_walls
from cvflow.cv.batch import Batch
from cvflow.engines.batch.compilation import compile_or_not, compiler_available
from cvflow.engines.batch.kernels.solver import Newton
from cvflow.engines.batch.paths import Paths
from cvflow.engines.batch.proven import exactness_of
from cvflow.engines.batch.system import TorchSystem
from cvflow.engines.batch.walls import walled
from cvflow.host.faults import USERS_FAULTS, blaming, said
from cvflow.host.functions import load_function
from cvflow.proposals.base import Proposal
from cvflow.sampler.ensemble import EnsembleMove, jump_along
from cvflow.sampler.walkers.base import GroupState, WalkerGroup
from cvflow.sampler.walkers.batch import BatchGroup, one_thread
from cvflow.setup.batch.cvs import batch_cv, found_from
from cvflow.setup.batch.exploring import Exploring, Findings, exploring
from cvflow.setup.batch.kernels import kernel, local_move
from cvflow.setup.batch.probe import probe
from cvflow.setup.named_states import checked_states
from cvflow.setup.specification import (
    Equilibrated,
    Setup,
    Springs,
    Walkers,
    checked,
    fixed_proposal,
    probing_springs,
)
from cvflow.setup.starts.walker_starts import Opening, opened
from cvflow.setup.steered import SteeredCVs

EQUILIBRATION_STEPS = 100
"""Steps of an equilibration move where a run has no local moves."""

COMPILE_FROM = 200_000
"""Steps of all paths of one chain from which compiling, some tens of seconds, pays ("auto")."""

_TYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True)
class BatchWalkers(Walkers):
    """All chains of a system as one batch, in a thread of this process.

    Attributes:
        system: the potential and the CV.
        starts: one configuration a chain, or none when a run is continued from its store.
        device: where the chains lie.
        dtype: of the configurations.
        threads: cores that torch uses; one where None.
        compile: whether paths go through torch.compile; None where that depends on how long the run is.
        exploring: what is to be explored first, if anything is.
        explored: CV values that exploration found, for the flow's first training.
    """

    system: TorchSystem
    starts: Float[np.ndarray, " chains *shape"] | None
    device: torch.device
    dtype: torch.dtype
    threads: int | None
    compile: bool | None
    exploring: Exploring | None = None
    explored: Float[np.ndarray, "chains samples cvs"] | None = None

    def exactness(self, setup: Setup) -> Exactness:
        settings = setup.settings
        run, paths = settings.run, kernel(self.system, settings.path, tuple(probing_springs(setup).tolist()))
        parts = [exactness_of(paths)]
        if run.local_steps:
            moves = local_move(run.local, self.system, settings.local_timestep, run.local_steps, compiled=False)
            parts += [moves.exactness, exactness_of(moves.paths.kernel)]
        if self.device.type != "cpu":
            reason = f"the one-jump stationarity test has not been run on device {self.device.type}"
            parts.append(Exactness(False, reason))
        doubts = [part for part in parts if not part.value]
        return Exactness(not doubts, "; ".join(part.reason for part in doubts or parts[:1]))

    def workers(self, setup: Setup, wanted: int | None, given: Executor | None = None) -> int:
        if not isinstance(given, ThreadPoolExecutor | None):
            raise ConfigError(
                "executor, or --scheduler: chains of the batch engine stay in this process; leave it out, or give a "
                "ThreadPoolExecutor"
            )
        if given is None and wanted not in (None, 1):
            raise ConfigError(f"--workers {wanted}: the batch engine is one process; set engine.threads")
        return 1

    def executor(self, workers: int) -> ThreadPoolExecutor:
        return one_thread()

    @property
    def preparing(self) -> str:
        return f"exploring by {self.exploring.explorer.name}" if self.exploring else ""

    def completed(self, setup: Setup, executor: Executor) -> Setup:
        if self.exploring is None or self.starts is None:
            return setup
        found = executor.submit(self._found, self.exploring, setup, self.starts).result()
        walkers = replace(self, starts=found.starts, exploring=None, explored=found.samples)
        points = self.system.cv.value(self._flat(found.starts)).cpu().double().numpy()
        inside = [("no named state", *setup.states.names)[index + 1] for index in setup.states.assign(points)]
        return replace(
            setup, walkers=walkers, opening=Opening(setup.states, tuple(inside), points), exploration=found.summary
        )

    def _found(self, exploring: Exploring, setup: Setup, starts: Float[np.ndarray, " chains *shape"]) -> Findings:
        torch.set_num_threads(self.threads or 1)
        with blaming("exploration"):
            return exploring.found(self.system, setup.states, starts, setup.settings.run.seed, self.dtype, self.device)

    def _flat(self, x: Float[np.ndarray, " chains *shape"]) -> Batch:
        return torch.as_tensor(x, dtype=self.dtype, device=self.device).flatten(1)

    def equilibrate(self, setup: Setup, executor: Executor) -> Equilibrated:
        assert self.starts is not None
        group = self._group(setup, probing_springs(setup))
        run = setup.settings.run
        moves = self.local(setup.settings, run.local_steps or EQUILIBRATION_STEPS)
        found = executor.submit(
            group.equilibrated, group.state_at(self.starts), moves, run.equilibration_moves
        ).result()
        samples = found.samples if self.explored is None else np.concatenate([self.explored, found.samples], axis=1)
        return Equilibrated([found.group_state], samples, found.steps)

    def groups(self, setup: Setup, kappa: Springs) -> list[WalkerGroup]:
        return [self._group(setup, kappa)]

    def standing(self, setup: Setup, frames: Sequence[Frame]) -> list[GroupState]:
        group = self._group(setup, probing_springs(setup))
        return [group.state_at(np.stack([frame.positions for frame in frames]))]

    def paths(self, settings: Settings, kappa: Springs) -> Paths:
        """Paths of a run; a call of a compiled block of steps costs as much as many steps.

        Raises:
            ValueError: the kernel does not go with the CV.
        """
        compiled, moves = self.compiled(settings), kernel(self.system, settings.path, tuple(kappa.tolist()))
        return Paths(moves, BY_NAME[settings.path.schedule](), 16 if compiled else 8, compiled)

    def local(self, settings: Settings, steps: int) -> EnsembleMove:
        """A local move of so many time steps."""
        compiled = self.compiled(settings)
        return local_move(settings.run.local, self.system, settings.local_timestep, steps, compiled)

    def compiled(self, settings: Settings) -> bool:
        """Whether paths go through torch.compile."""
        if self.compile is not None:
            return self.compile
        run = settings.run
        total = (run.adapt_jumps + run.jumps) * (settings.path.steps + run.local_steps)
        return total >= COMPILE_FROM and not self._slow_to_compile(settings) and compile_or_not(True)

    def _slow_to_compile(self, settings: Settings) -> bool:
        """Whether each step unrolls an iterative solver: many minutes of compiling."""
        solver = self.system.solver
        return settings.path.kernel == "constrained" and isinstance(solver, Newton) and solver.iterations > 2

    def _group(self, setup: Setup, kappa: Springs) -> BatchGroup:
        settings = setup.settings
        run, path, paths = settings.run, settings.path, self.paths(settings, kappa)
        scale = np.sqrt(kappa) if path.restrained else np.ones(len(setup.space.names))
        return BatchGroup(
            walkers=tuple(range(run.walkers)),
            seed=run.seed,
            paths=paths,
            jump=jump_along(paths, path.steps, scale),
            local=self.local(settings, run.local_steps) if run.local_steps else None,
            dtype=self.dtype,
            device=self.device,
            threads=self.threads or 1,
        )


def batch_setup(config: Config, system: TorchSystem, folder: Path, with_starts: bool) -> Setup:
    """Check that a system and a config fit together; the last stop before anything is computed.

    Args:
        config: the settings.
        system: the potential, the CV used where the config names none, states and starts.
        folder: what file names in the config are relative to.
        with_starts: false when the chains' configurations come from a store.

    Raises:
        ValueError: they do not, or the potential or the CV is not what it has to be.
    """
    engine = _engine(config)
    dtype, device = _type_and_device(engine)
    config = config.changed(
        states=config.states or dict(system.states), cv=[found_from(section, folder) for section in config.cv]
    )
    if config.cv:
        system = replace(system, cv=batch_cv(config.cv, system))
    cv, states = system.cv, checked_states(config, system.cv.names)
    check_walls(config.walls, dict(zip(cv.names, cv.periods, strict=True)))
    system = replace(system, potential=walled(system.potential, cv, config.walls))
    starts = _starts(system, config) if with_starts else None
    units = tuple(section.unit or "" for section in config.cv) or ("",) * len(cv.names)
    compiled = engine.compile
    explorer = exploring(config.explore, starts) if config.explore is not None and starts is not None else None
    walkers = BatchWalkers(
        system, starts, device, dtype, engine.threads, None if compiled == "auto" else compiled, explorer
    )
    setup = checked(
        Setup(
            config=config,
            name=system.name,
            space=CVSpace(cv.names, units, cv.periods, cv.ranges),
            states=states,
            kT=system.kT,
            walkers=walkers,
            steered=SteeredCVs(),
            notes=_notes(config),
        )
    )
    kernel(system, setup.settings.path, tuple(probing_springs(setup).tolist()))
    return setup if starts is None else _started(setup, system, probe(system, starts, dtype, device))


def _started(setup: Setup, system: TorchSystem, points: Float[np.ndarray, "chains cvs"]) -> Setup:
    """The run with what there is to say of the CVs at its starts, but for those that are still to be explored for."""
    if setup.config.explore is not None:
        return setup
    names = list(system.states)
    opening = opened(setup.states, [names[chain % len(names)] for chain in range(len(points))], points)
    _check_support(fixed_proposal(setup.config, setup.space), points)
    return replace(setup, opening=opening)


def from_function(config: Config, folder: Path, with_starts: bool) -> Setup:
    """A run of a system that a Python function makes.

    Raises:
        ValueError: the function does not give a `TorchSystem`, or that does not fit the config.
    """
    if config.system.in_memory:
        raise ConfigError("the system was made by a Python script and is in no file: run the script again")
    reference = absolute(str(config.system.python), folder, "system.python")
    function = load_function(reference, "system.python")
    try:
        signature(function).bind(**config.system.parameters)
    except TypeError as error:
        raise ConfigError(f"system.python: {reference} refuses system.parameters: {error}") from error
    try:
        system = function(**config.system.parameters)
    except USERS_FAULTS as error:
        raise ConfigError(f"system.python: {reference} fails: {said(error)}") from error
    if not isinstance(system, TorchSystem):
        raise ConfigError(f"system.python: {reference} gives a {type(system).__name__}, not a cvflow.TorchSystem")
    return batch_setup(config.changed(system={"python": reference}), system, folder, with_starts)


def _engine(config: Config) -> BatchSection:
    """The batch engine's words.

    Raises:
        ValueError: the config is for another engine, or for a system that says less of itself.
    """
    engine = config.engine
    if not isinstance(engine, BatchSection):
        raise ValueError(f'a system of torch functions runs on [engine] name = "batch", not "{engine.name}"')
    if engine.temperature is not None:
        raise ValueError("engine.temperature is refused: the system has its own kT")
    if config.system.starts:
        raise ValueError("system.starts is refused: the system builds its own starts")
    if engine.compile is True and not compiler_available():
        raise ValueError("engine.compile = true needs a C++ compiler, and none is found (g++ or clang++, or CXX)")
    return engine


def _type_and_device(engine: BatchSection) -> tuple[torch.dtype, torch.device]:
    """Of the configurations.

    Raises:
        ValueError: they cannot be had here.
    """
    if (engine.precision or "float64") not in _TYPES:
        raise ValueError(f"engine.precision must be one of {', '.join(_TYPES)}, got {engine.precision!r}")
    dtype = _TYPES[engine.precision or "float64"]
    try:
        torch.zeros(1, dtype=dtype, device=engine.device or "cpu").item()
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"engine.device = {engine.device!r} cannot be used here: {reason}") from error
    return dtype, torch.device(engine.device or "cpu")


def _notes(config: Config) -> tuple[str, ...]:
    if config.run.local_steps == 0:
        return ("no local moves between jumps (run.local_steps = 0)",)
    return ()


def _starts(system: TorchSystem, config: Config) -> Float[np.ndarray, " chains *shape"]:
    """One configuration a chain, the states in turn."""
    names, walkers = list(system.states), config.run.walkers
    starts = np.empty((walkers, *system.potential.shape))
    for index, name in enumerate(names):
        mine = np.arange(index, walkers, len(names))
        if not len(mine):
            continue
        try:
            made = np.asarray(
                system.starts(name, len(mine), stream(config.run.seed, Purpose.START, index)), dtype=float
            )
        except USERS_FAULTS as error:
            raise ValueError(f"starts({name!r}, {len(mine)}, rng) fails: {said(error)}") from error
        wanted = (len(mine), *system.potential.shape)
        if made.shape != wanted:
            raise ValueError(f"starts({name!r}, {len(mine)}, rng) gives shape {made.shape}, not {wanted}")
        starts[mine] = made
    return starts


def _check_support(fixed: Proposal | None, points: Float[np.ndarray, "chains cvs"]) -> None:
    if fixed is not None and not np.isfinite(fixed.log_density(points)).all():
        chain = int(np.flatnonzero(~np.isfinite(fixed.log_density(points)))[0])
        raise ValueError(
            f"the proposal has no support at the start of chain {chain} ({points[chain]}): no jump from it could be "
            "accepted; widen it"
        )
