"""Paths that steer the positions of a few atoms, in OpenMM."""

from dataclasses import dataclass, field

import numpy as np

from cvflow.core.early_rejection import EarlyRejection
from cvflow.core.frames import Exactness, Frame, PathResult, Point, Positions, Steering
from cvflow.core.schedule import Linear, Schedule
from cvflow.core.walls import Wall
from cvflow.cv import CollectiveVariable
from cvflow.cv.interpolation import Interpolation, Straight
from cvflow.engines.motion import Course
from cvflow.engines.openmm.certificates import Subject, certified
from cvflow.engines.openmm.context import PathContext
from cvflow.engines.openmm.engine import OpenMMEngine, OpenMMSpec
from cvflow.engines.openmm.platforms import TESTED
from cvflow.engines.openmm.positions_integrator import HELD, PULLED, PositionsRattle, PositionsVerlet
from cvflow.engines.openmm.positions_motion import Guide, PositionsMotion
from cvflow.engines.openmm.preparation import particles_of
from cvflow.engines.openmm.rigid import RigidParts, rigid_parts
from cvflow.engines.verlet import VerletEngine, VerletSpec

_KERNELS = {"langevin": HELD, "restraint": PULLED}
"""By the name that `[path] kernel` takes: K3, atoms held on their way (no friction), and K5, atoms pulled along it."""


@dataclass(frozen=True)
class PositionsSpec(VerletSpec):
    """Everything that makes a PositionsEngine, as plain data.

    Attributes:
        around: the engine of local moves, in which nothing is steered; its CVs are not used.
        cvs: what is recorded: their values make up a point of CV space.
        atoms: those that are steered.
        kernel: "langevin" or "restraint".
        way: along which they are steered.
    """

    around: OpenMMSpec
    cvs: tuple[CollectiveVariable, ...]
    atoms: tuple[int, ...]
    kernel: str
    way: Interpolation = field(default_factory=Straight)

    @property
    def kT(self) -> float:  # type: ignore[override]  # noqa: N802
        return self.around.kT

    @property
    def timestep(self) -> float:  # type: ignore[override]
        return self.around.timestep

    @property
    def friction(self) -> float:  # type: ignore[override]
        return self.around.friction

    @property
    def schedule(self) -> Schedule:  # type: ignore[override]
        """Knots of the way are passed at equal spaces of time."""
        return Linear()

    @property
    def walls(self) -> tuple[Wall, ...]:  # type: ignore[override]
        """None: what is driven here are positions."""
        return ()

    @property
    def molecules(self) -> tuple[int, ...]:  # type: ignore[override]
        return self.around.molecules

    @property
    def periods(self) -> Point:
        return np.full(3 * len(self.atoms), np.inf)

    def check(self) -> None:
        super().check()
        if self.kernel not in _KERNELS:
            raise ValueError(f"positions are driven by kernel {' or '.join(_KERNELS)}, not {self.kernel!r}")
        if self.friction > 0:
            raise ValueError("paths of positions have no friction: set path.friction = 0")

    def build(self) -> "PositionsEngine":
        return PositionsEngine(self)


