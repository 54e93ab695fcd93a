"""Runs whose walkers each have an engine of their own, in worker processes."""

from abc import abstractmethod
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
from openmm import app

from cvflow.config.settings import Config, ConfigError
from cvflow.core.frames import Exactness, Frame, Point
from cvflow.cv import CollectiveVariable
from cvflow.cv.images import Cell, Molecules, image_shift, molecules_of
from cvflow.engines.base import EngineSpec
from cvflow.engines.verlet import VerletEngine
from cvflow.host.atomic import write_whole
from cvflow.host.cores import available_cores, usable_cores
from cvflow.host.journal import LOG
from cvflow.host.pool import Pool
from cvflow.sampler.jump import JumpState
from cvflow.sampler.local import HybridMonteCarlo, LocalMove, UnadjustedLangevin
from cvflow.sampler.walkers.base import GroupState, WalkerGroup
from cvflow.sampler.walkers.process import ProcessGroup, equilibrate, group_state_at
from cvflow.setup.placing import bonds_of
from cvflow.setup.setup import Equilibrated, Setup
from cvflow.setup.starts import Starts, opened, start_notes
from cvflow.setup.steady import looked_at
from cvflow.setup.topology_file import has_names, topology_text
from cvflow.store.trajectory import Trajectories

CROWD = 4
"""Workers a core, at most: more are a slip of the pen."""


SAME = 1e-6
"""Difference of a CV from its value with nearest images that is rounding."""


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
        return Pool(workers)

    def workers(self, wanted: int | None) -> int:
        """One process a walker, no more than there are cores for."""
        walkers = self.config.run.walkers
        if wanted is None:
            return min(walkers, usable_cores())
        if wanted > CROWD * len(available_cores()):
            raise ConfigError(f"--workers {wanted}: this machine lends {len(available_cores())} cores; leave it out")
        if wanted > walkers:
            LOG.warning("--workers %d: there are %d walkers, so %d workers", wanted, walkers, walkers)
        return min(wanted, walkers)

    def equilibrate(self, executor: Executor) -> Equilibrated:
        seed = self.config.run.seed
        futures = [
            executor.submit(equilibrate, self.spec, frame, self.relax, self.local, seed, walker, self.states)
            for walker, frame in enumerate(self.start_frames)
        ]
        pilots = [future.result() for future in futures]
        return Equilibrated([pilot.group_state for pilot in pilots], np.stack([pilot.samples for pilot in pilots]))

    def walker_groups(self, kappa: Point) -> list[WalkerGroup]:
        run, steps, periods = self.config.run, self.steps, np.array(self.periods)
        return [
            ProcessGroup(walker, self.spec, run.seed, self.local, self.kT, kappa, steps, periods)
            for walker in range(run.walkers)
        ]

    def group_states(self, frames: Sequence[Frame]) -> list[GroupState]:
        engine = self.spec.build()
        return [group_state_at(JumpState(frame, engine.cv_values(frame))) for frame in frames]


@dataclass(frozen=True)
class AtomsSetup(WalkerSetup):
    """Atoms with names.

    Attributes:
        topology: the names, residues and bonds.
        cvs: of the atoms.
        molecules: atoms that are taken as they are among each other, where nearest images are asked for; those of the
            topology's bonds if left out.
        periodic: directions in which the system repeats itself, where there is a box.
    """

    topology: app.Topology
    cvs: tuple[CollectiveVariable, ...]
    molecules: Molecules | None = field(default=None, kw_only=True)
    periodic: tuple[bool, ...] = field(default=(True, True, True), kw_only=True)

    def check_frame(self, walker: int, frame: Frame) -> None:
        """Raises ArithmeticError if a CV is not what it is with nearest images: molecules have drifted apart."""
        if fault := self._image_fault(frame):
            raise ArithmeticError(
                f"walker {walker}: {fault}: molecules have drifted over the box's border, and the CV tells apart what "
                "is one configuration; give it in PLUMED's words (plumed = …), which take nearest images, or keep the "
                "molecules together"
            )

    def check_start(self, name: str, frame: Frame) -> None:
        """Check that each CV of a start is what it is with nearest images.

        Raises:
            ValueError: one is not.
        """
        if fault := self._image_fault(frame):
            raise ValueError(
                f"the start of {name}: {fault}: bring the molecules together in the structure, or give the CV in "
                "PLUMED's words (plumed = …), which take nearest images"
            )

    @cached_property
    def _whole(self) -> Molecules:
        """Which atoms are taken as they are among each other."""
        if self.molecules is not None:
            return self.molecules
        return molecules_of(bonds_of(self.topology), self.topology.getNumAtoms())

    def _image_fault(self, frame: Frame) -> str | None:
        """Words for the first CV that differs from its value with nearest images."""
        if frame.box is None:
            return None
        cell = Cell(frame.box * np.array(self.periodic)[:, None], self._whole)
        for cv in self.cvs:
            shift = image_shift(cv, frame, cell)
            if abs(shift) > SAME:
                value = cv.evaluate(frame)
                return (
                    f"CV {cv.name} is {value:.3g} as the atoms lie, and {value + shift:.3g} with their nearest images"
                )
        return None

    def write_topology(self, frame: Frame, folder: Path) -> None:
        if has_names(self.topology):
            write_whole(folder / "topology.pdb", topology_text(self.topology, frame))

    def trajectories(self, folder: Path, frames: Sequence[int]) -> Trajectories:
        run = self.config.run
        spacing = run.local_steps * self.config.path.timestep
        return Trajectories(folder, self.topology, run.walkers, spacing, frames)


SetupOfAtoms = TypeVar("SetupOfAtoms", bound=AtomsSetup)


def started(setup: SetupOfAtoms, starts: Starts) -> SetupOfAtoms:
    """The run, once its walkers' starts have been looked at.

    Raises:
        ValueError: a start has no energy or lies in another state than it is given for, CVs or potential are not
            functions of the positions alone, or the starts lie in fewer than two states.
    """
    engine, frames = setup.spec.build(), setup.start_frames
    if not frames:
        return setup
    assert isinstance(engine, VerletEngine)
    points, energies = looked_at(engine, frames, setup.cv_names, np.array(setup.periods))
    for name, frame in dict(zip(starts.names, frames, strict=True)).items():
        setup.check_start(name, frame)
    opening = opened(setup.states, starts.names, points, starts.said)
    for name, energy in zip(starts.names, energies, strict=True):
        if not np.isfinite(energy):
            raise ValueError(f"the start of {name} has no finite energy: check the structure for overlaps")
    return replace(setup, notes=setup.notes + start_notes(opening), opening=opening)


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


def check_atoms(starts: Starts, atoms: int) -> None:
    """Check that the walkers' starts are structures of as many atoms.

    Raises:
        ValueError: they are not.
    """
    for walker, frame in enumerate(starts.frames):
        if frame.positions.shape != (atoms, 3):
            raise ValueError(
                f"the start of walker {walker} has positions of shape {frame.positions.shape}, the system has "
                f"{atoms} atoms: give a structure of the same atoms"
            )
