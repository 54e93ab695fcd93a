"""Systems of ASE's Atoms and calculators: from a config to a checked run."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from openmm import app, unit

from cvflow.build.cvs import cv_section, cvs_from
from cvflow.build.loading import absolute
from cvflow.build.molecular import built_in_starts, settled
from cvflow.build.setup import checked_states, without_auto
from cvflow.build.starts import Starts, in_turn
from cvflow.build.walkers import AtomsSetup, check_atoms, check_moves, started
from cvflow.config import Config, ConfigError
from cvflow.cv import CollectiveVariable
from cvflow.engine.ase import AseSpec
from cvflow.engine.ase.surface import frame_of, made
from cvflow.loading import NamedFunction, load_function
from cvflow.schedule import BY_NAME
from cvflow.state import Frame
from cvflow.systems import AseReference
from cvflow.units import thermal_energy

TIMESTEP = 0.001
"""`path.timestep` [ps] where the config has none."""


@dataclass(frozen=True)
class AseSetup(AtomsSetup):
    """Atoms that `source` makes, with their calculator."""

    source: Callable[[], Any]

    @cached_property
    def spec(self) -> AseSpec:
        """The engine, as data for worker processes."""
        path = self.config.path
        return AseSpec(self.source, self.cvs, self.kT, path.timestep, self.friction, BY_NAME[path.schedule]())

    def write_inputs(self, folder: Path) -> None:
        """Nothing: the config names the function, with its file's full path."""


def from_built_in(reference: AseReference, config: Config, folder: Path, with_starts: bool) -> AseSetup:
    """A run of a built-in system.

    Raises:
        ValueError: ASE is missing, or something in the config is not possible.
    """
    reference, config, cvs = settled(reference, config, folder)
    starts = built_in_starts(reference, config) if with_starts else Starts()
    return _assembled(config, reference.name, reference.atoms, reference.topology(), cvs, reference.kT, starts)


def from_function(config: Config, folder: Path, with_starts: bool) -> AseSetup:
    """A run of the ase.Atoms that a user's function makes.

    Raises:
        ValueError: it makes none, or something in the config is not possible.
    """
    temperature = config.engine.temperature
    if temperature is None:
        raise ConfigError("engine.temperature [K] is missing: ASE's systems need one")
    if not config.cv:
        raise ConfigError("at least one [[cv]] is needed: only built-in systems have some of their own")
    reference = absolute(str(config.system.python), folder, "system.python")
    load_function(reference, "system.python")
    source = NamedFunction(reference, tuple(config.system.parameters.items()))
    try:
        atoms = source()
    except Exception as error:  # whatever the user's function raises is the user's to read
        raise ConfigError(f"system.python: {reference} fails: {type(error).__name__}: {error}") from error
    topology = topology_of(made(lambda: atoms))
    cvs = cvs_from(config.cv, folder, topology)
    starts = _starts(config, folder) if with_starts else Starts()
    files = {state: str((folder / name).resolve()) for state, name in config.system.starts.items()}
    system = config.system.model_copy(update={"python": reference, "starts": files})
    config = config.model_copy(update={"system": system, "cv": [cv_section(cv) for cv in cvs]})
    if "timestep" not in config.path.model_fields_set:
        config = config.model_copy(update={"path": config.path.model_copy(update={"timestep": TIMESTEP})})
    kT = thermal_energy(temperature)
    return _assembled(config, "ase", source, topology, cvs, kT, starts)


def topology_of(atoms: Any) -> app.Topology:
    """Elements by the names of their symbols, all in one residue; the cell where all directions are periodic."""
    topology = app.Topology()
    residue = topology.addResidue("MOL", topology.addChain())
    for symbol, number in zip(atoms.get_chemical_symbols(), atoms.get_atomic_numbers(), strict=True):
        topology.addAtom(symbol, app.Element.getByAtomicNumber(int(number)), residue)
    if atoms.pbc.all():
        topology.setPeriodicBoxVectors(np.array(atoms.cell) * unit.angstrom)
    return topology


def _starts(config: Config, folder: Path) -> Starts:
    given = config.system.starts
    if not given:
        raise ConfigError(
            'system.starts is missing: one structure per state, starts = {compact = "a.xyz", ...}, of any format that '
            "ase.io reads"
        )
    for state in given:
        if state not in config.states:
            raise ConfigError(f"system.starts: unknown state {state!r}; [states] has {', '.join(config.states)}")
    frames = [_read(folder / name, f"system.starts.{state}") for state, name in given.items()]
    return in_turn(frames, list(given), config.run.walkers)


def _read(path: Path, what: str) -> Frame:
    from ase.io import read

    try:
        return frame_of(read(path))
    except Exception as error:  # each format has errors of its own
        raise ConfigError(f"{what}: ase.io does not read {path} ({type(error).__name__}: {error})") from error


def _assembled(
    config: Config,
    name: str,
    source: Callable[[], Any],
    topology: app.Topology,
    cvs: tuple[CollectiveVariable, ...],
    kT: float,
    starts: Starts,
) -> AseSetup:
    check_moves(config, "ASE")
    check_atoms(starts, topology.getNumAtoms())
    config, auto = without_auto(config)
    names = tuple(cv.name for cv in cvs)
    setup = AseSetup(
        config, name, names, tuple(cv.unit for cv in cvs), tuple(cv.period for cv in cvs),
        checked_states(config, names), kT, (), start_frames=starts.frames, topology=topology, cvs=cvs, source=source,
        auto=auto,
    )  # fmt: skip
    setup.check()
    return started(setup, starts.names)
