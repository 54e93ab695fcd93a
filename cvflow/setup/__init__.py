"""From a config, or from Python objects, to a checked run: the only place that wires classes together."""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

from cvflow.config.cv_section import cv_section
from cvflow.config.engine_section import ProgramSection
from cvflow.config.settings import Config, ConfigError
from cvflow.setup.batch.chains import batch_setup, from_function
from cvflow.setup.files.function import from_python
from cvflow.setup.files.molecule import from_files
from cvflow.setup.fingerprints import files_read
from cvflow.setup.header import header
from cvflow.setup.molecules.ase import AseSystem
from cvflow.setup.molecules.ase import from_built_in as from_built_in_ase
from cvflow.setup.molecules.ase import from_function as from_function_ase
from cvflow.setup.molecules.ase import system_from as ase_system_from
from cvflow.setup.molecules.lammps import from_built_in as from_built_in_lammps
from cvflow.setup.molecules.objects import MolecularSystem, molecular_system
from cvflow.setup.molecules.objects import from_function as molecule_from_function
from cvflow.setup.molecules.openmm import from_built_in
from cvflow.setup.molecules.positions import around, leads_positions, observed_only
from cvflow.setup.molecules.surrogate import located
from cvflow.setup.objects import from_objects
from cvflow.setup.programs.driven import from_driven
from cvflow.setup.specification import Equilibrated, Setup
from cvflow.setup.starts.walker_starts import WalkerStarts, in_turn
from cvflow.systems import BUILT_IN, AtomsReference, BatchReference, ReferenceSystem

__all__ = [
    "AseSystem",
    "Equilibrated",
    "MolecularSystem",
    "Setup",
    "WalkerStarts",
    "ase_system_from",
    "batch_setup",
    "cv_section",
    "from_config",
    "from_objects",
    "header",
    "in_turn",
    "molecular_system",
    "molecule_from_function",
]


def from_config(config: Config, folder: Path, *, with_starts: bool = True) -> Setup:
    """Build a run.

    Args:
        config: the settings.
        folder: what file names in the config are relative to.
        with_starts: false when the walkers' frames come from a store.

    Raises:
        ConfigError: something in the config is not possible; one line with the mend.
    """
    setup = _made(config, folder, with_starts)
    return replace(setup, reads=files_read(config, folder))


def _made(config: Config, folder: Path, with_starts: bool) -> Setup:
    try:
        config = located(config, folder)
        if isinstance(config.engine, ProgramSection):
            return from_driven(config, folder, with_starts)
        if config.system.python is not None and config.engine.name == "ase":
            _check_no_positions(config)
            return from_function_ase(config, folder, with_starts)
        if config.system.python is not None and (config.engine.name != "openmm" or config.system.in_memory):
            return from_function(config, folder, with_starts)
        if config.system.name is not None:
            return _from_name(config, folder, with_starts)
        if config.engine.name != "openmm":
            raise ConfigError(
                f"engine.name = {config.engine.name!r} takes no molecules from files: system."
                f"{config.system.sources[0]} is OpenMM's"
            )
        molecule = from_files if config.system.python is None else from_python
        if leads_positions(config):
            return around(molecule(observed_only(config), folder, with_starts), config)
        return molecule(config, folder, with_starts)
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _from_name(config: Config, folder: Path, with_starts: bool) -> Setup:
    name = str(config.system.name)
    if name not in BUILT_IN:
        raise ConfigError(f"unknown system {name!r}; built in are {', '.join(BUILT_IN)} (`cvflow systems`)")
    reference = _with_parameters(BUILT_IN[name], config.system.parameters)
    if config.engine.name == "lammps" and isinstance(reference, AtomsReference):
        _check_no_positions(config)
        return from_built_in_lammps(reference, config, folder, with_starts)
    if config.engine.name != reference.engine:
        raise ConfigError(f'system {name!r} runs on [engine] name = "{reference.engine}", not "{config.engine.name}"')
    if isinstance(reference, BatchReference):
        return batch_setup(config, reference.system(), folder, with_starts)
    assert isinstance(reference, AtomsReference)
    if reference.engine == "ase":
        _check_no_positions(config)
        return from_built_in_ase(reference, config, folder, with_starts)
    if leads_positions(config):
        return around(from_built_in(reference, observed_only(config), folder, with_starts), config)
    return from_built_in(reference, config, folder, with_starts)


def _check_no_positions(config: Config) -> None:
    if leads_positions(config):
        raise ConfigError("CVs of type 'positions' are for [engine] name = \"openmm\"")


def _with_parameters(system: type[ReferenceSystem], parameters: Mapping[str, float]) -> ReferenceSystem:
    known = [item.name for item in fields(system)]  # type: ignore[arg-type]
    for key in parameters:
        if key not in known:
            raise ConfigError(f"unknown key system.parameters.{key}; {system.name} has {', '.join(known)}")
    return system(**parameters)
