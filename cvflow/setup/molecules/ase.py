"""Systems of ASE's Atoms and calculators: from a config to a checked run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from openmm import app, unit

from cvflow.config.cv_section import cv_section
from cvflow.config.references import absolute
from cvflow.config.resolved import with_timestep
from cvflow.config.settings import Config, ConfigError
from cvflow.core.frames import Box, Frame
from cvflow.core.units import thermal_energy
from cvflow.cv import CollectiveVariable
from cvflow.engines.ase import AseSpec
from cvflow.engines.ase.potential import frame_of, made
from cvflow.host.faults import USERS_FAULTS, said
from cvflow.host.functions import NamedFunction, load_function
from cvflow.setup.engine_walkers import check_moves
from cvflow.setup.magnitudes import check_timestep, temperature_notes
from cvflow.setup.molecules.atoms import AtomicSystem, check_atoms, of_atoms
from cvflow.setup.molecules.cvs import cvs_from
from cvflow.setup.molecules.openmm import built_in_starts, settled
from cvflow.setup.named_states import check_named
from cvflow.setup.specification import Setup
from cvflow.setup.starts.placing import boxed, check_spacing, in_one_box, spacing
from cvflow.setup.starts.walker_starts import WalkerStarts, in_turn
from cvflow.systems import AtomsReference

MOVED = 0.05
"""Å by which atoms are moved to see whether a calculator remembers it."""

ASE_TIMESTEP = 0.001
"""`path.timestep` [ps] where the config has none."""


@dataclass(frozen=True)
class AseSystem:
    """What a user's function makes, at a temperature [K].

    Attributes:
        source: the function; each worker process calls it once.
        topology: names of the atoms.
        box: the cell [nm], if any direction is periodic.
        temperature: K.
        periodic: which of the directions are, where there is a cell.
        spacing: of nearest neighbours among the atoms as they are made [nm]; NaN for one atom.
        remembers: whether the calculator, reset, gives other digits by what it has computed before.
    """

    source: NamedFunction
    topology: app.Topology
    box: Box | None
    temperature: float
    periodic: tuple[bool, ...] = (True, True, True)
    spacing: float = float("nan")
    remembers: bool = False

    def start(self, given: Any, what: str) -> Frame:
        """A start from an ase.Atoms, or from a file that ase.io reads; `what` names it in errors.

        Raises:
            ConfigError: it is neither, or its atoms are others.
        """
        atoms = _read(Path(given), what) if isinstance(given, str | Path) else given
        try:
            frame, symbols = frame_of(atoms), atoms.get_chemical_symbols()
        except AttributeError as error:
            kind = type(given).__name__
            raise ConfigError(f"{what} is of type {kind}: give an ase.Atoms, a file or positions [nm]") from error
        for atom, other in zip(self.topology.atoms(), symbols, strict=False):
            if atom.name != other:
                raise ConfigError(
                    f"{what}: atom {atom.index} is {other} there and {atom.name} in the system: give the same atoms in "
                    "the same order"
                )
        return frame


def from_built_in(reference: AtomsReference, config: Config, folder: Path, with_starts: bool) -> Setup:
    """A run of a built-in system.

    Raises:
        ValueError: ASE is missing, or something in the config is not possible.
    """
    reference, config, cvs = settled(reference, config, folder)
    starts = built_in_starts(reference, config) if with_starts else WalkerStarts()
    return _assembled(config, reference.name, reference.system, reference.topology(), cvs, reference.kT, starts)


def from_function(config: Config, folder: Path, with_starts: bool) -> Setup:
    """A run of the ase.Atoms that a user's function makes.

    Raises:
        ValueError: it makes none, or something in the config is not possible.
    """
    if config.engine.temperature is None:
        raise ConfigError("engine.temperature [K] is missing: ASE's systems need one")
    if not config.cv:
        raise ConfigError("at least one [[cv]] is needed: only built-in systems have some of their own")
    reference = absolute(str(config.system.python), folder, "system.python")
    system = system_from(reference, config.system.parameters, config.engine.temperature, "system.python")
    cvs = cvs_from(config.cv, folder, system.topology)
    starts = _starts(config, folder, system) if with_starts else WalkerStarts()
    files = {state: str((folder / name).resolve()) for state, name in config.system.starts.items()}
    config = config.changed(system={"python": reference, "starts": files}, cv=[cv_section(cv) for cv in cvs])
    return assemble(config, system, cvs, starts)


def system_from(reference: str, parameters: Mapping[str, float | int], temperature: float, what: str) -> AseSystem:
    """The system that a "file.py:function" makes, looked at once; `what` names it in errors.

    Raises:
        ValueError: the function is not there, fails, or makes no Atoms that can be steered; the temperature is not
            positive; or its calculator fails on them.
    """
    thermal_energy(temperature)
    load_function(reference, what)
    source = NamedFunction(reference, tuple(parameters.items()))
    atoms = made(lambda: _called(source, f"{what}: {reference}"))
    _called(atoms.get_potential_energy, f"{what}: the calculator of {reference}")
    _called(atoms.get_forces, f"{what}: paths need forces, and the calculator of {reference}")
    frame, periodic = frame_of(atoms), tuple(bool(direction) for direction in atoms.pbc)
    remembers = _called(lambda: _remembers(atoms), f"{what}: the calculator of {reference}")
    near = spacing(frame.positions)
    return AseSystem(source, topology_of(atoms), frame.box, temperature, periodic, near, remembers)


def _remembers(atoms: Any) -> bool:
    """Whether a calculator that is reset, as at the start of each path, depends on what it has computed before."""
    here, found = atoms.get_positions(), []
    for moved in (0.0, MOVED):
        atoms.set_positions(here + moved * np.cos(np.arange(here.size)).reshape(here.shape))
        atoms.get_forces()
        atoms.calc.reset()
        atoms.set_positions(here)
        found.append((atoms.get_potential_energy(), atoms.get_forces()))
        atoms.calc.reset()
    (first, forces), (second, others) = found
    return bool(first != second) or not np.array_equal(forces, others)


def _called(function: Callable[[], Any], what: str) -> Any:
    """What a user's function gives.

    Raises:
        ConfigError: it fails.
    """
    try:
        return function()
    except USERS_FAULTS as error:
        raise ConfigError(f"{what} fails: {said(error)}") from error


def assemble(config: Config, system: AseSystem, cvs: tuple[CollectiveVariable, ...], starts: WalkerStarts) -> Setup:
    """Check that the parts fit together; the last stop before anything is computed.

    Raises:
        ValueError: they do not.
    """
    config = with_timestep(config, ASE_TIMESTEP)
    check_timestep(config)
    check_atoms(starts, system.topology.getNumAtoms())
    check_spacing(starts, system.spacing)
    starts, kT = in_one_box(boxed(starts, system.box)), thermal_energy(system.temperature)
    setup = _assembled(config, "ase", system.source, system.topology, cvs, kT, starts, system.periodic)
    return setup.noted(*temperature_notes(system.temperature), *_memory_notes(system))


def _memory_notes(system: AseSystem) -> tuple[str, ...]:
    """What a run's report says of a calculator that remembers."""
    if not system.remembers:
        return ()
    return (
        f"warning: the calculator of {system.source.reference} remembers, after a reset, what it has computed before: "
        "a path that is run again, as after a resume, may differ in its last digits, and the chain from there on; have "
        "its `reset` forget that",
    )


