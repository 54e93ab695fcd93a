"""Molecular systems on OpenMM: from a config, or from Python objects, to a checked run."""

from dataclasses import fields, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import openmm
from openmm import app

from cvflow.config.cv_section import cv_section
from cvflow.config.engine_section import OpenMMSection
from cvflow.config.resolved import with_timestep
from cvflow.config.settings import Config, ConfigError
from cvflow.core.streams import Purpose, stream
from cvflow.cv import CollectiveVariable
from cvflow.cv.images import Molecules
from cvflow.cv.molecules import Bonds
from cvflow.engines.openmm import OpenMMSpec, adapted, default_box, frozen, piston, prepare
from cvflow.engines.openmm.platforms import platform_notes, properties
from cvflow.host.functions import NamedFunction
from cvflow.setup.engine_walkers import check_moves
from cvflow.setup.molecules.atoms import AtomicSystem, check_atoms, of_atoms
from cvflow.setup.molecules.cvs import check_force_files, cvs_from, force_cvs
from cvflow.setup.specification import Setup
from cvflow.setup.starts.placing import (
    bonds_of,
    boxed,
    check_bond_lengths,
    check_frozen,
    in_one_box,
    made_whole,
    whole_in,
    with_rigid_parts,
)
from cvflow.setup.starts.walker_starts import WalkerStarts
from cvflow.setup.steady import check_same_energies
from cvflow.systems import AtomsReference

Reference = TypeVar("Reference", bound=AtomsReference)


def assemble(
    config: Config,
    name: str,
    system: openmm.System,
    topology: app.Topology,
    cvs: tuple[CollectiveVariable, ...],
    kT: float,
    starts: WalkerStarts,
    function: NamedFunction | None = None,
) -> Setup:
    """Check that the parts fit together; the last stop before anything is computed.

    A System that a function makes isn't stored: `function` makes it again in each process, and this one may be changed.

    Raises:
        ValueError: they do not.
    """
    if topology.getNumAtoms() != system.getNumParticles():
        raise ValueError(
            f"the topology has {topology.getNumAtoms()} atoms and the system {system.getNumParticles()}: give the same"
        )
    check_moves(config, "OpenMM")
    check_force_files(cvs)
    prepared = prepare(system) if function is None else adapted(system)
    check_atoms(starts, system.getNumParticles())
    bonds = bonds_of(topology, system)
    molecules = whole_in(prepared.system, bonds)
    engine = config.engine
    assert isinstance(engine, OpenMMSection)
    starts = _placed(starts, prepared.system, bonds, molecules, engine.constraint_tolerance)
    xml = openmm.XmlSerializer.serialize(prepared.system) if function is None else ""
    stored = {"system.xml": xml} if function is None else {}
    files = stored | {f"cv_{cv.name}.xml": cv.force_xml for cv in force_cvs(cvs)}
    platform, devices = engine.platform or "CPU", tuple(engine.devices or ())
    spec = OpenMMSpec(
        xml, cvs, kT, config.path.timestep, platform=platform, devices=devices,
        properties=properties(platform, engine.precision, engine.threads, devices),
        function=function, constraint_tolerance=engine.constraint_tolerance,
    )  # fmt: skip
    notes = (*prepared.notes, *platform_notes(platform))
    atoms = AtomicSystem(name, topology, cvs, kT, spec, files, molecules, notes=notes)
    if function is not None and starts.frames:
        first, second = (spec.build().potential_energy(starts.frames[0]) for _ in range(2))
        what = f"the potential of {function.reference}, made twice,"
        check_same_energies(np.array([first]), np.array([second]), what, 0.01 * kT)
    return of_atoms(atoms, config, starts)


def _placed(
    starts: WalkerStarts, system: openmm.System, bonds: Bonds, molecules: Molecules, tolerance: float
) -> WalkerStarts:
    """The starts as the System takes them.

    Raises:
        ValueError: they are of different boxes or have frozen particles in different places, are in another unit, or
            far from having their rigid bonds.
    """
    own = default_box(system) if system.usesPeriodicBoundaryConditions() else None
    starts = boxed(starts, own)
    if own is not None and piston(system) is None:
        starts = in_one_box(starts)
    starts = made_whole(starts, bonds, molecules)
    check_bond_lengths(starts, system)
    check_frozen(starts, frozen(system))
    return with_rigid_parts(starts, system, tolerance)


def from_built_in(reference: AtomsReference, config: Config, folder: Path, with_starts: bool) -> Setup:
    """A run of a built-in system.

    Raises:
        ValueError: something in the config is not possible.
    """
    assert isinstance(config.engine, OpenMMSection)
    config = config.changed(engine={"platform": config.engine.platform or reference.platform})
    reference, config, cvs = settled(reference, config, folder)
    starts = built_in_starts(reference, config) if with_starts else WalkerStarts()
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
    config = with_timestep(config, reference.timestep).changed(states=config.states or dict(reference.states))
    cvs = cvs_from(config.cv, folder, reference.topology()) or reference.cvs()
    return reference, config.changed(cv=[cv_section(cv) for cv in cvs]), cvs


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


def built_in_starts(reference: AtomsReference, config: Config) -> WalkerStarts:
    """One start a walker, the states in turn, each with its own solvent."""
    states, walkers = list(reference.states), range(config.run.walkers)
    names = tuple(states[walker % len(states)] for walker in walkers)
    return WalkerStarts(
        tuple(reference.start(names[walker], stream(config.run.seed, Purpose.START, walker)) for walker in walkers),
        names,
    )
