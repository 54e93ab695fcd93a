"""Molecular systems on OpenMM: from a config, or from Python objects, to a checked run."""

from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import openmm
from openmm import app

from cvflow.config.cv_section import cv_section
from cvflow.config.settings import Config, ConfigError
from cvflow.core.schedule import BY_NAME
from cvflow.core.streams import Purpose, stream
from cvflow.cv import CollectiveVariable
from cvflow.cv.images import Bonds, Molecules
from cvflow.engines.openmm import OpenMMSpec, default_box, particles_of, piston, prepare
from cvflow.host.atomic import write_whole
from cvflow.setup.cvs import check_force_files, cvs_from, force_cvs
from cvflow.setup.placing import (
    bonds_of,
    boxed,
    check_bond_lengths,
    check_frozen,
    in_one_box,
    made_whole,
    whole_in,
)
from cvflow.setup.setup import checked_states, without_auto
from cvflow.setup.starts import Starts
from cvflow.setup.walkers import AtomsSetup, check_atoms, check_moves, started
from cvflow.systems import AtomsReference, MolecularReference

Reference = TypeVar("Reference", bound=AtomsReference)


@dataclass(frozen=True)
class MolecularSetup(AtomsSetup):
    """An OpenMM System with the names of its atoms."""

    system: openmm.System

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
            friction=self.friction,
            schedule=BY_NAME[path.schedule](),
            platform=engine.platform or "CPU",
            properties=tuple((key, str(value)) for key, value in words.items() if value is not None),
        )

    @property
    def input_names(self) -> tuple[str, ...]:
        return ("system.xml", *(f"cv_{cv.name}.xml" for cv in force_cvs(self.cvs)))

    def write_inputs(self, folder: Path) -> None:
        write_whole(folder / "system.xml", openmm.XmlSerializer.serialize(self.system))
        for cv in force_cvs(self.cvs):
            write_whole(folder / f"cv_{cv.name}.xml", cv.force_xml)


def assemble(
    config: Config,
    name: str,
    system: openmm.System,
    topology: app.Topology,
    cvs: tuple[CollectiveVariable, ...],
    kT: float,
    starts: Starts,
) -> MolecularSetup:
    """Check that the parts fit together; the last stop before anything is computed.

    Raises:
        ValueError: they do not.
    """
    if topology.getNumAtoms() != system.getNumParticles():
        raise ValueError(
            f"the topology has {topology.getNumAtoms()} atoms and the system {system.getNumParticles()}: give the same"
        )
    check_moves(config, "OpenMM")
    check_force_files(cvs)
    config, auto = without_auto(config)
    names = tuple(cv.name for cv in cvs)
    states = checked_states(config, names)
    prepared = prepare(system)
    check_atoms(starts, system.getNumParticles())
    bonds = bonds_of(topology, system)
    molecules = whole_in(prepared.system, bonds)
    starts = _placed(starts, prepared.system, bonds, molecules)
    setup = MolecularSetup(
        config, name, names, tuple(cv.unit for cv in cvs), tuple(cv.period for cv in cvs), states, kT, prepared.notes,
        system=prepared.system, topology=topology, cvs=cvs, start_frames=starts.frames, molecules=molecules,
        auto=auto,
    )  # fmt: skip
    setup.check()
    return started(setup, starts)


def _placed(starts: Starts, system: openmm.System, bonds: Bonds, molecules: Molecules) -> Starts:
    """The starts as the System takes them.

    Raises:
        ValueError: they are of different boxes or have frozen particles in different places, or are in another unit.
    """
    own = default_box(system) if system.usesPeriodicBoundaryConditions() else None
    starts = boxed(starts, own)
    if own is not None and piston(system) is None:
        starts = in_one_box(starts)
    starts = made_whole(starts, bonds, molecules)
    check_bond_lengths(starts, system)
    check_frozen(starts, np.array(particles_of(system).masses))
    return starts


def from_built_in(reference: MolecularReference, config: Config, folder: Path, with_starts: bool) -> MolecularSetup:
    """A run of a built-in system.

    Raises:
        ValueError: something in the config is not possible.
    """
    engine = config.engine.model_copy(update={"platform": config.engine.platform or reference.platform})
    config = config.model_copy(update={"engine": engine})
    reference, config, cvs = settled(reference, config, folder)
    starts = built_in_starts(reference, config) if with_starts else Starts()
    return assemble(config, reference.name, reference.system(), reference.topology(), cvs, reference.kT, starts)


def settled(
    reference: Reference, config: Config, folder: Path
) -> tuple[Reference, Config, tuple[CollectiveVariable, ...]]:
    """A built-in system at the run's temperature, and the config with its states, time step and CVs.

    Raises:
        ValueError: something in the config is not possible.
    """
    if config.system.starts:
        raise ConfigError(f"system.starts is refused: {reference.name} builds its own starts")
    reference = _at_temperature(reference, config)
    config = config.model_copy(update={"states": config.states or reference.states})
    if "timestep" not in config.path.model_fields_set:
        config = config.model_copy(update={"path": config.path.model_copy(update={"timestep": reference.timestep})})
    cvs = cvs_from(config.cv, folder, reference.topology()) or reference.cvs()
    return reference, config.model_copy(update={"cv": [cv_section(cv) for cv in cvs]}), cvs


def _at_temperature(reference: Reference, config: Config) -> Reference:
    """The system at `engine.temperature`, if it is given and the system has one."""
    temperature = config.engine.temperature
    if temperature is None:
        return reference
    if "temperature" not in {item.name for item in fields(reference)}:  # type: ignore[arg-type]
        raise ConfigError(
            f"engine.temperature is refused: {reference.name} is in reduced units, set system.parameters.kT"
        )
    if config.system.parameters.get("temperature", temperature) != temperature:
        raise ConfigError("engine.temperature and system.parameters.temperature differ: give one")
    return replace(reference, temperature=temperature)  # type: ignore[type-var]


def built_in_starts(reference: AtomsReference, config: Config) -> Starts:
    """One start a walker, the states in turn, each with its own solvent."""
    states, walkers = list(reference.states), range(config.run.walkers)
    names = tuple(states[walker % len(states)] for walker in walkers)
    return Starts(
        tuple(reference.start(names[walker], stream(config.run.seed, Purpose.START, walker)) for walker in walkers),
        names,
    )
