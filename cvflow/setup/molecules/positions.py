"""Runs whose CV is the positions of a few atoms: the molecular run they are built around, and what is different."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from cvflow.config.cv_section import AnyCvSection
from cvflow.config.cv_types import PositionsSection
from cvflow.config.resolved import PathSettings
from cvflow.config.settings import Config, ConfigError
from cvflow.cv import CollectiveVariable, Distance
from cvflow.cv.internal_coordinates import Chain, Shapes
from cvflow.cv.interpolation import INTERPOLATIONS
from cvflow.cv.selection import AtomNames, group
from cvflow.engines.base import EngineSpec
from cvflow.engines.openmm import OpenMMSpec, PositionsSpec
from cvflow.proposals.conformations import ConformationLearner
from cvflow.sampler.local import LocalMove
from cvflow.sampler.plan import Plan
from cvflow.sampler.positions_jump import PositionsJump
from cvflow.sampler.walkers.process import ProcessGroup
from cvflow.setup.engine_walkers import EngineWalkers
from cvflow.setup.molecules.atoms import space_of
from cvflow.setup.named_states import checked_states
from cvflow.setup.specification import Setup, Springs, SteeredPart, Visited, checked
from cvflow.setup.starts.walker_starts import opened, start_notes

STIFF = 0.8
"""kappa = "auto": standard deviation of λ around each coordinate, in that of the stiffest distance along the chain."""


@dataclass(frozen=True)
class SteeredPositions(SteeredPart):
    """The positions of a few atoms, along a chain; the CVs are observed.

    Attributes:
        shapes: the CV space: observed distances, then internal coordinates of the atoms.
    """

    shapes: Shapes

    def springs(self, setup: Setup, samples: Visited) -> Springs:
        """One spring constant for all coordinates: as configured, or stiff against the stiffest distance's own spread.

        Raises:
            ArithmeticError: the atoms did not move.
        """
        given = setup.settings.path.kappa
        if given is not None:
            return np.array([given], dtype=float)
        internal = self.shapes.internal(samples.reshape(-1, samples.shape[-1]))
        variance = float(internal[:, : self.shapes.chain.lengths].var(axis=0).min())
        if not variance > 0:
            raise ArithmeticError("the atoms did not move during equilibration: set path.kappa, or a shorter time step")
        return np.array([setup.kT / (STIFF**2 * variance)])

    def planned(self, plan: Plan, setup: Setup, kappa: Springs) -> Plan:
        """Paths have one length, and are run to their end."""
        learn = ConformationLearner(self.shapes, _blur(setup, kappa))
        return replace(plan, space=setup.space.unbounded, learn=learn, gives_up=False)

    def group(self, walker: int, spec: EngineSpec, local: LocalMove, setup: Setup, kappa: Springs) -> ProcessGroup:
        settings = setup.settings
        jump = PositionsJump(self.shapes, _blur(setup, kappa), settings.path.steps)
        springs = np.full(3 * self.shapes.chain.beads, float(kappa.sum()))
        return ProcessGroup(walker, spec, settings.run.seed, local, jump, springs)


def _blur(setup: Setup, kappa: Springs) -> float:
    """Standard deviation of λ around each coordinate [nm]."""
    return float(np.sqrt(setup.kT / kappa[0])) if setup.settings.path.restrained else 0.0


def leads_positions(config: Config) -> bool:
    """Whether the config's CV is the positions of some atoms."""
    return any(section.type == "positions" for section in config.cv)


def observed_only(config: Config) -> Config:
    """The config of the molecular run that such a run is built around.

    Raises:
        ConfigError: the CVs are not one of positions beside distances.
    """
    others = [section for section in config.cv if section.type != "positions"]
    if len(others) != len(config.cv) - 1 or not others or any(section.type != "distance" for section in others):
        raise ConfigError(
            "a run has one [[cv]] of type 'positions', which is driven, beside at least one of type 'distance', which "
            "is only recorded: name the states by it"
        )
    if config.path.kernel not in ("langevin", "restraint"):
        raise ConfigError(
            f"path.kernel = {config.path.kernel!r}: positions are held ('langevin') or pulled ('restraint')"
        )
    if config.path.steps == "auto":
        raise ConfigError("path.steps: paths of positions are not tuned; give a number")
    if config.path.friction != 0:
        raise ConfigError("path.friction: paths of positions have none; set it to 0")
    if config.path.schedule != "linear":
        raise ConfigError("path.schedule: positions are led at constant speed; leave it 'linear'")
    if not config.path.within_states:
        raise ConfigError("path.within_states: jumps of positions are all realised; leave it true")
    if config.flow is not None and config.flow.labels:
        raise ConfigError("flow.labels: shapes have one density for all states; set it to false")
    if config.proposal is not None:
        raise ConfigError("[proposal] is refused: shapes have no fixed mixture; leave it out")
    if config.wall:
        raise ConfigError("[[wall]] is refused: shapes are steered by positions, and know of no potential beside it")
    if isinstance(config.path.kappa, list):
        raise ConfigError("path.kappa: positions have one spring constant for all coordinates; give one number")
    return _around(config)


