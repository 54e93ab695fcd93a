"""A checked run, before anything was computed or written: what the project asks of every kind of system."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cvflow.config.settings import Config, ConfigError
from cvflow.core.cv_space import CVSpace
from cvflow.core.frames import Exactness, Frame
from cvflow.core.periodic import variance
from cvflow.core.states import States
from cvflow.cv.names import check_together
from cvflow.proposals.base import Proposal
from cvflow.proposals.fit import FitSettings
from cvflow.proposals.mixture import GaussianMixture
from cvflow.sampler.loop import Progress, Run
from cvflow.sampler.plan import Plan
from cvflow.sampler.walkers.base import GroupState, WalkerGroup
from cvflow.setup.starts import Opening, strayed, words
from cvflow.store import Store
from cvflow.store.trajectory import Trajectories

BLUR = 0.4
"""kappa = "auto": standard deviation of λ around ξ(x), in standard deviations of the CV within the states."""

Pilot = Float[np.ndarray, "walkers samples cvs"]
Springs = Float[np.ndarray, " _springs"]
"""Spring constants of the restraint, one a CV; none for kernels without one."""


class Equilibrated(NamedTuple):
    """Where the groups stand after equilibration, and the CV values that their walkers visited."""

    group_states: list[GroupState]
    samples: Pilot


@dataclass(frozen=True)
class Setup(ABC):
    """A run as objects.

    Attributes:
        config: the settings.
        name: of the system.
        cv_names: of the CVs.
        units: of the CVs, empty in reduced units.
        periods: of the CVs, infinite on a line.
        states: named regions.
        kT: thermal energy [kJ/mol, or the unit of a model's own potential].
        notes: one line for everything that was changed in the system or chosen by the program.
        auto: keys of `[path]` that the program is to choose; the config holds a number to begin with.
        opening: the walkers' starts in CV space; none when a run is continued from its store.
        reads: files of the user's that the run was made from.
    """

    config: Config
    name: str
    cv_names: tuple[str, ...]
    units: tuple[str, ...]
    periods: tuple[float, ...]
    states: States
    kT: float
    notes: tuple[str, ...]
    auto: frozenset[str] = field(default=frozenset(), kw_only=True)
    opening: Opening | None = field(default=None, kw_only=True)
    reads: tuple[Path, ...] = field(default=(), kw_only=True)

    @property
    @abstractmethod
    def exactness(self) -> Exactness:
        """Whether the chain that this run makes is exact, and why (not)."""

    @property
    def given(self) -> Config:
        """The settings with "auto" wherever the program is still to choose."""
        path = self.config.path.model_copy(update=dict.fromkeys(self.auto, "auto"))
        return self.config.model_copy(update={"path": path})

    @property
    def steps(self) -> int:
        """Steps of a path between the states."""
        return int(self.config.path.steps)

    @property
    def friction(self) -> float:
        """Of the paths."""
        return float(self.config.path.friction)

    @property
    def restrained(self) -> bool:
        """Whether paths are steered by a soft restraint, so that a path's first centre strays from ξ(x)."""
        return self.config.path.kernel == "restraint"

    @property
    def input_names(self) -> tuple[str, ...]:
        """Files that `write_inputs` writes, from the folder."""
        return ()

    @abstractmethod
    def write_inputs(self, folder: Path) -> None:
        """Write into the folder what a later `resume` builds the engine from, beside the config."""

    @abstractmethod
    def write_topology(self, frame: Frame, folder: Path) -> None:
        """Write names and bonds, for molecules whose names are known."""

    @abstractmethod
    def executor(self, workers: int) -> AbstractContextManager[Executor]:
        """Where the groups' work is done."""

    @abstractmethod
    def workers(self, wanted: int | None) -> int:
        """Number of worker processes, given the number asked for."""

    @abstractmethod
    def equilibrate(self, executor: Executor) -> Equilibrated:
        """Bring the walkers from their starts to where they can jump.

        Raises:
            ArithmeticError: a start falls apart, or does not move.
        """

    @abstractmethod
    def walker_groups(self, kappa: Springs) -> list[WalkerGroup]:
        """The walkers as groups, now that the spring constants are numbers."""

    @abstractmethod
    def group_states(self, frames: Sequence[Frame]) -> list[GroupState]:
        """Where the groups stand, from their walkers' stored frames."""

    @abstractmethod
    def trajectories(self, folder: Path, frames: Sequence[int]) -> Trajectories | None:
        """Files that take the walkers' frames, cut to the given numbers of them; none for models without atoms."""

    @property
    def opening_words(self) -> tuple[str, ...]:
        """Where the walkers start, a line for each state."""
        return words(self.opening) if self.opening else ()

    def check_frame(self, walker: int, frame: Frame) -> None:
        """Check what a walker's configuration must keep to while the run lasts.

        Raises:
            ArithmeticError: it does not.
        """
        return

    def after(self, equilibrated: Equilibrated) -> "Setup":
        """The run with its walkers equilibrated: noted are those that have left the states they started in."""
        if self.opening is None:
            return self
        points = equilibrated.samples[:, -1, : self.opening.points.shape[1]]
        return replace(self, notes=self.notes + strayed(self.opening, points))

    def with_config(self, config: Config) -> "Setup":
        """The same system with other settings."""
        return replace(self, config=config)

    def with_jumps(self, jumps: int) -> "Setup":
        """The same run with another number of production jumps per walker."""
        run = self.config.run.model_copy(update={"jumps": jumps})
        return self.with_config(self.config.model_copy(update={"run": run}))

    def kappa(self, samples: Pilot) -> Springs:
        """Spring constants: as configured, or so that λ strays by 0.4 of the CV's spread within the states.

        Empty for kernels without a restraint.

        Raises:
            ArithmeticError: a CV did not move.
        """
        given = self.config.path.kappa
        if not self.restrained:
            return np.zeros(0)
        if given != "auto":
            return np.broadcast_to(np.array(given, dtype=float), len(self.cv_names)).copy()
        pooled, periods = samples.reshape(-1, samples.shape[-1]), np.array(self.periods)
        inside = self.states.assign(pooled)
        present = [pooled[inside == i] for i in range(len(self.states.names)) if (inside == i).sum() > 1]
        spread = np.mean([variance(points, periods) for points in present], axis=0) if present else np.zeros(1)
        if not (spread > 0).all():
            raise ArithmeticError("a CV did not move during equilibration: set path.kappa, or a shorter time step")
        return self.kT / (BLUR**2 * spread)

    def plan(self, kappa: Springs, fixed: Proposal | None = None) -> Plan:
        """What the run is to do; `fixed` takes the place of the configured proposal."""
        run, flow = self.config.run, self.config.flow
        ones = np.ones(len(self.cv_names))
        return Plan(
            seed=run.seed,
            walkers=run.walkers,
            adapt_jumps=run.adapt_jumps,
            adapt_limit=run.adapt_limit,
            jumps=run.jumps,
            retrain_every=flow.retrain_every if flow else 50,
            scale=np.sqrt(kappa) if self.restrained else ones,
            blur=np.sqrt(self.kT / kappa) if self.restrained else 0 * ones,
            space=self.space,
            states=self.states,
            fit=self._fit(),
            fixed=fixed or self._fixed(),
            gives_up=self.config.path.early_rejection,
            within_states=self.config.path.within_states,
        )

    def run(
        self,
        start: Equilibrated,
        kappa: Springs,
        store: Store,
        *,
        fixed: Proposal | None = None,
        trajectories: Trajectories | None = None,
        watch: Callable[[Progress], None] = lambda progress: None,
        wall_before: float = 0.0,
        check: Callable[[int, Frame], None] = lambda walker, frame: None,
        still_ours: Callable[[], None] = lambda: None,
    ) -> Run:
        """The run itself, at its first turn: the one place where a plan, groups and a store come together.

        Args:
            start: where the groups stand, and what their walkers visited.
            kappa: spring constants, from `kappa` or from a store.
            store: takes what comes of the turns.
            fixed: a proposal in the place of the configured one.
            trajectories: take the walkers' frames, if any are wanted.
            watch: is told how far it is after each turn.
            wall_before: seconds spent on it already.
            check: looks at each walker's frame.
            still_ours: raises where the store's folder has come to be another's.
        """
        return Run(
            self.plan(kappa, fixed), self.walker_groups(kappa), store, start.samples, start.group_states,
            trajectories, watch, wall_before, check, still_ours,
        )  # fmt: skip

    @property
    def ranges(self) -> tuple[tuple[float, float], ...]:
        """Values that each CV can take."""
        return ((-np.inf, np.inf),) * len(self.cv_names)

    @property
    def space(self) -> CVSpace:
        """Of the centres λ of paths: that of a restraint on a bounded CV can be any number."""
        space = CVSpace(self.cv_names, self.units, self.periods, self.ranges)
        return space.unbounded if self.restrained else space

    def _fit(self) -> FitSettings:
        flow = self.config.flow
        if flow is None:
            return FitSettings()
        return FitSettings(flow.sizes, flow.epsilon)

    def _fixed(self) -> Proposal | None:
        proposal = self.config.proposal
        if proposal is None:
            return None
        means, sigmas = (tuple(map(tuple, table)) for table in (proposal.means, proposal.sigmas))
        return GaussianMixture(means, sigmas, tuple(proposal.weights), self.periods)

    def check(self) -> None:
        """Check that the parts of the config fit together.

        Raises:
            ValueError: they do not.
        """
        check_together(self.cv_names)
        names = ", ".join(self.cv_names)
        kappa = self.config.path.kappa
        if isinstance(kappa, list) and len(kappa) != len(self.cv_names):
            raise ValueError(f"path.kappa has {len(kappa)} numbers for {len(self.cv_names)} CVs")
        if kappa != "auto" and not self.restrained:
            raise ValueError(f"path.kappa is refused: kernel {self.config.path.kernel!r} has no restraint")
        proposal = self.config.proposal
        tables = {"means": proposal.means, "sigmas": proposal.sigmas} if proposal else {}
        for table, rows in tables.items():
            for row in rows:
                if len(row) != len(self.cv_names):
                    raise ValueError(f"proposal.{table} has {len(row)} columns for {len(self.cv_names)} CVs: {names}")
        self._fixed()


_TO_BEGIN_WITH = {"steps": 1000, "friction": 0.0, "schedule": "linear"}


def without_auto(config: Config) -> tuple[Config, frozenset[str]]:
    """The config with something to begin with in the place of every "auto" of the paths, and which those were.

    kappa is not among them: it follows from equilibration alone.
    """
    auto = frozenset(key for key in _TO_BEGIN_WITH if getattr(config.path, key) == "auto")
    path = config.path.model_copy(update={key: _TO_BEGIN_WITH[key] for key in auto})
    return config.model_copy(update={"path": path}), auto


def check_named(config: Config, given: Iterable[str], what: str) -> None:
    """Check that starts are given for states that have names; `what` is what the starts are called.

    Raises:
        ConfigError: there are no two states, or one is given a start and is none of them.
    """
    _check_two(config)
    for state in given:
        if state not in config.states:
            raise ConfigError(f"{what}: unknown state {state!r}; states has {', '.join(config.states)}")


def _check_two(config: Config) -> None:
    if len(config.states) < 2:
        raise ConfigError('at least two named states are needed: [states] compact = "r < 4.62", extended = ...')


def checked_states(config: Config, cv_names: Sequence[str]) -> States:
    """The named states.

    Raises:
        ValueError: there are fewer than two, or an expression does not parse.
    """
    _check_two(config)
    return States(dict(config.states), list(cv_names))
