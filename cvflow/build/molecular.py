"""Molecular systems on OpenMM: from a config, or from Python objects, to a checked run."""

from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from math import inf
from pathlib import Path

import numpy as np
import openmm
from openmm import app, unit

from cvflow.build.setup import Equilibrated, Setup, check_starts, checked_states
from cvflow.config import Config, ConfigError, CvSection
from cvflow.crew import Crew, Standing
from cvflow.cv import CollectiveVariable, ForceCV, distance, from_force
from cvflow.engine.openmm import OpenMMSpec, default_box, prepare
from cvflow.jump import JumpState
from cvflow.local import HybridMonteCarlo, LocalMove, UnadjustedLangevin
from cvflow.random import Purpose, stream
from cvflow.schedule import BY_NAME
from cvflow.state import Exactness, Frame, Point
from cvflow.systems import MolecularReference
from cvflow.trajectory import Trajectories
from cvflow.units import thermal_energy
from cvflow.walker import WalkerCrew, available_cores, equilibrate, pinned_pool, standing_at


@dataclass(frozen=True)
class MolecularSetup(Setup):
    """`start_frames` has one frame a walker, or none when a run is continued from its store."""

    system: openmm.System
    topology: app.Topology
    cvs: tuple[CollectiveVariable, ...]
    start_frames: tuple[Frame, ...]

    @cached_property
    def spec(self) -> OpenMMSpec:
        """The engine, as data for worker processes."""
        path, engine = self.config.path, self.config.engine
        words = {"Precision": engine.precision, "DeviceIndex": engine.device, "Threads": engine.threads}
        return OpenMMSpec(
            system_xml=openmm.XmlSerializer.serialize(self.system),
            cvs=self.cvs,
            kT=self.kT,
            timestep=path.timestep,
            friction=path.friction,
            schedule=BY_NAME[path.schedule](),
            platform=engine.platform or "CPU",
            properties=tuple((key, str(value)) for key, value in words.items() if value is not None),
        )

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

    def write_inputs(self, folder: Path) -> None:
        (folder / "system.xml").write_text(openmm.XmlSerializer.serialize(self.system))
        for cv in self.cvs:
            if isinstance(cv, ForceCV):
                (folder / f"cv_{cv.name}.xml").write_text(cv.force_xml)

    def write_topology(self, frame: Frame, folder: Path) -> None:
        with (folder / "topology.pdb").open("w") as file:
            app.PDBFile.writeFile(self.topology, frame.positions * unit.nanometer, file, keepIds=True)

    def executor(self, workers: int) -> AbstractContextManager[Executor]:
        return pinned_pool(workers)

    def workers(self, wanted: int | None) -> int:
        """One process a walker, no more than there are cores."""
        return wanted or min(self.config.run.walkers, len(available_cores()))

    def equilibrate(self, executor: Executor) -> Equilibrated:
        seed = self.config.run.seed
        futures = [
            executor.submit(equilibrate, self.spec, frame, self.local, seed, walker)
            for walker, frame in enumerate(self.start_frames)
        ]
        pilots = [future.result() for future in futures]
        return Equilibrated([pilot.standing for pilot in pilots], np.stack([pilot.samples for pilot in pilots]))

    def crews(self, kappa: Point) -> list[Crew]:
        run, steps = self.config.run, self.config.path.steps
        return [WalkerCrew(walker, self.spec, run.seed, self.local, kappa, steps) for walker in range(run.walkers)]

    def standings(self, frames: Sequence[Frame]) -> list[Standing]:
        engine = self.spec.build()
        return [standing_at(JumpState(frame, engine.cv_values(frame))) for frame in frames]

    def trajectories(self, folder: Path, sizes: list[int]) -> Trajectories:
        run = self.config.run
        spacing = run.local_steps * self.config.path.timestep
        return Trajectories(folder, self.topology, run.walkers, spacing, sizes)


