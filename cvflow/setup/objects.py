"""From Python objects to a checked run: what `cvflow.sample` is given."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from openmm import app

from cvflow.config.cv_section import cv_section
from cvflow.config.settings import Config, parse
from cvflow.config.system_section import IN_MEMORY
from cvflow.core.frames import Frame
from cvflow.core.units import thermal_energy
from cvflow.cv import CollectiveVariable, resolve
from cvflow.engines.batch.system import TorchSystem
from cvflow.host.faults import brief
from cvflow.host.main_module import check_travels
from cvflow.setup.batch.chains import batch_setup
from cvflow.setup.magnitudes import check_timestep, temperature_notes, usual_timestep
from cvflow.setup.molecules import ase
from cvflow.setup.molecules.ase import AseSystem
from cvflow.setup.molecules.objects import MolecularSystem
from cvflow.setup.molecules.openmm import assemble
from cvflow.setup.molecules.surrogate import located
from cvflow.setup.named_states import check_named
from cvflow.setup.specification import Setup
from cvflow.setup.starts.same_atoms import check_structure
from cvflow.setup.starts.structure_file import of_atom_group, place, read_structure
from cvflow.setup.starts.structures import Reader, structure
from cvflow.setup.starts.walker_starts import WalkerStarts, in_turn

Sections = dict[str, Any]
"""Settings as a config has them, by section."""


def from_objects(
    system: MolecularSystem | AseSystem | TorchSystem,
    sections: Sections,
    cvs: Sequence[CollectiveVariable],
    starts: Mapping[str, Any],
) -> Setup:
    """A run of a system that a Python script has made.

    Args:
        system: the system.
        sections: settings, without what the system itself says.
        cvs: of atoms; none for a TorchSystem, which has its own.
        starts: one structure per state; none for a TorchSystem.

    Raises:
        ValueError: misuse; the message says what, where and the mend.
    """
    for cv in cvs:
        if not isinstance(cv, CollectiveVariable):
            raise ValueError(f"cvs: {brief(cv)} is no collective variable: make them by cvflow.cv")
    if isinstance(system, TorchSystem):
        return _of_torch(system, sections, bool(cvs or starts))
    if isinstance(system, AseSystem):
        made: Setup = _of_ase(system, sections, cvs, starts)
    elif isinstance(system, MolecularSystem):
        made = _of_openmm(system, sections, cvs, starts)
    else:
        kind = type(system).__name__
        raise ValueError(
            f"system is of type {kind}: make it by cvflow.openmm_system or ase_system, or as a TorchSystem"
        )
    files = (place(start, Path())[0] for start in starts.values() if isinstance(start, str | Path))
    return replace(made, reads=tuple(file.resolve() for file in files))


def _of_torch(system: TorchSystem, sections: Sections, has_others: bool) -> Setup:
    if has_others:
        raise ValueError("cvs and starts are for molecules: a TorchSystem has its own")
    sections["engine"] = {"name": "batch", **sections.get("engine", {})}
    sections["system"] = {"python": IN_MEMORY}
    return batch_setup(parse(sections, "cvflow.sample"), system, Path(), True)


def _of_openmm(
    system: MolecularSystem, sections: Sections, cvs: Sequence[CollectiveVariable], starts: Mapping[str, Any]
) -> Setup:
    function = system.function
    if function is None:
        sections["system"] = {"xml": "system.xml", "topology": "topology.pdb"}
    else:
        sections["system"] = {"python": function.reference, "parameters": dict(function.parameters)}
    sections["path"] = {"timestep": usual_timestep(system.system), **sections.get("path", {})}
    config, cvs = _config(system, "openmm", sections, cvs)
    check_timestep(config)
    periodic = system.system.usesPeriodicBoundaryConditions()
    frames = _starts(config, starts, periodic, partial(_read, system.topology, periodic))
    kT = thermal_energy(system.temperature)
    setup = assemble(config, "openmm", system.system, system.topology, cvs, kT, frames, function)
    return setup.noted(*temperature_notes(system.temperature))


def _of_ase(
    system: AseSystem, sections: Sections, cvs: Sequence[CollectiveVariable], starts: Mapping[str, Any]
) -> Setup:
    sections["system"] = {"python": system.source.reference, "parameters": dict(system.source.parameters)}
    config, cvs = _config(system, "ase", sections, cvs)
    return ase.assemble(config, system, cvs, _starts(config, starts, system.box is not None, system.start))


def _config(
    system: MolecularSystem | AseSystem, engine: str, sections: Sections, cvs: Sequence[CollectiveVariable]
) -> tuple[Config, tuple[CollectiveVariable, ...]]:
    """The config of a system of atoms, and its CVs with their atoms by index."""
    known, given = {"name": engine, "temperature": float(system.temperature)}, sections.get("engine", {})
    for word, value in known.items():
        if given.get(word, value) != value:
            raise ValueError(f"engine.{word} = {given[word]!r} is refused: the system has {value!r}")
    if not cvs:
        raise ValueError("cvs is empty: give at least one collective variable, from cvflow.cv")
    sections["engine"] = known | given
    resolved = tuple(resolve(cv, system.topology) for cv in cvs)
    for cv in resolved:
        check_travels(cv, f"CV {cv.name}")
    sections["cv"] = [cv_section(cv).model_dump(exclude_none=True) for cv in resolved]
    return located(parse(sections, "cvflow.sample"), Path()), resolved


def _read(topology: app.Topology, periodic: bool, given: Any, what: str) -> Frame:
    """A start from a file, or from MDAnalysis's atoms."""
    if isinstance(given, str | Path):
        found = read_structure(given, Path(), what)
    elif hasattr(given, "atoms") and hasattr(given.atoms, "universe"):
        found = of_atom_group(given)
    else:
        raise ValueError(
            f"{what} is of type {type(given).__name__}: give positions [nm], an openmm.State, an MDAnalysis.AtomGroup "
            "or a file that OpenMM or MDAnalysis reads"
        )
    check_structure(found, topology, what)
    return found.frame_in(periodic)


def _starts(config: Config, starts: Mapping[str, Any], periodic: bool, otherwise: Reader) -> WalkerStarts:
    """Structures to the walkers in turn; `otherwise` makes frames of what holds no positions."""
    check_named(config, starts, "starts")
    frames = []
    for state, start in starts.items():
        frames.append(structure(start, f"starts[{state!r}]", periodic, otherwise))
    if not frames:
        raise ValueError("starts is empty: give one structure per state")
    return in_turn(frames, list(starts), config.run.walkers, states=config.states)
