"""The Python way in: one's own OpenMM system, one's own CVs."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import openmm
from matplotlib.figure import Figure
from openmm import app

from cvflow import project
from cvflow.build import (
    IN_MEMORY,
    Setup,
    assemble,
    batch_setup,
    cv_section,
    in_turn,
    parametrised,
    start_frame,
)
from cvflow.config import parse
from cvflow.cv import CollectiveVariable, resolve
from cvflow.engine.openmm import with_hydrogen_mass
from cvflow.estimate.free_energy import chain_difference
from cvflow.progress import watching
from cvflow.report.figures import free_energy_figure, surface_figure
from cvflow.report.findings import cautions
from cvflow.state import Frame, Positions
from cvflow.store import Record
from cvflow.torch_system import TorchSystem
from cvflow.units import thermal_energy


@dataclass(frozen=True)
class MolecularSystem:
    """A topology with its potential, at a temperature [K]."""

    topology: app.Topology
    system: openmm.System
    temperature: float


class FreeEnergy(NamedTuple):
    """A free-energy difference with its standard error, in kT and in kJ/mol; and what to beware of in this run."""

    kT: float
    kT_stderr: float
    kJ_mol: float
    kJ_mol_stderr: float
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """A finished run. Everything in it comes from the folder's store."""

    folder: Path
    record: Record
    summary: dict[str, Any]

    def delta_f(self, start: str, end: str) -> FreeEnergy:
        """F(end) - F(start) from the chains.

        Raises:
            ValueError: a state is unknown.
        """
        names = list(self.record.header.states)
        for name in (start, end):
            if name not in names:
                raise ValueError(f"unknown state {name!r}; the run has {', '.join(names)}")
        difference = chain_difference(self.record, names.index(start), names.index(end))
        kT, warnings = self.record.header.kT, tuple(cautions(self.summary))
        return FreeEnergy(difference.value, difference.stderr, kT * difference.value, kT * difference.stderr, warnings)

    def plot_fes(self, cv: str, second: str | None = None, bins: int = 60) -> Figure:
        """Free energy along a CV with its error band, or a contour picture along two, as a matplotlib figure.

        Raises:
            ValueError: a CV is unknown.
        """
        if second is None:
            return free_energy_figure(self.record, cv, bins)
        return surface_figure(self.record, cv, second, bins)


def openmm_system(
    topology: app.Topology,
    system: openmm.System | app.ForceField,
    temperature: float,
    hydrogen_mass: float | None = None,
) -> MolecularSystem:
    """Bring an OpenMM system, or a force field that makes one.

    A force field is applied without constraints (paths with SHAKE are not tested for exactness yet, so the time step
    must be short), with PME in a periodic box and without cutoff otherwise.

    Args:
        topology: names and bonds of the atoms.
        system: the potential and the masses, or a force field.
        temperature: K.
        hydrogen_mass: amu, of every hydrogen, if given. It leaves the distribution of positions as it is; 4 amu take a
            time step twice as long.

    Raises:
        ValueError: the temperature or the mass is not positive, or the force field does not know the molecule.
    """
    thermal_energy(temperature)
    if isinstance(system, app.ForceField):
        system = parametrised(topology, system)
    if hydrogen_mass is not None:
        system = with_hydrogen_mass(system, topology, hydrogen_mass)
    return MolecularSystem(topology, system, temperature)


