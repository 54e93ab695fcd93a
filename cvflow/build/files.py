"""Molecular systems from files: a PDB with a force field, or a serialised OpenMM System; structures to start from."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import openmm
from openmm import app

from cvflow.build.cvs import cv_section, cvs_from
from cvflow.build.force_field import force_field
from cvflow.build.loading import deserialised, read_text
from cvflow.build.molecular import MolecularSetup, assemble
from cvflow.build.setup import check_named
from cvflow.build.starts import Starts, in_turn
from cvflow.config import Config, ConfigError
from cvflow.cv import CollectiveVariable
from cvflow.engine.openmm import with_hydrogen_mass
from cvflow.state import Frame
from cvflow.units import thermal_energy

TIMESTEP = 0.0005
"""`path.timestep` [ps] of molecules from files where the config has none: bonds to hydrogen are free to vibrate."""


class Molecule(NamedTuple):
    """Names and bonds, and the potential."""

    topology: app.Topology
    system: openmm.System


def from_files(config: Config, folder: Path, with_starts: bool) -> MolecularSetup:
    """A run of a user's molecule.

    Raises:
        ValueError: something in the config is not possible.
    """
    if config.engine.temperature is None:
        raise ConfigError("engine.temperature [K] is missing: molecular systems need one")
    kT = thermal_energy(config.engine.temperature)
    if config.system.parameters:
        raise ConfigError("system.parameters is refused: only built-in systems have parameters")
    if not config.cv:
        raise ConfigError("at least one [[cv]] is needed: only built-in systems have some of their own")
    if "timestep" not in config.path.model_fields_set:
        config = config.model_copy(update={"path": config.path.model_copy(update={"timestep": TIMESTEP})})
    molecule = _from_pdb(config, folder) if config.system.pdb is not None else _from_xml(config, folder)
    cvs = cvs_from(config.cv, folder, molecule.topology)
    starts = _starts(config, folder, molecule.topology) if with_starts else Starts()
    config = _with_standard_names(config, folder, cvs)
    return assemble(config, "openmm", molecule.system, molecule.topology, cvs, kT, starts)


def parametrised(topology: app.Topology, field: app.ForceField) -> openmm.System:
    """A force field's potential without constraints, with PME in a periodic box and without cutoff otherwise.

    Raises:
        ValueError: the force field does not know the molecule.
    """
    method = app.NoCutoff if topology.getPeriodicBoxVectors() is None else app.PME
    return field.createSystem(
        topology, nonbondedMethod=method, constraints=None, rigidWater=False, removeCMMotion=False
    )


def start_frame(path: Path, what: str) -> Frame:
    """A start from a PDB file; `what` names it in errors.

    Raises:
        ConfigError: the file cannot be read.
    """
    return _frame(_pdb(path, what))


def _from_pdb(config: Config, folder: Path) -> Molecule:
    given = config.system
    topology = _pdb(folder / str(given.pdb), "system.pdb").topology
    field = force_field(given.forcefield, folder, "system.forcefield")
    try:
        system = parametrised(topology, field)
    except ValueError as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"system.pdb: the force field does not fit {given.pdb}: {reason}") from error
    if given.hydrogen_mass is not None:
        system = with_hydrogen_mass(system, topology, given.hydrogen_mass)
    return Molecule(topology, system)


def _from_xml(config: Config, folder: Path) -> Molecule:
    system = deserialised(folder / str(config.system.xml), "system.xml")
    if not isinstance(system, openmm.System):
        raise ConfigError(f"system.xml: {config.system.xml} holds no OpenMM System")
    return Molecule(_pdb(folder / str(config.system.topology), "system.topology").topology, system)


def _with_standard_names(config: Config, folder: Path, cvs: tuple[CollectiveVariable, ...]) -> Config:
    """The config as the run's own folder has it: copies of the files by standard names, starts where they are."""
    starts = {state: str((folder / name).resolve()) for state, name in config.system.starts.items()}
    made = {"pdb": None, "forcefield": list[str](), "hydrogen_mass": None}
    names = {"xml": "system.xml", "topology": "topology.pdb", "starts": starts}
    system = config.system.model_copy(update={**made, **names})
    return config.model_copy(update={"system": system, "cv": [cv_section(cv) for cv in cvs]})


def _starts(config: Config, folder: Path, topology: app.Topology) -> Starts:
    """The structures, to the walkers in turn."""
    given = config.system.starts
    if not given:
        raise ConfigError('system.starts is missing: one structure per state, starts = {compact = "a.pdb", ...}')
    check_named(config, given, "system.starts")
    frames = []
    for state, name in given.items():
        pdb = _pdb(folder / name, f"system.starts.{state}")
        _check_atoms(pdb.topology, topology, f"system.starts.{state}")
        frames.append(_frame(pdb))
    return in_turn(frames, list(given), config.run.walkers)


def _check_atoms(start: app.Topology, topology: app.Topology, what: str) -> None:
    """The same atoms in the same order, as far as names tell; their number is checked later, for all starts."""
    for ours, theirs in zip(topology.atoms(), start.atoms(), strict=False):
        if ours.name != theirs.name:
            raise ConfigError(
                f"{what}: atom {ours.index} is {theirs.name} there and {ours.name} in the system: give the same atoms "
                "in the same order"
            )


def _frame(pdb: app.PDBFile) -> Frame:
    box = pdb.topology.getPeriodicBoxVectors()
    return Frame(np.array(pdb.getPositions(asNumpy=True)._value), None if box is None else np.array(box._value))


def _pdb(path: Path, what: str) -> app.PDBFile:
    read_text(path, what)
    try:
        return app.PDBFile(str(path))
    except (ValueError, LookupError) as error:  # what its parser raises for text that is no PDB
        raise ConfigError(f"{what}: {path} is no PDB file that OpenMM reads ({error})") from error