def assemble(
    config: Config,
    name: str,
    system: openmm.System,
    topology: app.Topology,
    cvs: tuple[CollectiveVariable, ...],
    kT: float,
    starts: tuple[Frame, ...],
) -> MolecularSetup:
    """Check that the parts fit together; the last stop before anything is computed.

    Raises:
        ValueError: they do not.
    """
    if topology.getNumAtoms() != system.getNumParticles():
        raise ValueError(
            f"the topology has {topology.getNumAtoms()} atoms and the system {system.getNumParticles()}: give the same"
        )
    if config.path.kernel != "restraint":
        raise ValueError(f"path.kernel = {config.path.kernel!r} is for the batch engine; OpenMM has 'restraint'")
    if config.run.local not in ("hmc", "langevin") or config.run.local_steps < 1:
        raise ValueError("OpenMM needs run.local = 'hmc' or 'langevin' and run.local_steps of at least 1")
    if config.run.local_timestep is not None:
        raise ValueError("run.local_timestep is the batch engine's; OpenMM moves at path.timestep throughout")
    names = tuple(cv.name for cv in cvs)
    states = checked_states(config, names)
    prepared = prepare(system)
    for walker, frame in enumerate(starts):
        if frame.positions.shape != (system.getNumParticles(), 3):
            raise ValueError(
                f"the start of walker {walker} has positions of shape {frame.positions.shape}, the system has "
                f"{system.getNumParticles()} atoms: give a structure of the same atoms"
            )
    if system.usesPeriodicBoundaryConditions():
        starts = tuple(frame if frame.box is not None else frame._replace(box=default_box(system)) for frame in starts)
    setup = MolecularSetup(
        config, name, names, tuple(cv.unit for cv in cvs), (inf,) * len(cvs), states, kT, prepared.notes,
        system=prepared.system, topology=topology, cvs=cvs, start_frames=starts,
    )  # fmt: skip
    setup.check()
    engine = setup.spec.build()
    if starts:
        check_starts(states, np.array([engine.cv_values(frame) for frame in starts]))
    for walker, frame in enumerate(starts):
        if not np.isfinite(engine.potential_energy(frame)):
            raise ValueError(f"the start of walker {walker} has no finite energy: check the structure for overlaps")
    return setup


def from_built_in(reference: MolecularReference, config: Config, with_starts: bool) -> MolecularSetup:
    """A run of a built-in system.

    Raises:
        ValueError: something in the config is not possible.
    """
    if config.engine.temperature is not None:
        raise ConfigError(
            f"engine.temperature is refused: {reference.name} is in reduced units, set system.parameters.kT"
        )
    if config.system.starts:
        raise ConfigError(f"system.starts is refused: {reference.name} builds its own starts")
    config = config.model_copy(update={"states": config.states or reference.states})
    cvs = tuple(_cv(section, Path()) for section in config.cv) or (reference.cv(),)
    if not config.cv:
        config = config.model_copy(update={"cv": [cv_section(cvs[0])]})
    starts = _built_in_starts(reference, config) if with_starts else ()
    return assemble(config, reference.name, reference.system(), reference.topology(), cvs, reference.kT, starts)


def _built_in_starts(reference: MolecularReference, config: Config) -> tuple[Frame, ...]:
    """One start a walker, the states in turn, each with its own solvent."""
    names = list(reference.states)
    return tuple(
        reference.start(names[walker % len(names)], stream(config.run.seed, Purpose.START, walker))
        for walker in range(config.run.walkers)
    )


def from_files(config: Config, folder: Path, with_starts: bool) -> MolecularSetup:
    """A run of a serialised OpenMM System.

    Raises:
        ValueError: something in the config is not possible.
    """
    if config.engine.temperature is None:
        raise ConfigError("engine.temperature [K] is missing: molecular systems need one")
    kT = thermal_energy(config.engine.temperature)
    if config.system.parameters:
        raise ConfigError("system.parameters is refused: only built-in systems have parameters")
    if not config.cv:
        raise ConfigError("at least one [[cv]] is needed: only built-in systems have one of their own")
    system = _deserialised(folder / str(config.system.xml), "system.xml")
    if not isinstance(system, openmm.System):
        raise ConfigError(f"system.xml: {config.system.xml} holds no OpenMM System")
    topology = _pdb(folder / str(config.system.topology), "system.topology").topology
    cvs = tuple(_cv(section, folder) for section in config.cv)
    starts = _file_starts(config, folder) if with_starts else ()
    config = _with_standard_names(config, folder, cvs)
    return assemble(config, "openmm", system, topology, cvs, kT, starts)


