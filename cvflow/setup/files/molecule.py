"""Molecular systems from files: a PDB with a force field, or a serialised OpenMM System; structures to start from."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import openmm
from openmm import app

from cvflow.config.cv_section import cv_section
from cvflow.config.references import deserialised, read_text
from cvflow.config.resolved import with_timestep
from cvflow.config.settings import Config, ConfigError
from cvflow.core.frames import Frame
from cvflow.core.units import thermal_energy
from cvflow.cv import CollectiveVariable
from cvflow.engines.openmm import with_hydrogen_mass
from cvflow.setup.files.force_field import force_field
from cvflow.setup.files.topology_file import nameless
from cvflow.setup.magnitudes import check_timestep, temperature_notes
from cvflow.setup.molecules.cvs import cvs_from
from cvflow.setup.molecules.openmm import assemble
from cvflow.setup.named_states import check_named
from cvflow.setup.specification import Setup
from cvflow.setup.starts.placing import is_no_box
from cvflow.setup.starts.same_atoms import check_same_atoms
from cvflow.setup.starts.walker_starts import WalkerStarts, in_turn

TIMESTEP = 0.0005
"""`path.timestep` [ps] of molecules from files where the config has none: bonds to hydrogen are free to vibrate."""


class Molecule(NamedTuple):
    """Names and bonds, the potential, and what was changed in the files."""

    topology: app.Topology
    system: openmm.System
    notes: tuple[str, ...] = ()


def from_files(config: Config, folder: Path, with_starts: bool) -> Setup:
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
    config = with_timestep(config, TIMESTEP)
    check_timestep(config)
    molecule = _from_pdb(config, folder) if config.system.pdb is not None else _from_xml(config, folder, with_starts)
    cvs = cvs_from(config.cv, folder, molecule.topology)
    starts = _starts(config, folder, molecule.topology) if with_starts else WalkerStarts()
    config = _with_standard_names(config, folder, cvs)
    setup = assemble(config, "openmm", molecule.system, molecule.topology, cvs, kT, starts)
    return setup.noted(*molecule.notes, *temperature_notes(config.engine.temperature or 0.0))


def parametrised(topology: app.Topology, field: app.ForceField) -> openmm.System:
    """A force field's potential without constraints, with PME in a periodic box and without cutoff otherwise.

    Raises:
        ValueError: the force field does not know the molecule.
    """
    vectors = topology.getPeriodicBoxVectors()
    periodic = vectors is not None and not is_no_box(np.array(vectors._value))
    method = app.PME if periodic else app.NoCutoff
    return field.createSystem(
        topology, nonbondedMethod=method, constraints=None, rigidWater=False, removeCMMotion=False
    )


def start_frame(path: Path, topology: app.Topology, what: str) -> Frame:
    """A start from a PDB file of the topology's atoms; `what` names it in errors.

    Raises:
        ConfigError: the file cannot be read, or has other atoms.
    """
    pdb = _pdb(path, what)
    check_same_atoms(pdb.topology, topology, what)
    box = pdb.topology.getPeriodicBoxVectors()
    return Frame(np.array(pdb.getPositions(asNumpy=True)._value), None if box is None else np.array(box._value))


def _from_pdb(config: Config, folder: Path) -> Molecule:
    given = config.system
    topology = _pdb(folder / str(given.pdb), "system.pdb").topology
    vectors, notes = topology.getPeriodicBoxVectors(), tuple[str, ...]()
    if vectors is not None and is_no_box(np.array(vectors._value)):
        topology.setPeriodicBoxVectors(None)
        notes = (f"system.pdb: the CRYST1 line of {given.pdb} has a cell of 1 Å or less, which is no box: dropped",)
    field = force_field(given.forcefield, folder, "system.forcefield")
    try:
        system = parametrised(topology, field)
    except ValueError as error:
        reason = " ".join(str(error).split())
        if "nonbonded method" in reason and vectors is not None:
            reason += "; the file's CRYST1 line makes the system periodic, and implicit solvent has no box: remove it"
        raise ConfigError(f"system.pdb: the force field does not fit {given.pdb}: {reason}") from error
    if given.hydrogen_mass is not None:
        system = with_hydrogen_mass(system, topology, given.hydrogen_mass)
    return Molecule(topology, system, notes)


def _from_xml(config: Config, folder: Path, with_names: bool) -> Molecule:
    """With its names; a run that goes on has its CVs' atoms by index, and can do without."""
    system = deserialised(folder / str(config.system.xml), "system.xml")
    if not isinstance(system, openmm.System):
        raise ConfigError(f"system.xml: {config.system.xml} holds no OpenMM System")
    file = folder / str(config.system.topology)
    return Molecule(
        _pdb(file, "system.topology").topology if with_names else _names_if_any(file, system.getNumParticles()), system
    )


def _names_if_any(file: Path, atoms: int) -> app.Topology:
    """What a run goes on with: nothing of the chain hangs on the file, which may be gone or another."""
    try:
        topology = _pdb(file, "system.topology").topology
    except ConfigError:
        return nameless(atoms)
    return topology if topology.getNumAtoms() == atoms else nameless(atoms)


def _with_standard_names(config: Config, folder: Path, cvs: tuple[CollectiveVariable, ...]) -> Config:
    """The config as the run's own folder has it: copies of the files by standard names, starts where they are."""
    starts = {state: str((folder / name).resolve()) for state, name in config.system.starts.items()}
    made = {"pdb": None, "forcefield": list[str](), "hydrogen_mass": None}
    names = {"xml": "system.xml", "topology": "topology.pdb", "starts": starts}
    return config.changed(system={**made, **names}, cv=[cv_section(cv) for cv in cvs])


def _starts(config: Config, folder: Path, topology: app.Topology) -> WalkerStarts:
    """The structures, to the walkers in turn."""
    given = config.system.starts
    if not given:
        raise ConfigError('system.starts is missing: one structure per state, starts = {compact = "a.pdb", ...}')
    check_named(config, given, "system.starts")
    frames = [start_frame(folder / name, topology, f"system.starts.{state}") for state, name in given.items()]
    return in_turn(frames, list(given), config.run.walkers)


def _pdb(path: Path, what: str) -> app.PDBFile:
    read_text(path, what)
    try:
        return app.PDBFile(str(path))
    except (ValueError, LookupError) as error:  # what its parser raises for text that is no PDB
        raise ConfigError(f"{what}: {path} is no PDB file that OpenMM reads ({error})") from error
