"""Runs of molecules from files: Amber's, GROMACS's and CHARMM's, structures with a force field, serialised Systems."""

from collections.abc import Callable, Mapping
from pathlib import Path

import openmm
from openmm import app

from cvflow.config.cv_section import cv_section
from cvflow.config.resolved import with_timestep
from cvflow.config.settings import Config, ConfigError
from cvflow.config.system_section import SystemSection
from cvflow.core.frames import Box
from cvflow.core.units import thermal_energy
from cvflow.cv import CollectiveVariable
from cvflow.engines.openmm import with_hydrogen_mass
from cvflow.setup.files.amber import from_prmtop
from cvflow.setup.files.charmm import from_psf
from cvflow.setup.files.gromacs import from_top
from cvflow.setup.files.options import arguments, given_box, is_periodic, method_of
from cvflow.setup.files.serialised import Molecule, from_xml
from cvflow.setup.files.solvation import solvated
from cvflow.setup.files.structure_with_field import from_structure, given_field, of_field
from cvflow.setup.files.unbuilt import Unbuilt, box_of
from cvflow.setup.magnitudes import check_timestep, temperature_notes, usual_timestep
from cvflow.setup.molecules.cvs import cvs_from
from cvflow.setup.molecules.openmm import assemble
from cvflow.setup.named_states import check_named
from cvflow.setup.specification import Setup
from cvflow.setup.starts.placing import is_no_box
from cvflow.setup.starts.same_atoms import check_structure
from cvflow.setup.starts.structure_file import Structure, read_structure
from cvflow.setup.starts.walker_starts import WalkerStarts, in_turn

Structures = Mapping[str, Structure]
"""By the name of the state."""

_READERS: Mapping[str, Callable[[SystemSection, Path], Unbuilt]] = {
    "pdb": from_structure,
    "cif": from_structure,
    "prmtop": from_prmtop,
    "top": from_top,
    "psf": from_psf,
}
"""By the word that names the file."""


def from_files(config: Config, folder: Path, with_starts: bool) -> Setup:
    """A run of a user's molecule.

    Raises:
        ValueError: something in the config is not possible.
    """
    check_molecule(config)
    kT = thermal_energy(config.engine.temperature or 0.0)
    check_timestep(config)
    structures: Structures = structures_of(config, folder) if with_starts else {}
    molecule, structures = molecule_of(config, folder, structures)
    config = with_timestep(config, usual_timestep(molecule.system))
    starts = walker_starts(config, structures, molecule.topology, molecule.system)
    cvs = cvs_from(config.cv, folder, molecule.topology)
    config = _with_standard_names(config, folder, cvs)
    setup = assemble(config, "openmm", molecule.system, molecule.topology, cvs, kT, starts)
    return setup.noted(*molecule.notes, *temperature_notes(config.engine.temperature or 0.0))


def molecule_of(config: Config, folder: Path, structures: Structures) -> tuple[Molecule, Structures]:
    """The molecule that the config's files make, and the structures as it has them: with their solvent.

    Raises:
        ConfigError: a file cannot be read, or they do not fit together.
    """
    if config.system.xml is not None:
        return from_xml(config.system, folder, with_names=bool(structures)), structures
    (source,) = config.system.sources
    return _built(_READERS[source](config.system, folder), config, folder, structures)


def check_molecule(config: Config) -> None:
    """Check that the config says what a user's molecule needs to be told.

    Raises:
        ConfigError: it does not.
    """
    if config.engine.temperature is None:
        raise ConfigError("engine.temperature [K] is missing: molecular systems need one")
    if config.system.parameters and config.system.python is None:
        raise ConfigError("system.parameters is refused: only built-in systems and functions have parameters")
    if not config.cv:
        raise ConfigError("at least one [[cv]] is needed: only built-in systems have some of their own")


def structures_of(config: Config, folder: Path) -> dict[str, Structure]:
    """The structures that the starts name.

    Raises:
        ConfigError: there is none, or one cannot be read.
    """
    given = config.system.starts
    if not given:
        raise ConfigError('system.starts is missing: one structure per state, starts = {compact = "a.pdb", ...}')
    check_named(config, given, "system.starts")
    return {state: read_structure(name, folder, f"system.starts.{state}") for state, name in given.items()}