class PositionsEngine(VerletEngine):
    """Hamiltonian paths beside atoms that are held on, or pulled along, their way; exact at any time step.

    In a `Steering`, `start` and `end` are the steered positions, flattened, and `kappa` the spring constant, the same
    for all; where atoms are held, they start at `start`, and κ has no meaning. Its steps are rounded to the same number
    for each straight piece of the way.

    Raises:
        ValueError: the system cannot be steered reversibly, the atoms are not there, are virtual sites, or held while
            rigid bonds join them to others, or the kernel is unknown.
    """

    _spec: PositionsSpec

    def __init__(self, spec: PositionsSpec) -> None:
        super().__init__(spec)
        self._around = OpenMMEngine(spec.around)
        system = spec.around.system()
        particles = particles_of(system)
        self._cvs = spec.cvs_among(particles)
        masses = np.array(particles.masses)[:, None]
        if max(spec.atoms) >= len(masses):
            raise ValueError(f"positions: atom {max(spec.atoms)} is out of range, the system has {len(masses)} atoms")
        rigid = rigid_parts(system)
        _check_steered(spec, rigid)
        self._steered = np.zeros(len(masses))
        self._steered[list(spec.atoms)] = 1.0
        moved = masses > 0 if spec.kernel == "restraint" else (masses > 0) & (self._steered == 0)[:, None]
        self._masses = np.where(moved, masses, 0.0)
        self._inverse_masses = np.where(moved, 1 / np.where(masses > 0, masses, 1.0), 0.0)
        self._speeds = np.sqrt(spec.kT * self._inverse_masses)
        integrator, around = _steps(spec, rigid), spec.around
        self._half = integrator.lead * 0.5 * spec.timestep * self._inverse_masses
        self._context = PathContext(system, integrator, around.platform, around.properties, around.devices)

    @property
    def exactness(self) -> Exactness:
        around = self._around
        if around.in_use.platform in TESTED:
            return around.exactness
        driven = Subject.PULLED if self._spec.kernel == "restraint" else Subject.HELD
        return certified(around.in_use, around.subjects | {driven})

    @property
    def volume_moves_every(self) -> int | None:
        return self._around.volume_moves_every

    def change_volume(self, frame: Frame, rng: np.random.Generator) -> tuple[Frame, bool]:
        return self._around.change_volume(frame, rng)

    def let_time_pass(self) -> None:
        super().let_time_pass()
        self._around.let_time_pass()
        self._context.let_time_pass()

    def potential_energy(self, frame: Frame) -> float:
        return self._around.potential_energy(frame)

    def relaxed(self, frame: Frame) -> Frame:
        return self._around.relaxed(frame)

    def free_path(self, frame: Frame, steps: int, friction: float, rng: np.random.Generator) -> PathResult:
        path = self._around.free_path(frame, steps, friction, rng)
        return path._replace(cv=self.cv_values(path.frame))

    def steer(
        self, frame: Frame, steering: Steering, rng: np.random.Generator, criterion: EarlyRejection | None = None
    ) -> PathResult:
        if criterion is not None:
            raise ValueError("paths of positions are run to their end: set path.early_rejection = false")
        pieces = self._spec.way.pieces
        whole = steering._replace(steps=pieces * max(1, round(steering.steps / pieces)))
        return self._path(frame, whole, self._spec.friction, rng, None, watched=False)

    def _begin(self, frame: Frame, velocities: Positions, course: Course) -> PositionsMotion:
        steering, way = course.steering, self._spec.way
        knots = way.knots(steering.start.reshape(-1, 3), steering.end.reshape(-1, 3))
        kappa = float(steering.kappa.mean()) if self._spec.kernel == "restraint" else 0.0
        guide = Guide(list(self._spec.atoms), knots, steering.steps // way.pieces, kappa)
        self._context.forget(frame)
        self._context.integrator.prepare(self._steered, self._inverse_masses * np.ones(3), kappa)
        return PositionsMotion(self._context, frame, velocities, guide, self._half)


def _check_steered(spec: PositionsSpec, rigid: RigidParts) -> None:
    """Raises ValueError if atoms cannot be steered since others move with them."""
    sites = [atom for atom in spec.atoms if rigid.sites[atom]]
    if sites:
        raise ValueError(f"positions: atom {sites[0]} is a virtual site, which others place: steer those")
    held = [atom for atom in spec.atoms if atom in rigid.pairs]
    if held and spec.kernel == "langevin":
        raise ValueError(
            f"positions: atom {held[0]} is held, and a constraint joins it to others: take path.kernel = 'restraint', "
            "or a system without constraints on the steered atoms"
        )


def _steps(spec: PositionsSpec, rigid: RigidParts) -> PositionsVerlet | PositionsRattle:
    """What makes the steps of paths."""
    kernel = _KERNELS[spec.kernel]
    if not rigid.present:
        return PositionsVerlet(spec.timestep, kernel)
    return PositionsRattle(spec.timestep, kernel, rigid, spec.around.constraint_tolerance)
