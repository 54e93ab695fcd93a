"""Systems of torch functions on the batch engine: from a config, or from Python objects, to a checked run."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from inspect import signature
from math import inf
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from cvflow.config.cv_section import CoordinateSection, CvSection, PythonSection
from cvflow.config.references import absolute
from cvflow.config.settings import Config, ConfigError
from cvflow.core.frames import Exactness, Frame, Point
from cvflow.core.schedule import BY_NAME, Linear
from cvflow.core.streams import Purpose, stream
from cvflow.cv.batch import BatchCV, Coordinates, FunctionCV, SplitCV, everything_free
from cvflow.engines.batch.compilation import compile_or_not, compiler_available
from cvflow.engines.batch.kernels.base import RelaxationKernel
from cvflow.engines.batch.kernels.constrained import ConstrainedLangevin
from cvflow.engines.batch.kernels.identity import Identity
from cvflow.engines.batch.kernels.langevin import UnderdampedLangevin
from cvflow.engines.batch.kernels.local import GeneralisedHybrid, MalaWalk
from cvflow.engines.batch.kernels.mala import CoinMala, SymmetricMala
from cvflow.engines.batch.kernels.overdamped import EulerMaruyama
from cvflow.engines.batch.kernels.restraint import SoftRestraint
from cvflow.engines.batch.kernels.solver import Newton
from cvflow.engines.batch.paths import Paths
from cvflow.engines.batch.system import TorchSystem
from cvflow.host.faults import USERS_FAULTS, said
from cvflow.host.functions import load_function
from cvflow.sampler.ensemble import EnsembleMove
from cvflow.sampler.walkers.base import GroupState, WalkerGroup
from cvflow.sampler.walkers.batch import BatchGroup, one_thread
from cvflow.setup.probe import probe
from cvflow.setup.setup import Equilibrated, Setup, checked_states, without_auto
from cvflow.setup.starts import opened
from cvflow.store.trajectory import Trajectories

IN_MEMORY = "<memory>"
"""Stands in the config for a system that was made by a script and is in no file."""

EQUILIBRATION_STEPS = 100
"""Steps of an equilibration move where a run has no local moves."""

FRICTION = 1.0
"""Of local moves that have one, in units of 1/(timestep · steps of a move)."""

COMPILE_FROM = 200_000
"""Steps of all paths of one chain from which compiling, some tens of seconds, pays ("auto")."""

_TYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True)
class BatchSetup(Setup):
    """`start_points` has one configuration a chain, or none when a run is continued from its store."""

    system: TorchSystem
    start_points: Float[np.ndarray, " chains *shape"] | None

    @property
    def device(self) -> torch.device:
        """Where the chains lie."""
        return torch.device(self.config.engine.device or "cpu")

    @property
    def dtype(self) -> torch.dtype:
        """Of the configurations."""
        return _TYPES[self.config.engine.precision or "float64"]

    @property
    def exactness(self) -> Exactness:
        if self.config.run.local_steps and self.config.run.local == "langevin":
            return Exactness(False, "local moves are unadjusted Langevin dynamics, biased by the time step")
        if self.device.type != "cpu":
            return Exactness(False, f"the one-jump stationarity test has not been run on device {self.device.type}")
        return Exactness(True, "paths are accepted by their path ratio, local moves are Metropolised")

    @property
    def local_timestep(self) -> float:
        """Of local moves: what is stable with the CV held may not be without."""
        return self.config.run.local_timestep or self.config.path.timestep

    @cached_property
    def compiled(self) -> bool:
        """Whether paths go through torch.compile."""
        wanted, run = self.config.engine.compile, self.config.run
        if wanted in (None, "auto"):
            total = (run.adapt_jumps + run.jumps) * (self.steps + run.local_steps)
            return total >= COMPILE_FROM and not self._slow_to_compile and compile_or_not(True)
        return bool(wanted)

    @property
    def _slow_to_compile(self) -> bool:
        """Whether each step unrolls an iterative solver: many minutes of compiling."""
        solver = self.system.solver
        return self.config.path.kernel == "constrained" and isinstance(solver, Newton) and solver.iterations > 2

    @property
    def block(self) -> int:
        """Steps between two looks at which chains are done: a call of a compiled block costs as much as many steps."""
        return 16 if self.compiled else 8

    @property
    def ranges(self) -> tuple[tuple[float, float], ...]:
        return self.system.cv.ranges

    def paths(self, kernel: RelaxationKernel) -> Paths:
        """Paths of a kernel with this run's schedule."""
        return Paths(kernel, BY_NAME[self.config.path.schedule](), self.block, self.compiled)

    def kernel(self, kappa: Point) -> RelaxationKernel:
        """The relaxation kernel that `[path] kernel` names.

        Raises:
            ValueError: it does not go with the CV.
        """
        return _KERNELS[self.config.path.kernel](self, tuple(kappa.tolist()))

    def local(self, steps: int) -> EnsembleMove:
        """The local move that `[run] local` names."""
        return _LOCAL[self.config.run.local](self, steps)

    def write_inputs(self, folder: Path) -> None:
        """Nothing: the config says all of it, or names the Python file that does."""

    def write_topology(self, frame: Frame, folder: Path) -> None:
        """Nothing: a model has no atoms."""

    def executor(self, workers: int) -> ThreadPoolExecutor:
        return one_thread(self.config.engine.threads)

    def workers(self, wanted: int | None) -> int:
        if wanted not in (None, 1):
            raise ConfigError(f"--workers {wanted}: the batch engine is one process; set engine.threads")
        return 1

    def equilibrate(self, executor: Executor) -> Equilibrated:
        group, moves = self._group(self._probing_kappa), self.local(self.config.run.local_steps or EQUILIBRATION_STEPS)
        assert self.start_points is not None
        group_state, samples = executor.submit(group.pilot, group.group_state(self.start_points), moves).result()
        return Equilibrated([group_state], samples)

    def walker_groups(self, kappa: Point) -> list[WalkerGroup]:
        return [self._group(kappa)]

    def _group(self, kappa: Point) -> BatchGroup:
        run = self.config.run
        return BatchGroup(
            walkers=tuple(range(run.walkers)),
            seed=run.seed,
            paths=self.paths(self.kernel(kappa)),
            steps=self.steps,
            scale=np.sqrt(kappa) if self.restrained else np.ones(len(self.cv_names)),
            local=self.local(run.local_steps) if run.local_steps else None,
            dtype=self.dtype,
            device=self.device,
        )

    @property
    def _probing_kappa(self) -> Point:
        """Any spring constants, for what does not depend on them."""
        return np.ones(len(self.cv_names)) if self.restrained else np.zeros(0)

    def group_states(self, frames: Sequence[Frame]) -> list[GroupState]:
        group = self._group(self._probing_kappa)
        return [group.group_state(np.stack([frame.positions for frame in frames]))]

    def trajectories(self, folder: Path, frames: Sequence[int]) -> Trajectories | None:
        return None


