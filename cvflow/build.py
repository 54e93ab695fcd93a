"""From a config to objects: the only place that wires classes together."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import openmm
from openmm import app

from cvflow.config import Config, ConfigError, CvSection
from cvflow.cv import CollectiveVariable, ForceCV, distance, from_force
from cvflow.engine.openmm import OpenMMSpec, default_box, prepare
from cvflow.flow.fit import FitSettings
from cvflow.flow.mixture import GaussianMixture
from cvflow.flow.proposal import Proposal
from cvflow.local import HybridMonteCarlo, LocalMove, UnadjustedLangevin
from cvflow.plan import Plan
from cvflow.random import Purpose, stream
from cvflow.schedule import Cosine, Linear
from cvflow.state import Frame, Point
from cvflow.states import States
from cvflow.systems import BUILT_IN, ReferenceSystem
from cvflow.units import thermal_energy

_SCHEDULES = {"linear": Linear, "cosine": Cosine}


@dataclass(frozen=True)
class Setup:
    """A checked run, before anything was computed or written.

    `starts` has one frame a walker, or none when a run is continued from its store.
    """

    config: Config
    name: str
    system: openmm.System
    topology: app.Topology
    cvs: tuple[CollectiveVariable, ...]
    states: States
    kT: float
    starts: tuple[Frame, ...]
    notes: tuple[str, ...]

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
            schedule=_SCHEDULES[path.schedule](),
            platform=engine.platform,
            properties=tuple((key, str(value)) for key, value in words.items() if value is not None),
        )

    def local(self) -> LocalMove:
        """The move between jumps."""
        run = self.config.run
        return HybridMonteCarlo(run.local_steps) if run.local == "hmc" else UnadjustedLangevin(run.local_steps)

    def plan(self, kappa: Point) -> Plan:
        """What the run is to do, now that kappa is a number."""
        run, path = self.config.run, self.config.path
        flow = self.config.flow
        return Plan(
            seed=run.seed,
            walkers=run.walkers,
            adapt_jumps=run.adapt_jumps,
            jumps=run.jumps,
            retrain_every=flow.retrain_every if flow else 50,
            path_steps=path.steps,
            local=self.local(),
            kT=self.kT,
            kappa=kappa,
            states=self.states,
            fit=FitSettings(flow.transforms, flow.epsilon) if flow else FitSettings(),
            fixed=self._fixed(),
        )

    def _fixed(self) -> Proposal | None:
        proposal = self.config.proposal
        if proposal is None:
            return None
        means, sigmas = (tuple(map(tuple, table)) for table in (proposal.means, proposal.sigmas))
        return GaussianMixture(means, sigmas, tuple(proposal.weights))

    def with_jumps(self, jumps: int) -> "Setup":
        """The same run with another number of production jumps per walker."""
        run = self.config.run.model_copy(update={"jumps": jumps})
        return replace(self, config=self.config.model_copy(update={"run": run}))


def from_config(config: Config, folder: Path, *, with_starts: bool = True) -> Setup:
    """Build a run.

    Args:
        config: the settings.
        folder: what file names in the config are relative to.
        with_starts: false when the walkers' frames come from a store.

    Raises:
        ConfigError: something in the config is not possible; one line with the mend.
    """
    try:
        return _from_built_in(config, with_starts) if config.system.name else _from_files(config, folder, with_starts)
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(str(error)) from error


def assemble(
    config: Config,
    name: str,
    system: openmm.System,
    topology: app.Topology,
    cvs: tuple[CollectiveVariable, ...],
    kT: float,
    starts: tuple[Frame, ...],
) -> Setup:
    """Check that the parts fit together; the last stop before anything is computed.

    Raises:
        ValueError: they do not.
    """
    names = [cv.name for cv in cvs]
    if len(set(names)) < len(names):
        raise ValueError(f"two CVs have the same name: {', '.join(names)}")
    if topology.getNumAtoms() != system.getNumParticles():
        raise ValueError(
            f"the topology has {topology.getNumAtoms()} atoms and the system {system.getNumParticles()}: give the same"
        )
    if len(config.states) < 2:
        raise ValueError('at least two named states are needed: [states] compact = "r < 4.62", extended = ...')
    states = States(dict(config.states), names)
    kappa = config.path.kappa
    if isinstance(kappa, list) and len(kappa) != len(cvs):
        raise ValueError(f"path.kappa has {len(kappa)} numbers for {len(cvs)} CVs")
    prepared = prepare(system)
    for walker, frame in enumerate(starts):
        if frame.positions.shape != (system.getNumParticles(), 3):
            raise ValueError(
                f"the start of walker {walker} has positions of shape {frame.positions.shape}, the system has "
                f"{system.getNumParticles()} atoms: give a structure of the same atoms"
            )
    if system.usesPeriodicBoundaryConditions():
        starts = tuple(frame if frame.box is not None else frame._replace(box=default_box(system)) for frame in starts)
    setup = Setup(config, name, prepared.system, topology, cvs, states, kT, starts, prepared.notes)
    _check_proposal(setup)
    engine = setup.spec().build()
    if starts and len(set(states.assign(np.array([engine.cv_values(frame) for frame in starts]))) - {-1}) < 2:
        raise ValueError(
            f"the starts of the {len(starts)} walkers lie in fewer than two of the named states: states that no walker "
            "visits are never proposed; give one structure per state, and a walker for each"
        )
    for walker, frame in enumerate(starts):
        if not np.isfinite(engine.potential_energy(frame)):
            raise ValueError(f"the start of walker {walker} has no finite energy: check the structure for overlaps")
    return setup


def _check_proposal(setup: Setup) -> None:
    fixed = setup.plan(np.ones(len(setup.cvs))).fixed
    if isinstance(fixed, GaussianMixture) and len(fixed.means[0]) != len(setup.cvs):
        raise ValueError(f"proposal.means has {len(fixed.means[0])} columns for {len(setup.cvs)} CVs")


def _from_built_in(config: Config, with_starts: bool) -> Setup:
    name = str(config.system.name)
    if name not in BUILT_IN:
        raise ConfigError(f"unknown system {name!r}; built in are {', '.join(BUILT_IN)} (`cvflow systems`)")
    if config.engine.temperature is not None:
        raise ConfigError(f"engine.temperature is refused: {name} is in reduced units, set system.parameters.kT")
    if config.system.starts:
        raise ConfigError(f"system.starts is refused: {name} builds its own starts")
    reference = _with_parameters(BUILT_IN[name], config.system.parameters)
    states = config.states or reference.states
    config = config.model_copy(update={"states": states})
    cvs = tuple(_cv(section, Path()) for section in config.cv) or (reference.cv(),)
    if not config.cv:
        config = config.model_copy(update={"cv": [cv_section(cvs[0])]})
    starts = _built_in_starts(reference, config) if with_starts else ()
    return assemble(config, name, reference.system(), reference.topology(), cvs, reference.kT, starts)


def _with_parameters(system: type[ReferenceSystem], parameters: Mapping[str, float]) -> ReferenceSystem:
    known = [item.name for item in fields(system)]  # type: ignore[arg-type]
    for key in parameters:
        if key not in known:
            raise ConfigError(f"unknown key system.parameters.{key}; {system.name} has {', '.join(known)}")
    return system(**parameters)


def _built_in_starts(reference: ReferenceSystem, config: Config) -> tuple[Frame, ...]:
    """One start a walker, the states in turn, each with its own solvent."""
    names = list(reference.states)
    return tuple(
        reference.start(names[walker % len(names)], stream(config.run.seed, Purpose.START, walker))
        for walker in range(config.run.walkers)
    )


def _from_files(config: Config, folder: Path, with_starts: bool) -> Setup:
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
