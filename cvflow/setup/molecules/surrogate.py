"""Surrogates: the potential that paths move on, where a user's function makes a cheaper one than the system's."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from openmm import app

from cvflow.config.engine_section import AseSection, OpenMMSection
from cvflow.config.references import absolute
from cvflow.config.settings import Config, ConfigError
from cvflow.core.frames import Frame
from cvflow.engines.ase import AseSpec
from cvflow.engines.openmm import OpenMMSpec
from cvflow.engines.openmm.function import made_by
from cvflow.engines.openmm.rigid import RigidParts, rigid_parts
from cvflow.engines.surrogate import SurrogateSpec
from cvflow.engines.verlet import VerletSpec
from cvflow.host.faults import called
from cvflow.host.functions import NamedFunction, load_function

WHAT = "engine.surrogate"


def surrogate_of(config: Config) -> str | None:
    """The function that makes the surrogate, as "file.py:function"; None where paths move on the system's potential."""
    return config.engine.surrogate if isinstance(config.engine, OpenMMSection | AseSection) else None


def located(config: Config, folder: Path) -> Config:
    """The config with the full path of the surrogate's file, if it has one.

    Raises:
        ConfigError: the word is not of the form file.py:function, or the run's paths can have no surrogate.
    """
    reference = surrogate_of(config)
    if reference is None:
        return config
    if any(section.type == "positions" for section in config.cv):
        raise ConfigError(f"{WHAT} is refused where positions of atoms are driven")
    return config.changed(engine={"surrogate": absolute(reference, folder, WHAT)})


def on_surrogate(
    truth: VerletSpec, config: Config, topology: app.Topology, starts: Sequence[Frame]
) -> tuple[VerletSpec, Config, tuple[str, ...]]:
    """The engine on the surrogate that the config names, the config with its offset, and what to say of both.

    Without a surrogate they are as they were.

    Raises:
        ValueError: the surrogate cannot be made, has other atoms, rigid bonds or CVs, or the run has moves that are not
            decided.
    """
    reference = surrogate_of(config)
    if reference is None:
        return truth, config, ()
    if config.run.local == "langevin":
        raise ConfigError(f'{WHAT}: run.local = "langevin" would sample the surrogate: take "hmc"')
    if config.pull is not None:
        raise ConfigError(f"{WHAT} is refused: cvflow pull has its windows on the system's own potential")
    load_function(reference, WHAT)
    surrogate = _made(NamedFunction(reference), truth, topology)
    _check_rigid(truth, surrogate)
    path = {name: getattr(truth, name) for name in ("cvs", "kT", "timestep", "molecules", "walls")}
    spec = SurrogateSpec(truth, surrogate, **path)
    above = _above(spec, starts)
    offset = config.engine.surrogate_offset  # type: ignore[union-attr]
    if offset is None and not len(above):
        raise ConfigError("engine.surrogate_offset is missing, which a run keeps that is gone on with")
    offset = float(np.mean(above)) if offset is None else offset
    config = config.changed(engine={"surrogate_offset": offset})
    return replace(spec, offset=offset), config, _notes(reference, above)


def _made(function: NamedFunction, truth: VerletSpec, topology: app.Topology) -> VerletSpec:
    """The surrogate's engine.

    Raises:
        ValueError: the function makes no potential of these atoms.
    """
    given = called(function, function.reference)
    own = [atom.element.symbol if atom.element else atom.name for atom in topology.atoms()]
    if type(given).__name__ == "Atoms":
        made: VerletSpec = AseSpec(function, truth.cvs, truth.kT, truth.timestep)
        theirs = list(given.get_chemical_symbols())
    else:
        made = _of_openmm(function, truth)
        theirs = [atom.element.symbol if atom.element else atom.name for atom in made_by(function).topology.atoms()]
    if own != theirs:
        raise ConfigError(f"{WHAT}: {function.reference} has other atoms than the system: give the same, in its order")
    return made


def _of_openmm(function: NamedFunction, truth: VerletSpec) -> OpenMMSpec:
    """On the system's own platform; beside a calculator of ASE's on Reference, the fastest for few atoms."""
    if isinstance(truth, OpenMMSpec):
        return replace(truth, system_xml="", function=function)
    return OpenMMSpec("", truth.cvs, truth.kT, truth.timestep, platform="Reference", function=function)


def _check_rigid(truth: VerletSpec, surrogate: VerletSpec) -> None:
    """Check that both keep the same bonds at the same lengths, and place the same virtual sites.

    Raises:
        ConfigError: they do not.
    """
    if _rigid(truth) != _rigid(surrogate):
        raise ConfigError(f"{WHAT}: it has other rigid bonds or virtual sites than the system: give both the same")


def _rigid(spec: VerletSpec) -> Any:
    if not isinstance(spec, OpenMMSpec):
        return (), ()
    parts: RigidParts = rigid_parts(spec.system())
    pairs = zip(parts.pairs.tolist(), parts.lengths.tolist(), strict=True)
    bonds = sorted((*sorted(pair), round(length, 6)) for pair, length in pairs)
    return tuple(bonds), tuple(np.flatnonzero(parts.sites))


def _above(spec: SurrogateSpec, starts: Sequence[Frame]) -> np.ndarray:
    """How much the system's energy lies above the surrogate's at each start [kJ/mol].

    Raises:
        ConfigError: one of the two is none.
    """
    if not starts:
        return np.zeros(0)
    truth, surrogate = (spec.engine_of(each) for each in (spec.truth, spec.surrogate))
    different = {frame.positions.tobytes(): frame for frame in starts}.values()
    above = np.array([truth.potential_energy(frame) - surrogate.potential_energy(frame) for frame in different])
    if not np.isfinite(above).all():
        raise ConfigError(f"{WHAT}: a start has no finite energy on the system or on the surrogate")
    return above


def _notes(reference: str, above: np.ndarray) -> tuple[str, ...]:
    moved = f"paths and local moves go on the surrogate {reference}, and are decided with the system's own energies"
    if len(above) < 2:
        return (moved,)
    return (f"{moved}, which lie {np.ptp(above):.1f} kJ/mol higher above it at one start than at another",)