def start_frame(path: Path, what: str) -> Frame:
    """A start from a PDB file; `what` names it in errors.

    Raises:
        ConfigError: the file cannot be read.
    """
    pdb = _pdb(path, what)
    box = pdb.topology.getPeriodicBoxVectors()
    return Frame(np.array(pdb.getPositions(asNumpy=True)._value), None if box is None else np.array(box._value))


def _with_standard_names(config: Config, folder: Path, cvs: tuple[CollectiveVariable, ...]) -> Config:
    """The config as the run's own folder has it: copies of the files by standard names, starts where they are."""
    starts = {state: str((folder / name).resolve()) for state, name in config.system.starts.items()}
    names = {"xml": "system.xml", "topology": "topology.pdb", "starts": starts}
    system = config.system.model_copy(update=names)
    return config.model_copy(update={"system": system, "cv": [cv_section(cv) for cv in cvs]})


def _file_starts(config: Config, folder: Path) -> tuple[Frame, ...]:
    if not config.system.starts:
        raise ConfigError('system.starts is missing: one structure per state, starts = {compact = "a.pdb", ...}')
    frames = []
    for state, name in config.system.starts.items():
        if state not in config.states:
            raise ConfigError(f"system.starts: unknown state {state!r}; [states] has {', '.join(config.states)}")
        frames.append(start_frame(folder / name, f"system.starts.{state}"))
    return tuple(frames[walker % len(frames)] for walker in range(config.run.walkers))


def _cv(section: CvSection, folder: Path) -> CollectiveVariable:
    if section.type == "coordinate" or section.python:
        raise ConfigError(
            f"cv {section.name}: OpenMM takes type 'distance' or 'force'; this one is for the batch engine"
        )
    if section.type == "distance":
        atoms = section.atoms or []
        if len(atoms) != 2:
            raise ConfigError(f"CV {section.name}: a distance needs two atoms, got {atoms}")
        return distance(section.name, atoms[0], atoms[1], section.unit if section.unit is not None else "nm")
    force = _deserialised(folder / str(section.xml), f"cv {section.name}")
    if not isinstance(force, openmm.Force):
        raise ConfigError(f"cv {section.name}: {section.xml} holds no OpenMM Force")
    return from_force(section.name, force, section.unit or "")


def cv_section(cv: CollectiveVariable) -> CvSection:
    """The config's words for a CV; a force CV's XML lies in a file named after it."""
    if isinstance(cv, ForceCV):
        return CvSection(name=cv.name, type="force", xml=f"cv_{cv.name}.xml", unit=cv.unit)
    return CvSection(name=cv.name, type="distance", atoms=list(cv.atoms), unit=cv.unit)  # type: ignore[attr-defined]


def _read(path: Path, what: str) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise ConfigError(f"{what}: {path} cannot be read ({error.strerror})") from error


def _deserialised(path: Path, what: str) -> object:
    text = _read(path, what)
    try:
        return openmm.XmlSerializer.deserialize(text)
    except (ValueError, openmm.OpenMMException) as error:
        raise ConfigError(f"{what}: {path} is no serialised OpenMM object ({error})") from error


def _pdb(path: Path, what: str) -> app.PDBFile:
    _read(path, what)
    try:
        return app.PDBFile(str(path))
    except (ValueError, LookupError) as error:  # what its parser raises for text that is no PDB
        raise ConfigError(f"{what}: {path} is no PDB file that OpenMM reads ({error})") from error
