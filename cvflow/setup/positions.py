"""Runs whose CV is the positions of a few atoms: the molecular run they are built around, and what is different."""

from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from cvflow.config.cv_section import CvSection
from cvflow.config.settings import Config, ConfigError
from cvflow.core.frames import Exactness, Frame
from cvflow.cv import CollectiveVariable, Distance
from cvflow.cv.internal_coordinates import Chain, Shapes
from cvflow.cv.interpolation import INTERPOLATIONS
from cvflow.cv.selection import AtomNames, group
from cvflow.engines.openmm import PositionsSpec
from cvflow.proposals.base import Proposal
from cvflow.proposals.conformations import ConformationLearner
from cvflow.sampler.jump import JumpState
from cvflow.sampler.plan import Plan
from cvflow.sampler.positions_jump import ShapeJump
from cvflow.sampler.walkers.base import GroupState, WalkerGroup
from cvflow.sampler.walkers.positions import PositionsGroup
from cvflow.sampler.walkers.process import equilibrate, group_state_at
from cvflow.setup.molecular import MolecularSetup
from cvflow.setup.setup import Equilibrated, Pilot, Setup, Springs, checked_states
from cvflow.store.trajectory import Trajectories

STIFF = 0.8
"""kappa = "auto": standard deviation of λ around each coordinate, in that of the stiffest distance along the chain."""


@dataclass(frozen=True)
class ShapeSetup(Setup):
    """Built around the run that its observed distances alone would make.

    Attributes:
        molecular: that run.
        shapes: the CV space: observed distances, then internal coordinates of the atoms.
        cvs: the same, one by one.
    """

    molecular: MolecularSetup
    shapes: Shapes
    cvs: tuple[CollectiveVariable, ...]

    @cached_property
    def spec(self) -> PositionsSpec:
        """The engine, as data for worker processes."""
        path = self.config.path
        around = self.molecular.with_config(self.molecular.config.model_copy(update={"path": path}))
        assert isinstance(around, MolecularSetup)
        return PositionsSpec(around.spec, self.cvs, self.shapes.chain.atoms, path.kernel, INTERPOLATIONS[path.way]())

    @property
    def exactness(self) -> Exactness:
        return self.molecular.exactness

    def with_config(self, config: Config) -> Setup:
        around = self.molecular.with_config(_around(config))
        assert isinstance(around, MolecularSetup)
        return replace(self, config=config, molecular=around)

    @property
    def input_names(self) -> tuple[str, ...]:
        return self.molecular.input_names

    def write_inputs(self, folder: Path) -> None:
        self.molecular.write_inputs(folder)

    def write_topology(self, frame: Frame, folder: Path) -> None:
        self.molecular.write_topology(frame, folder)

    def executor(self, workers: int) -> AbstractContextManager[Executor]:
        return self.molecular.executor(workers)

    def workers(self, wanted: int | None) -> int:
        return self.molecular.workers(wanted)

    def check_frame(self, walker: int, frame: Frame) -> None:
        self.molecular.check_frame(walker, frame)

    def trajectories(self, folder: Path, frames: Sequence[int]) -> Trajectories:
        return self.molecular.trajectories(folder, frames)

    def equilibrate(self, executor: Executor) -> Equilibrated:
        seed, relax, local = self.config.run.seed, self.molecular.relax, self.molecular.local
        futures = [
            executor.submit(equilibrate, self.spec, frame, relax, local, seed, walker, self.molecular.states)
            for walker, frame in enumerate(self.molecular.start_frames)
        ]
        pilots = [future.result() for future in futures]
        return Equilibrated([pilot.group_state for pilot in pilots], np.stack([pilot.samples for pilot in pilots]))

    def group_states(self, frames: Sequence[Frame]) -> list[GroupState]:
        engine = self.spec.build()
        return [group_state_at(JumpState(frame, engine.cv_values(frame))) for frame in frames]

    def kappa(self, samples: Pilot) -> Springs:
        """One spring constant for all coordinates: as configured, or stiff against the stiffest distance's own spread.

        Raises:
            ArithmeticError: the atoms did not move.
        """
        given = self.config.path.kappa
        if not self.restrained:
            return np.zeros(0)
        if isinstance(given, float | int):
            return np.array([float(given)])
        internal = self.shapes.internal(samples.reshape(-1, samples.shape[-1]))
        variance = float(internal[:, : self.shapes.chain.lengths].var(axis=0).min())
        if not variance > 0:
            raise ArithmeticError("the atoms did not move during equilibration: set path.kappa, or a shorter time step")
        return np.array([self.kT / (STIFF**2 * variance)])

    def walker_groups(self, kappa: Springs) -> list[WalkerGroup]:
        run, steps = self.config.run, self.config.path.steps
        assert isinstance(steps, int)
        jump = ShapeJump(self.shapes, self._blur(kappa), float(kappa.sum()), steps)
        local = self.molecular.local
        return [PositionsGroup(walker, self.spec, run.seed, local, jump) for walker in range(run.walkers)]

    def plan(self, kappa: Springs, fixed: Proposal | None = None) -> Plan:
        """What the run is to do; paths have one length, and are run to their end."""
        ones = np.ones(len(self.cv_names))
        plan = super().plan(ones, fixed)
        learn = ConformationLearner(self.shapes, self._blur(kappa))
        return replace(plan, scale=ones, blur=0 * ones, learn=learn, gives_up=False)

    def _blur(self, kappa: Springs) -> float:
        """Standard deviation of λ around each coordinate [nm]."""
        return float(np.sqrt(self.kT / kappa[0])) if self.restrained else 0.0