def batch_setup(config: Config, system: TorchSystem, folder: Path, with_starts: bool) -> BatchSetup:
    """Check that a system and a config fit together; the last stop before anything is computed.

    Args:
        config: the settings.
        system: the potential, the CV used where the config names none, states and starts.
        folder: what file names in the config are relative to.
        with_starts: false when the chains' configurations come from a store.

    Raises:
        ValueError: they do not, or the potential or the CV is not what it has to be.
    """
    _check_engine(config)
    config, auto = without_auto(config)
    config = config.model_copy(
        update={"states": config.states or dict(system.states), "cv": [_at(section, folder) for section in config.cv]}
    )
    if config.cv:
        system = replace(system, cv=_joined([_cv(section, system) for section in config.cv]))
    cv = system.cv
    units = tuple(section.unit or "" for section in config.cv) or ("",) * len(cv.names)
    states = checked_states(config, cv.names)
    starts = _starts(system, config) if with_starts else None
    setup = BatchSetup(
        config, system.name, cv.names, units, cv.periods, states, system.kT, _notes(config),
        system=system, start_points=starts, auto=auto,
    )  # fmt: skip
    setup.check()
    setup.kernel(setup._probing_kappa)
    if starts is not None:
        points = probe(system, starts, setup.dtype, setup.device)
        names = list(system.states)
        opening = opened(states, [names[chain % len(names)] for chain in range(len(points))], points)
        _check_support(setup, points)
        return replace(setup, opening=opening)
    return setup


