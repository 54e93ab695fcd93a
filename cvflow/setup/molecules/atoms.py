"""Runs of atoms with names, on an engine inside cvflow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf

import numpy as np
from openmm import app

from cvflow.config.engine_section import AseSection, OpenMMSection
from cvflow.config.resolved import PathSettings
from cvflow.config.settings import Config
from cvflow.core.cv_space import CVSpace
from cvflow.core.schedule import BY_NAME
from cvflow.cv import CollectiveVariable
from cvflow.cv.images import Molecules
from cvflow.cv.molecules import molecules_of
from cvflow.engines.base import EngineSpec
from cvflow.engines.verlet import VerletEngine, VerletSpec
from cvflow.setup.engine_walkers import EngineWalkers
from cvflow.setup.molecules.surrogate import on_surrogate
from cvflow.setup.named_states import checked_states
from cvflow.setup.specification import Setup, checked
from cvflow.setup.starts.nearest_images import NearestImages, as_they_lie
from cvflow.setup.starts.open_states import open_notes
from cvflow.setup.starts.placing import bonds_of
from cvflow.setup.starts.walker_starts import WalkerStarts, opened, start_notes
from cvflow.setup.steady import looked_at
from cvflow.setup.steered import SteeredCVs


@dataclass(frozen=True)
class AtomicSystem:
    """A system of atoms, as an engine has it.

    Attributes:
        name: of the system.
        topology: names, residues and bonds.
        cvs: of the atoms.
        kT: thermal energy [kJ/mol].
        spec: the engine, at any settings of paths.
        files: what a later `resume` builds the engine from, by names in the run's folder.
        molecules: atoms that are taken as they are among each other, where nearest images are asked for; those of the
            topology's bonds if left out.
        periodic: directions in which the system repeats itself, where there is a box.
        notes: what was changed in it.
    """

    name: str
    topology: app.Topology
    cvs: tuple[CollectiveVariable, ...]
    kT: float
    spec: VerletSpec
    files: Mapping[str, str] = field(default_factory=dict)
    molecules: Molecules | None = None
    periodic: tuple[bool, ...] = (True, True, True)
    notes: tuple[str, ...] = ()


def of_atoms(atoms: AtomicSystem, config: Config, starts: WalkerStarts) -> Setup:
    """A run of atoms, once its walkers' starts have been looked at; the last stop before anything is computed.

    Raises:
        ValueError: parts of the config do not fit together, a start has no energy or lies in another state than it is
            given for, CVs or potential are not functions of the positions alone, or the starts lie in fewer than two
            states.
    """
    molecules = atoms.molecules
    if molecules is None:
        molecules = molecules_of(bonds_of(atoms.topology), atoms.topology.getNumAtoms())
    spec = replace(atoms.spec, molecules=tuple(molecules.tolist()), walls=config.walls)  # type: ignore[type-var]
    spec, config, notes = on_surrogate(spec, config, atoms.topology, starts.frames)
    space = space_of(atoms.cvs)
    setup = checked(
        Setup(
            config=config,
            name=atoms.name,
            space=space,
            states=checked_states(config, space.names),
            kT=atoms.kT,
            walkers=EngineWalkers(partial(_at, spec), starts.frames, missing=starts.missing, threads=_threads(config)),
            steered=SteeredCVs(),
            notes=(*atoms.notes, *notes),
            topology=atoms.topology,
            files=atoms.files,
            images=NearestImages(tuple(as_they_lie(atoms.cvs)), molecules, atoms.periodic),
        )
    )
    return _started(setup, _at(spec, setup.settings.path), starts) if starts.frames else setup


def _at(spec: VerletSpec, path: PathSettings) -> VerletSpec:
    """The engine at these settings."""
    schedule = BY_NAME[path.schedule]()
    return replace(spec, timestep=path.timestep, friction=path.friction, schedule=schedule)  # type: ignore[type-var]


def _threads(config: Config) -> int:
    """Of each engine, where its section has the word."""
    engine = config.engine
    return (engine.threads or 1) if isinstance(engine, OpenMMSection | AseSection) else 1


def space_of(cvs: Sequence[CollectiveVariable]) -> CVSpace:
    """The space of CVs of atoms; the ends of their ranges are not looked at, since a restraint's centre has none."""
    return CVSpace(
        names=tuple(cv.name for cv in cvs),
        units=tuple(cv.unit for cv in cvs),
        periods=tuple(cv.period for cv in cvs),
        ranges=((-inf, inf),) * len(cvs),
    )


def check_atoms(starts: WalkerStarts, atoms: int) -> None:
    """Check that the walkers' starts are structures of as many atoms.

    Raises:
        ValueError: they are not.
    """
    for walker, frame in enumerate(starts.frames):
        if frame.positions.shape != (atoms, 3):
            raise ValueError(
                f"the start of walker {walker} has positions of shape {frame.positions.shape}, the system has "
                f"{atoms} atoms: give a structure of the same atoms"
            )


def _started(setup: Setup, spec: EngineSpec, starts: WalkerStarts) -> Setup:
    """The run with what there is to say of its starts."""
    engine, space = spec.build(), setup.space
    assert isinstance(engine, VerletEngine)
    points, energies = looked_at(engine, starts.frames, space.names, np.array(space.periods))
    if setup.images is not None:
        setup.images.check_starts(dict(zip(starts.names, starts.frames, strict=True)).items())
    opening = opened(setup.states, starts.names, points, starts.said, starts.missing)
    for name, energy in zip(starts.names, energies, strict=True):
        if not np.isfinite(energy):
            raise ValueError(f"the start of {name} has no finite energy: check the structure for overlaps")
    frames = dict(zip(starts.names, starts.frames, strict=True))
    ends = open_notes(engine.cvs, setup.states.expressions, setup.config.walls, frames)
    return replace(setup, notes=setup.notes + start_notes(opening, starts.missing) + ends, opening=opening)