def leads_positions(config: Config) -> bool:
    """Whether the config's CV is the positions of some atoms."""
    return any(section.type == "positions" for section in config.cv)


def observed_only(config: Config) -> Config:
    """The config of the molecular run that such a run is built around.

    Raises:
        ConfigError: the CVs are not one of positions beside distances.
    """
    others = [section for section in config.cv if section.type != "positions"]
    if len(others) != len(config.cv) - 1 or not others or any(section.type != "distance" for section in others):
        raise ConfigError(
            "a run has one [[cv]] of type 'positions', which is driven, beside at least one of type 'distance', which "
            "is only recorded: name the states by it"
        )
    if config.path.kernel not in ("langevin", "restraint"):
        raise ConfigError(
            f"path.kernel = {config.path.kernel!r}: positions are held ('langevin') or pulled ('restraint')"
        )
    if config.path.steps == "auto":
        raise ConfigError("path.steps: paths of positions are not tuned; give a number")
    if config.path.friction != 0:
        raise ConfigError("path.friction: paths of positions have none; set it to 0")
    if config.path.schedule != "linear":
        raise ConfigError("path.schedule: positions are led at constant speed; leave it 'linear'")
    if not config.path.within_states:
        raise ConfigError("path.within_states: jumps of positions are all realised; leave it true")
    if config.proposal is not None:
        raise ConfigError("[proposal] is refused: shapes have no fixed mixture; leave it out")
    if isinstance(config.path.kappa, list):
        raise ConfigError("path.kappa: positions have one spring constant for all coordinates; give one number")
    return _around(config)


def around(molecular: MolecularSetup, config: Config) -> ShapeSetup:
    """The run of positions, built around one of its observed distances.

    Raises:
        ValueError: atoms are not there, or a state is not named by the CVs.
    """
    (section,) = (section for section in config.cv if section.type == "positions")
    names = AtomNames(molecular.topology)
    chain = Chain(section.name, names.group(section.name, group(section.atoms or [])))
    unit = section.unit if section.unit is not None else "nm"
    cvs = (*molecular.cvs, *chain.cvs(unit))
    shapes = Shapes(chain, tuple(_places(cv, chain) for cv in molecular.cvs))
    made = molecular.config
    kept = {
        "path": config.path.model_copy(update={"timestep": made.path.timestep, "early_rejection": False}),
        "cv": _sections(config, made, chain),
    }
    config = made.model_copy(update=kept)
    cv_names = tuple(cv.name for cv in cvs)
    setup = ShapeSetup(
        config, molecular.name, cv_names, tuple(cv.unit for cv in cvs), tuple(cv.period for cv in cvs),
        checked_states(config, cv_names), molecular.kT, molecular.notes, molecular=molecular, shapes=shapes, cvs=cvs,
        opening=molecular.opening,
    )  # fmt: skip
    setup.check()
    setup.spec.build()
    return setup


def _around(config: Config) -> Config:
    """Without positions, and with what the other kind of run has in the place of this one's settings."""
    path = config.path.model_copy(update={"kernel": "restraint", "kappa": "auto"})
    return config.model_copy(
        update={"cv": [section for section in config.cv if section.type != "positions"], "path": path}
    )


def _sections(config: Config, made: Config, chain: Chain) -> list[CvSection]:
    """The CVs' words, with their atoms by index: observed ones as the molecular run has resolved them."""
    positions = (section for section in config.cv if section.type == "positions")
    return [*made.cv, *(section.model_copy(update={"atoms": list(chain.atoms)}) for section in positions)]


def _places(cv: CollectiveVariable, chain: Chain) -> tuple[int, int]:
    """Where a distance's atoms stand in the chain."""
    assert isinstance(cv, Distance)
    if not set(cv.atoms) <= set(chain.atoms):
        raise ConfigError(
            f"cv {cv.name}: a distance beside positions is one between two of their atoms, got {cv.atoms}"
        )
    first, second = (chain.atoms.index(int(atom)) for atom in cv.atoms)
    return first, second