def topology_of(atoms: Any) -> app.Topology:
    """Elements by the names of their symbols, all in one residue; the cell where all directions are periodic."""
    topology = app.Topology()
    residue = topology.addResidue("MOL", topology.addChain())
    for symbol, number in zip(atoms.get_chemical_symbols(), atoms.get_atomic_numbers(), strict=True):
        topology.addAtom(symbol, app.Element.getByAtomicNumber(int(number)), residue)
    if atoms.pbc.all():
        topology.setPeriodicBoxVectors(np.array(atoms.cell) * unit.angstrom)
    return topology


def _starts(config: Config, folder: Path, system: AseSystem) -> WalkerStarts:
    given = config.system.starts
    if not given:
        raise ConfigError(
            'system.starts is missing: one structure per state, starts = {compact = "a.xyz", ...}, of any format that '
            "ase.io reads"
        )
    check_named(config, given, "system.starts")
    frames = [system.start(folder / name, f"system.starts.{state}") for state, name in given.items()]
    return in_turn(frames, list(given), config.run.walkers, states=config.states)


def _read(path: Path, what: str) -> Any:
    from ase.io import read

    return _called(lambda: read(path), f"{what}: reading {path} by ase.io")


def _assembled(
    config: Config,
    name: str,
    source: Callable[[], Any],
    topology: app.Topology,
    cvs: tuple[CollectiveVariable, ...],
    kT: float,
    starts: WalkerStarts,
    periodic: tuple[bool, ...] = (True, True, True),
) -> Setup:
    check_moves(config, "ASE")
    check_atoms(starts, topology.getNumAtoms())
    atoms = AtomicSystem(name, topology, cvs, kT, AseSpec(source, cvs, kT, config.path.timestep), periodic=periodic)
    return of_atoms(atoms, config, starts)