def around(observed: Setup, config: Config) -> Setup:
    """The run of positions, built around the run that its observed distances alone would make.

    Raises:
        ValueError: atoms are not there, or a state is not named by the CVs.
    """
    (section,) = (section for section in config.cv if isinstance(section, PositionsSection))
    assert isinstance(observed.walkers, EngineWalkers)
    observed = _with_given_starts(observed, observed.walkers)
    assert isinstance(observed.walkers, EngineWalkers)
    assert observed.topology is not None
    assert observed.images is not None
    names = AtomNames(observed.topology)
    chain = Chain(section.name, names.group(section.name, group(section.atoms)))
    distances = _distances(observed.walkers.spec(observed))
    cvs = (*distances, *chain.cvs(section.unit if section.unit is not None else "nm"))
    shapes = Shapes(chain, tuple(_places(cv, chain) for cv in distances))
    config = observed.config.changed(
        path=config.path.changed(timestep=observed.config.path.timestep, early_rejection=False),
        cv=_sections(config, observed.config, chain),
    )
    space, engine = space_of(cvs), partial(_engine, observed.walkers.engine, cvs, chain.atoms)
    setup = replace(
        observed,
        config=config,
        space=space,
        states=checked_states(config, space.names),
        walkers=replace(observed.walkers, engine=engine),
        steered=SteeredPositions(shapes),
        images=replace(observed.images, cvs=distances),
    )
    engine(setup.settings.path).build()
    return checked(setup)


def _distances(spec: EngineSpec) -> tuple[CollectiveVariable, ...]:
    """The observed distances as shapes have them: of the atoms as they lie."""
    assert isinstance(spec, OpenMMSpec)
    return tuple(replace(cv, periodic=False) for cv in spec.cvs if isinstance(cv, Distance))


def _with_given_starts(observed: Setup, walkers: EngineWalkers) -> Setup:
    """Without starts that would be made: atoms of a chain are not pulled by their distances.

    Raises:
        ValueError: the starts that there are lie in fewer than two states.
    """
    if not walkers.missing or observed.opening is None:
        return observed
    given = observed.opening
    notes = start_notes(opened(given.states, given.names, given.points, given.said))
    new = tuple(note for note in notes if note not in observed.notes)
    return replace(observed, notes=observed.notes + new, walkers=replace(walkers, missing=()))


def _engine(
    molecular: Callable[[PathSettings], EngineSpec],
    cvs: tuple[CollectiveVariable, ...],
    atoms: tuple[int, ...],
    path: PathSettings,
) -> PositionsSpec:
    spec = molecular(path)
    assert isinstance(spec, OpenMMSpec)
    return PositionsSpec(spec, cvs, atoms, path.kernel, INTERPOLATIONS[path.way]())


def _around(config: Config) -> Config:
    """Without positions, and with what the other kind of run has in the place of this one's settings."""
    observed = [section for section in config.cv if section.type != "positions"]
    return config.changed(cv=observed, path={"kernel": "restraint", "kappa": "auto"})


def _sections(config: Config, made: Config, chain: Chain) -> list[AnyCvSection]:
    """The CVs' words, with their atoms by index: observed ones as the molecular run has resolved them."""
    positions = (section for section in config.cv if isinstance(section, PositionsSection))
    return [*made.cv, *(section.changed(atoms=list(chain.atoms)) for section in positions)]


def _places(cv: CollectiveVariable, chain: Chain) -> tuple[int, int]:
    """Where a distance's atoms stand in the chain."""
    assert isinstance(cv, Distance)
    if not set(cv.atoms) <= set(chain.atoms):
        raise ConfigError(
            f"cv {cv.name}: a distance beside positions is one between two of their atoms, got {cv.atoms}"
        )
    first, second = (chain.atoms.index(int(atom)) for atom in cv.atoms)
    return first, second
