"""A checked run as data, before anything was computed or written; what moves its walkers, and what their paths drag."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from openmm import app

from cvflow.config.resolved import Settings, resolved
from cvflow.config.settings import Config
from cvflow.core.cv_space import CVSpace
from cvflow.core.frames import Exactness, Frame
from cvflow.core.state_bias import UNBIASED, StateBias
from cvflow.core.states import States
from cvflow.core.walls import check_walls
from cvflow.cv.names import check_together
from cvflow.engines.base import EngineSpec
from cvflow.estimate.schema import Exploration
from cvflow.proposals.base import Proposal
from cvflow.proposals.fit import FitSettings
from cvflow.proposals.labelled_fit import LabelledLearner
from cvflow.proposals.mixture import GaussianMixture
from cvflow.sampler.local import LocalMove
from cvflow.sampler.loop import Progress, Run
from cvflow.sampler.plan import Plan
from cvflow.sampler.walkers.base import GroupState, WalkerGroup
from cvflow.setup.starts.nearest_images import NearestImages
from cvflow.setup.starts.walker_starts import Opening, strayed, words
from cvflow.store import Store
from cvflow.store.trajectory import Trajectories

WEIGHTED_MOVES = 24
"""Moves of a walker's equilibration, the last ones, that count in the weights of a flow's labels: it does not leave its
state in them, so that more of them would hold the weights where the starts are."""

Visited = Float[np.ndarray, "walkers samples cvs"]
"""CV values."""

Springs = Float[np.ndarray, " _springs"]
"""Spring constants of the restraint; none for kernels without one."""


class Equilibrated(NamedTuple):
    """Where the walker groups stand after equilibration, and the CV values that their walkers visited.

    `steps` are those that it took, of all walkers together.
    """

    group_states: list[GroupState]
    samples: Visited
    steps: int = 0


@dataclass(frozen=True)
class Setup:
    """A run as data.

    Attributes:
        config: the settings as they were given, "auto" wherever the program is still to choose.
        name: of the system.
        space: names, units, periods and ranges of the CVs.
        states: named regions.
        kT: thermal energy [kJ/mol, or the unit of a model's own potential].
        walkers: what moves, and where.
        steered: what paths drag.
        notes: one line for everything that was changed in the system or chosen by the program.
        topology: names of the atoms, where there are atoms.
        files: what a later `resume` builds the engine from, beside the config: text, or a file to copy, by the name
            that it gets in the run's folder.
        images: what tells whether molecules have drifted apart, where CVs take atoms as they lie.
        opening: the walkers' starts in CV space; none when a run is continued from its store.
        reads: files of the user's that the run was made from.
        made: starts that were made for states without one, by the states' names.
        equilibration_steps: time steps that were made before the first jump, those of making starts included.
        pilot_steps: time steps that were made to find settings.
        exploration: what was found before the run, once it was.
    """

    config: Config
    name: str
    space: CVSpace
    states: States
    kT: float
    walkers: "Walkers"
    steered: "SteeredPart"
    notes: tuple[str, ...] = ()
    topology: app.Topology | None = None
    files: Mapping[str, str | Path] = field(default_factory=dict)
    images: NearestImages | None = None
    opening: Opening | None = None
    reads: tuple[Path, ...] = ()
    made: Mapping[str, Frame] = field(default_factory=dict)
    equilibration_steps: int = 0
    pilot_steps: int = 0
    exploration: Exploration | None = None

    @cached_property
    def settings(self) -> Settings:
        """What the run is told, with no "auto" in it."""
        return resolved(self.config)

    @property
    def exactness(self) -> Exactness:
        """Whether the chain that this run makes is exact, and why (not)."""
        return self.walkers.exactness(self)

    @property
    def in_memory(self) -> bool:
        """Whether a script made the system, so that the run cannot be gone on with from its folder."""
        return self.config.system.in_memory

    @property
    def by_labels(self) -> bool:
        """Whether the flow has a density for each named state, and jumps go from label to label."""
        return self.config.flow is not None and self.config.flow.labels

    @property
    def wall_words(self) -> tuple[str, ...]:
        """The walls, a line each."""
        return tuple(wall.words for wall in self.config.walls)

    @property
    def opening_words(self) -> tuple[str, ...]:
        """Where the walkers start, a line for each state."""
        return words(self.opening) if self.opening else ()

    def changed(self, **sections: Any) -> "Setup":
        """The same system with other settings, by section and key.

        Raises:
            ConfigError: they are not possible.
        """
        return replace(self, config=self.config.changed(**sections))

    def noted(self, *notes: str) -> "Setup":
        """The same with these notes before its own."""
        return replace(self, notes=(*notes, *self.notes))

    def check_frame(self, walker: int, frame: Frame) -> None:
        """Check what a walker's configuration must keep to while the run lasts.

        Raises:
            ArithmeticError: molecules have drifted apart.
        """
        if self.images is not None:
            self.images.check_walker(walker, frame)

    def completed(self, executor: Executor) -> "Setup":
        """The run with starts for the states that had none, as far as they are to be made.

        Raises:
            ArithmeticError: none could be made, and walkers would start in fewer than two states.
        """
        return self.walkers.completed(self, executor)

    def equilibrate(self, executor: Executor) -> Equilibrated:
        """Bring the walkers from their starts to where they can jump.

        Raises:
            ArithmeticError: a start falls apart, or does not move.
        """
        return self.walkers.equilibrate(self, executor)

    def after(self, equilibrated: Equilibrated) -> "Setup":
        """The run with its walkers equilibrated: noted are those that have left their states, and springs in doubt."""
        steps = self.equilibration_steps + equilibrated.steps
        if self.opening is None:
            return replace(self, equilibration_steps=steps)
        points = equilibrated.samples[:, -1, : self.opening.points.shape[1]]
        doubts = self.steered.doubts(self, equilibrated.samples)
        return replace(self, notes=self.notes + strayed(self.opening, points) + doubts, equilibration_steps=steps)

    def kappa(self, samples: Visited) -> Springs:
        """Spring constants: as configured, or from what equilibration visited; none for kernels without a restraint.

        Raises:
            ArithmeticError: nothing moved.
        """
        return self.steered.springs(self, samples) if self.settings.path.restrained else np.zeros(0)

    def plan(
        self, kappa: Springs, fixed: Proposal | None = None, state_bias: StateBias = UNBIASED
    ) -> Plan:
        """What the run is to do; `fixed`, with the bias that it was learned under, is for the configured proposal."""
        run, path, flow = self.settings.run, self.settings.path, self.config.flow
        ones = np.ones(len(self.space.names))
        plan = Plan(
            seed=run.seed,
            walkers=run.walkers,
            adapt_jumps=run.adapt_jumps,
            adapt_limit=run.adapt_limit,
            jumps=run.jumps,
            retrain_every=flow.retrain_every if flow else 50,
            scale=ones,
            blur=0 * ones,
            space=self.space,
            states=self.states,
            fit=_fit(self.config),
            fixed=fixed or fixed_proposal(self.config, self.space),
            state_bias=state_bias,
            gives_up=path.early_rejection,
            within_states=path.within_states,
            flat=run.state_bias == "flat",
        )
        if self.by_labels:
            unweighted = max(0, run.equilibration_moves - WEIGHTED_MOVES)
            plan = replace(plan, learn=LabelledLearner(self.states, path.within_states, unweighted, plan.flat))
        return self.steered.planned(plan, self, kappa)

    def run(
        self,
        start: Equilibrated,
        kappa: Springs,
        store: Store,
        *,
        fixed: Proposal | None = None,
        state_bias: StateBias = UNBIASED,
        trajectories: Trajectories | None = None,
        watch: Callable[[Progress], None] = lambda progress: None,
        wall_before: float = 0.0,
        check: Callable[[int, Frame], None] = lambda walker, frame: None,
        still_ours: Callable[[], None] = lambda: None,
    ) -> Run:
        """The run itself, at its first turn: the one place where a plan, walker groups and a store come together.

        Args:
            start: where the groups stand, and what their walkers visited.
            kappa: spring constants, from `kappa` or from a store.
            store: takes what comes of the turns.
            fixed: a proposal in the place of the configured one.
            state_bias: that it is used with.
            trajectories: take the walkers' frames, if any are wanted.
            watch: is told how far it is after each turn.
            wall_before: seconds spent on it already.
            check: looks at each walker's frame.
            still_ours: raises where the store's folder has come to be another's.
        """
        plan, groups = self.plan(kappa, fixed, state_bias), self.walkers.groups(self, kappa)
        return Run(
            plan, groups, store, start.samples, start.group_states, trajectories, watch, wall_before, check, still_ours
        )


class Walkers(ABC):
    """What moves in a run, and where the work is done: single walkers in worker processes, or many as one batch.

    Law: what it gives follows from its own data and the setup's, and from nothing else.
    """

    @abstractmethod
    def exactness(self, setup: Setup) -> Exactness:
        """Whether moves and paths leave the target distribution as it is, and why (not)."""

    @abstractmethod
    def workers(self, setup: Setup, wanted: int | None, given: Executor | None = None) -> int:
        """Number of workers, given the number asked for; of an executor that is given, the number that are of use.

        Raises:
            ConfigError: it is none that can be had, or the executor cannot do this work.
        """

    @abstractmethod
    def executor(self, workers: int) -> AbstractContextManager[Executor]:
        """Where the work is done, by so many processes."""

    def working(self, workers: int, given: Executor | None) -> AbstractContextManager[Executor]:
        """Where the work is done: an executor that is given, which stays open, or one of our own."""
        return self.executor(workers) if given is None else nullcontext(given)

    @property
    def to_make(self) -> tuple[str, ...]:
        """States whose starts are still to be made."""
        return ()

    @property
    def preparing(self) -> str:
        """What `completed` does before the run, in words; nothing where all is there."""
        return f"making starts for {', '.join(self.to_make)}" if self.to_make else ""

    def completed(self, setup: Setup, executor: Executor) -> Setup:
        """The run with all its starts.

        Raises:
            ArithmeticError: too few could be made.
        """
        return setup

    @abstractmethod
    def equilibrate(self, setup: Setup, executor: Executor) -> Equilibrated:
        """Bring the walkers from their starts to where they can jump.

        Raises:
            ArithmeticError: a start falls apart, or does not move.
        """

    @abstractmethod
    def groups(self, setup: Setup, kappa: Springs) -> list[WalkerGroup]:
        """The walkers in groups, now that the spring constants are numbers."""

    @abstractmethod
    def standing(self, setup: Setup, frames: Sequence[Frame]) -> list[GroupState]:
        """Where the groups stand, from their walkers' stored frames."""


class SteeredPart(ABC):
    """What paths drag: the CVs themselves, or positions of which the CVs are functions."""

    @abstractmethod
    def springs(self, setup: Setup, samples: Visited) -> Springs:
        """Spring constants of a restraint: as configured, or from what equilibration visited.

        Raises:
            ArithmeticError: nothing moved.
        """

    def doubts(self, setup: Setup, samples: Visited) -> tuple[str, ...]:
        """What there is to be said against springs that were found from what equilibration visited."""
        return ()

    @abstractmethod
    def planned(self, plan: Plan, setup: Setup, kappa: Springs) -> Plan:
        """The plan of a run whose paths drag this."""

    @abstractmethod
    def group(self, walker: int, spec: EngineSpec, local: LocalMove, setup: Setup, kappa: Springs) -> WalkerGroup:
        """One walker with an engine of its own, and moves between its jumps."""


def _fit(config: Config) -> FitSettings:
    flow = config.flow
    if flow is None:
        return FitSettings()
    return FitSettings(flow.sizes, flow.epsilon)


def fixed_proposal(config: Config, space: CVSpace) -> Proposal | None:
    """The mixture that `[proposal]` gives, if it is there.

    Raises:
        ValueError: its numbers do not go together.
    """
    proposal = config.proposal
    if proposal is None:
        return None
    means, sigmas = (tuple(map(tuple, table)) for table in (proposal.means, proposal.sigmas))
    return GaussianMixture(means, sigmas, tuple(proposal.weights), space.periods)


def checked(setup: Setup) -> Setup:
    """The setup, once the parts of its config were seen to fit together.

    Raises:
        ValueError: they do not.
    """
    names, path = setup.space.names, setup.config.path
    check_together(names)
    check_walls(setup.config.walls, dict(zip(names, setup.space.periods, strict=True)))
    if isinstance(path.kappa, list) and len(path.kappa) != len(names):
        raise ValueError(f"path.kappa has {len(path.kappa)} numbers for {len(names)} CVs")
    if path.kappa != "auto" and not setup.settings.path.restrained:
        raise ValueError(f"path.kappa is refused: kernel {path.kernel!r} has no restraint")
    if path.friction != 0 and not setup.settings.path.has_friction:
        raise ValueError(f"path.friction is refused: kernel {path.kernel!r} has no momenta; set it to 0")
    if path.way != "straight" and not any(section.type == "positions" for section in setup.config.cv):
        raise ValueError("path.way is refused: only CVs of type 'positions' are led along one; leave it 'straight'")
    _check_bias(setup)
    proposal = setup.config.proposal
    tables = {"means": proposal.means, "sigmas": proposal.sigmas} if proposal else {}
    for table, rows in tables.items():
        for row in rows:
            if len(row) != len(names):
                listed = ", ".join(names)
                raise ValueError(f"proposal.{table} has {len(row)} columns for {len(names)} CVs: {listed}")
    _check_flow(setup)
    return setup


FEWEST_VERSIONS = 2
"""Trainings after the first flow's from which production has a bias: it keeps that of the version before its own."""


def bias_possible(setup: Setup) -> bool:
    """Whether a bias may make chains visit all states alike: it is learned beside a flow."""
    return setup.config.proposal is None


def _check_bias(setup: Setup) -> None:
    """Raises ValueError if states cannot have the bias that is asked for."""
    if setup.config.run.state_bias != "flat":
        return
    if not bias_possible(setup):
        raise ValueError("run.state_bias = 'flat' is refused: the bias is learned beside a flow; leave [proposal] out")
    plan = setup.plan(probing_springs(setup))
    if plan.last_version < FEWEST_VERSIONS:
        raise ValueError(
            f"run.state_bias = 'flat' is refused: {plan.adapt_jumps} jumps of adaptation learn and try no bias; "
            f"give run.adapt_jumps = {FEWEST_VERSIONS * plan.block + 1} or more, or a smaller flow.retrain_every"
        )


def _check_flow(setup: Setup) -> None:
    """Raises ValueError if there can be no flow of these CVs."""
    plan = setup.plan(probing_springs(setup))
    if plan.fixed is not None:
        return
    try:
        plan.fit.architecture.numbers(plan.space.domains)
    except ValueError as error:
        raise ValueError(f"flow.architecture = {plan.fit.architecture.kind!r} takes no such CVs: {error}") from error


def probing_springs(setup: Setup) -> Springs:
    """Any spring constants, for what does not depend on them."""
    return np.ones(len(setup.space.names)) if setup.settings.path.restrained else np.zeros(0)