def from_function(config: Config, folder: Path, with_starts: bool) -> BatchSetup:
    """A run of a system that a Python function makes.

    Raises:
        ValueError: the function does not give a `TorchSystem`, or that does not fit the config.
    """
    if config.system.python == IN_MEMORY:
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
    section = config.system.model_copy(update={"python": reference})
    return batch_setup(config.model_copy(update={"system": section}), system, folder, with_starts)


def _check_engine(config: Config) -> None:
    engine = config.engine
    if engine.name != "batch":
        raise ValueError(f'a system of torch functions runs on [engine] name = "batch", not "{engine.name}"')
    if engine.temperature is not None:
        raise ValueError("engine.temperature is refused: the system has its own kT")
    if config.system.starts:
        raise ValueError("system.starts is refused: the system builds its own starts")
    if (engine.precision or "float64") not in _TYPES:
        raise ValueError(f"engine.precision must be one of {', '.join(_TYPES)}, got {engine.precision!r}")
    try:
        torch.zeros(1, dtype=_TYPES[engine.precision or "float64"], device=engine.device or "cpu").item()
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"engine.device = {engine.device!r} cannot be used here: {reason}") from error
    if engine.compile is True and not compiler_available():
        raise ValueError("engine.compile = true needs a C++ compiler, and none is found (g++ or clang++, or CXX)")


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


def _check_support(setup: BatchSetup, points: Float[np.ndarray, "chains cvs"]) -> None:
    fixed = setup.plan(setup._probing_kappa).fixed
    if fixed is not None and not np.isfinite(fixed.log_density(points)).all():
        chain = int(np.flatnonzero(~np.isfinite(fixed.log_density(points)))[0])
        raise ValueError(
            f"the proposal has no support at the start of chain {chain} ({points[chain]}): no jump from it could be "
            "accepted; widen it"
        )


def _at(section: CvSection, folder: Path) -> CvSection:
    if not isinstance(section, PythonSection):
        return section
    return section.model_copy(update={"python": absolute(section.python, folder, f"cv {section.name}")})


def _cv(section: CvSection, system: TorchSystem) -> BatchCV:
    shape, dof = system.potential.shape, system.potential.dof
    if isinstance(section, PythonSection):
        function = load_function(section.python, f"cv {section.name}")
        return FunctionCV((section.name,), function, shape, (section.period or inf,), (section.limits,))
    if not isinstance(section, CoordinateSection):
        raise ValueError(
            f"cv {section.name}: the batch engine takes type 'coordinate' or python = \"file.py:function\", "
            f"not {section.type!r}"
        )
    return Coordinates((section.name,), (section.index,), dof)


def _joined(cvs: list[BatchCV]) -> BatchCV:
    """Several CVs as one with several components."""
    if len(cvs) == 1:
        return cvs[0]
    if all(isinstance(cv, Coordinates) for cv in cvs):
        split = [cv for cv in cvs if isinstance(cv, Coordinates)]
        if len({cv.index for cv in split}) < len(split):
            raise ValueError("two CVs are the same coordinate")
        return Coordinates(tuple(cv.names[0] for cv in split), tuple(cv.index[0] for cv in split), split[0].dof)
    shape = next(cv.shape for cv in cvs if isinstance(cv, FunctionCV))
    return FunctionCV(
        names=tuple(cv.names[0] for cv in cvs),
        function=lambda x: torch.cat([cv.value(x.flatten(1)) for cv in cvs], dim=1),
        shape=shape,
        periods=tuple(cv.periods[0] for cv in cvs),
        ranges=tuple(cv.ranges[0] for cv in cvs),
    )


def _split(setup: BatchSetup) -> SplitCV:
    cv = setup.system.cv
    if not isinstance(cv, SplitCV):
        raise ValueError(
            f"path.kernel = {setup.config.path.kernel!r} needs a CV that is some of the coordinates; for any other use "
            "'restraint' or 'constrained'"
        )
    return cv