def walker_starts(
    config: Config, structures: Structures, topology: app.Topology, system: openmm.System
) -> WalkerStarts:
    """The structures, to the walkers in turn; none for none.

    Raises:
        ConfigError: one has other atoms.
    """
    if not structures:
        return WalkerStarts()
    periodic = system.usesPeriodicBoundaryConditions()
    for state, structure in structures.items():
        check_structure(structure, topology, f"system.starts.{state}")
    frames = [structure.frame_in(periodic) for structure in structures.values()]
    return in_turn(frames, list(structures), config.run.walkers, states=config.states)


def parametrised(topology: app.Topology, field: app.ForceField) -> openmm.System:
    """A force field's potential without constraints, with PME in a periodic box and without cutoff otherwise.

    Raises:
        ValueError: the force field does not know the molecule.
    """
    box = box_of(topology)
    true_box = None if box is None or is_no_box(box) else box
    return _with_potential(of_field(topology, field), SystemSection(), true_box).system


def _built(unbuilt: Unbuilt, config: Config, folder: Path, structures: Structures) -> tuple[Molecule, Structures]:
    given = config.system
    (word,) = given.sources
    if given.solvent is not None:
        for state, structure in structures.items():
            check_structure(structure, unbuilt.topology, f"system.starts.{state}")
        field, frames = given_field(given, folder), {state: each.frame for state, each in structures.items()}
        topology, frames = solvated(frames, unbuilt.topology, field, given.solvent, config.run.seed)
        unbuilt = of_field(topology, field, unbuilt.notes)
        structures = {state: Structure(frame, topology) for state, frame in frames.items()}
    try:
        molecule = _with_potential(unbuilt, given, _box(unbuilt, given, structures))
    except ConfigError:
        raise
    except Exception as error:  # whatever OpenMM's builders raise
        raise ConfigError(_unfit(given, word, unbuilt, error)) from error
    return molecule, structures


def _box(unbuilt: Unbuilt, given: SystemSection, structures: Structures) -> Box | None:
    """The config's; else a structure's own, or that of the first start; else what the topology has."""
    own = box_of(unbuilt.topology)
    boxes = [given_box(given), own if given.forcefield else None]
    if not given.forcefield:
        boxes += [each.frame.box for each in structures.values() if not each.always_boxed]
    return next((box for box in (*boxes, own) if box is not None and not is_no_box(box)), None)


def _with_potential(unbuilt: Unbuilt, given: SystemSection, box: Box | None) -> Molecule:
    method = method_of(given, box)
    box = box if is_periodic(method) else None
    unbuilt.put_box(box)
    system = unbuilt.create(**arguments(given, method, box))
    if given.hydrogen_mass is not None:
        system = with_hydrogen_mass(system, unbuilt.topology, given.hydrogen_mass)
    return Molecule(unbuilt.topology, system, unbuilt.notes)


def _unfit(given: SystemSection, word: str, unbuilt: Unbuilt, error: Exception) -> str:
    """Why OpenMM makes no System of the files."""
    reason = " ".join(str(error).split()) or type(error).__name__
    if not given.forcefield:
        return f"system.{word}: OpenMM makes no System of {getattr(given, word)}: {reason}"
    if "nonbonded method" in reason and box_of(unbuilt.topology) is not None:
        reason += "; the file's CRYST1 line makes the system periodic, and implicit solvent has no box: remove it"
    return f"system.{word}: the force field does not fit {getattr(given, word)}: {reason}"


def _with_standard_names(config: Config, folder: Path, cvs: tuple[CollectiveVariable, ...]) -> Config:
    """The config as the run's own folder has it: copies of the files by standard names, starts where they are."""
    starts = {state: str((folder / name).resolve()) for state, name in config.system.starts.items()}
    system = SystemSection(xml="system.xml", topology="topology.pdb", starts=starts)
    return config.changed(system=system, cv=[cv_section(cv) for cv in cvs])