def sample(
    system: MolecularSystem | TorchSystem,
    cvs: Sequence[CollectiveVariable] = (),
    states: Mapping[str, str] | None = None,
    starts: Mapping[str, str | Path | Positions] | None = None,
    out: str | Path = "cvflow-run",
    *,
    quiet: bool = False,
    workers: int | None = None,
    path: Mapping[str, Any] | None = None,
    engine: Mapping[str, Any] | None = None,
    flow: Mapping[str, Any] | None = None,
    proposal: Mapping[str, Any] | None = None,
    **run: Any,
) -> Result:
    """Sample a system and write a folder with the store, figures, tables and report.

    On macOS and Windows, and wherever Python starts fresh worker processes, call this under
    ``if __name__ == "__main__":``.

    Args:
        system: from `openmm_system`, or a `TorchSystem`, which has its own CV, states and starts.
        cvs: collective variables that tell the states apart, from `cvflow.cv`: atoms are indices counted from 0 or
            MDAnalysis selection strings; angles and torsions are in rad. Not for a `TorchSystem`.
        states: named regions, e.g. ``{"bound": "d < 0.4", "free": "d >= 0.4"}``.
        starts: one structure per state: a PDB file or positions [nm]. States without a start are not found. Not for a
            `TorchSystem`.
        out: folder for the results.
        quiet: plain progress lines.
        workers: worker processes; one a walker, up to the number of cores, if left out.
        path: settings of `[path]`, e.g. ``{"steps": 2000, "timestep": 0.0005}``; for molecules the time step [ps] is
            0.0005 here unless given, since bonds to hydrogen are not constrained.
        engine: settings of `[engine]`, e.g. ``{"platform": "CUDA"}`` or ``{"precision": "float32"}``.
        flow: settings of `[flow]`.
        proposal: settings of `[proposal]`, in place of a flow.
        **run: settings of `[run]`: seed, walkers, adapt_jumps, jumps, local_steps, local.

    Raises:
        ValueError: misuse; the message says what, where and the mend. Nothing is written then.
    """
    chosen = {"run": run, "path": path, "engine": engine, "flow": flow, "proposal": proposal, "states": states}
    sections = {name: dict(values) for name, values in chosen.items() if values is not None}
    setup = (
        _torch_setup(system, sections, bool(cvs or starts))
        if isinstance(system, TorchSystem)
        else _molecular_setup(system, sections, cvs, starts or {})
    )
    for note in setup.notes:
        warnings.warn(note, stacklevel=2)
    folder = Path(out)
    with watching(quiet) as watch:
        summary = project.begin(setup, folder, watch, workers)
    return Result(folder, project.open_record(folder), summary)


def _torch_setup(system: TorchSystem, sections: dict[str, Any], has_others: bool) -> Setup:
    if has_others:
        raise ValueError("cvs and starts are for molecules: a TorchSystem has its own")
    sections["engine"] = {"name": "batch", **sections.get("engine", {})}
    sections["system"] = {"python": IN_MEMORY}
    return batch_setup(parse(sections, "cvflow.sample"), system, Path(), True)


def _molecular_setup(
    system: MolecularSystem,
    sections: dict[str, Any],
    cvs: Sequence[CollectiveVariable],
    starts: Mapping[str, str | Path | Positions],
) -> Setup:
    sections["system"] = {"xml": "system.xml", "topology": "topology.pdb"}
    sections["engine"] = {"temperature": float(system.temperature), **sections.get("engine", {})}
    cvs = tuple(resolve(cv, system.topology) for cv in cvs)
    sections["cv"] = [cv_section(cv).model_dump(exclude_none=True) for cv in cvs]
    sections["path"] = {"timestep": 0.0005, **sections.get("path", {})}
    config = parse(sections, "cvflow.sample")
    frames = [_frame(state, starts[state], config.states) for state in starts]
    if not frames:
        raise ValueError("starts is empty: give one structure per state")
    walkers = in_turn(frames, list(starts), config.run.walkers)
    kT = thermal_energy(system.temperature)
    return assemble(config, "openmm", system.system, system.topology, cvs, kT, walkers)


def _frame(state: str, start: str | Path | Positions, states: Mapping[str, str]) -> Frame:
    if state not in states:
        raise ValueError(f"starts: unknown state {state!r}; states has {', '.join(states)}")
    if isinstance(start, np.ndarray):
        return Frame(np.array(start, dtype=float), None)
    return start_frame(Path(start), f"starts[{state!r}]")