def _identity(setup: BatchSetup, kappa: tuple[float, ...]) -> Identity:
    return Identity(setup.system.potential, _split(setup), setup.kT)


def _euler(setup: BatchSetup, kappa: tuple[float, ...]) -> EulerMaruyama:
    return EulerMaruyama(setup.system.potential, _split(setup), setup.kT, setup.config.path.timestep)


def _mala(setup: BatchSetup, kappa: tuple[float, ...]) -> SymmetricMala:
    return SymmetricMala(setup.system.potential, _split(setup), setup.kT, setup.config.path.timestep)


def _mala_coin(setup: BatchSetup, kappa: tuple[float, ...]) -> CoinMala:
    return CoinMala(setup.system.potential, _split(setup), setup.kT, setup.config.path.timestep)


def _langevin(setup: BatchSetup, kappa: tuple[float, ...]) -> UnderdampedLangevin:
    path, system = setup.config.path, setup.system
    return UnderdampedLangevin(system.potential, _split(setup), setup.kT, path.timestep, setup.friction, system.masses)


def _constrained(setup: BatchSetup, kappa: tuple[float, ...]) -> ConstrainedLangevin:
    path, system = setup.config.path, setup.system
    return ConstrainedLangevin(
        system.potential, system.cv, setup.kT, path.timestep, setup.friction, system.masses, system.solver
    )


def _restraint(setup: BatchSetup, kappa: tuple[float, ...]) -> SoftRestraint:
    path, system = setup.config.path, setup.system
    return SoftRestraint(system.potential, system.cv, setup.kT, path.timestep, kappa, setup.friction, system.masses)


_KERNELS: dict[str, Callable[[BatchSetup, tuple[float, ...]], RelaxationKernel]] = {
    "none": _identity,
    "euler": _euler,
    "mala": _mala,
    "mala-coin": _mala_coin,
    "langevin": _langevin,
    "constrained": _constrained,
    "restraint": _restraint,
}


def _resting(setup: BatchSetup, kernel: RelaxationKernel, steps: int, on_work: bool, exact: Exactness) -> EnsembleMove:
    return EnsembleMove(Paths(kernel, Linear(), compiled=setup.compiled), steps, on_work, exact)


def _hmc_move(setup: BatchSetup, steps: int) -> EnsembleMove:
    system, timestep = setup.system, setup.local_timestep
    free = everything_free(system.potential.dof)
    kernel = UnderdampedLangevin(system.potential, free, setup.kT, timestep, 0.0, system.masses)
    return _resting(setup, kernel, steps, True, Exactness(True, "local moves are Metropolised"))


def _mala_move(setup: BatchSetup, steps: int) -> EnsembleMove:
    kernel = MalaWalk(setup.system.potential, setup.kT, setup.local_timestep)
    return _resting(setup, kernel, steps, False, Exactness(True, "local moves are Metropolised"))


def _ghmc_move(setup: BatchSetup, steps: int) -> EnsembleMove:
    system, timestep = setup.system, setup.local_timestep
    kernel = GeneralisedHybrid(system.potential, setup.kT, timestep, FRICTION / (timestep * steps), system.masses)
    return _resting(setup, kernel, steps, False, Exactness(True, "local moves are Metropolised"))


def _langevin_move(setup: BatchSetup, steps: int) -> EnsembleMove:
    system, timestep = setup.system, setup.local_timestep
    free = everything_free(system.potential.dof)
    friction = FRICTION / (timestep * steps)
    kernel = UnderdampedLangevin(system.potential, free, setup.kT, timestep, friction, system.masses)
    biased = Exactness(False, "local moves are unadjusted Langevin dynamics, biased by the time step")
    return _resting(setup, kernel, steps, False, biased)


_LOCAL: dict[str, Callable[[BatchSetup, int], EnsembleMove]] = {
    "hmc": _hmc_move,
    "mala": _mala_move,
    "ghmc": _ghmc_move,
    "langevin": _langevin_move,
}
