"""Paths of kernel K5 (soft restraint, λ extended) in OpenMM."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import openmm

from cvflow.core.frames import Exactness, Frame, Point, Positions
from cvflow.core.schedule import Linear, Schedule
from cvflow.core.units import temperature
from cvflow.core.walls import Wall
from cvflow.cv import CollectiveVariable
from cvflow.engines.motion import Course
from cvflow.engines.openmm.certificates import Subject, certified
from cvflow.engines.openmm.context import PathContext
from cvflow.engines.openmm.function import made_by
from cvflow.engines.openmm.integrator import Steered, SteeredRattle, SteeredVerlet
from cvflow.engines.openmm.motion import RestraintMotion
from cvflow.engines.openmm.platforms import GPU_PLATFORMS, TESTED, PlatformInUse, Properties, in_use
from cvflow.engines.openmm.preparation import adapted, particles_of, prepare
from cvflow.engines.openmm.restraint import restraint_force, set_restraint
from cvflow.engines.openmm.rigid import put_right, rigid_parts
from cvflow.engines.openmm.volume import VolumeMove, default_box, piston
from cvflow.engines.verlet import VerletEngine, VerletSpec
from cvflow.engines.walls import walls_on
from cvflow.host.functions import NamedFunction
from cvflow.host.openmm_xml import deserialised

LOOSEST = 1e-5
"""Constraint tolerance from which paths do not read backwards well enough: OpenMM's own default."""


@dataclass(frozen=True)
class OpenMMSpec(VerletSpec):
    """Everything that makes an OpenMMEngine, as plain data, so that worker processes can build their own.

    Attributes:
        system_xml: the serialised System.
        platform: OpenMM's name of it.
        properties: of the platform.
        constraint_tolerance: of rigid bonds' lengths, relative.
    """

    system_xml: str
    cvs: tuple[CollectiveVariable, ...]
    kT: float
    timestep: float
    friction: float = 0.0
    schedule: Schedule = field(default_factory=Linear)
    platform: str = "CPU"
    properties: Properties = ()
    devices: tuple[int, ...] = ()
    molecules: tuple[int, ...] = ()
    walls: tuple[Wall, ...] = ()
    function: NamedFunction | None = None
    """What makes the System, in the place of its XML."""
    constraint_tolerance: float = 1e-6

    def check(self) -> None:
        super().check()
        if not 0 < self.constraint_tolerance <= LOOSEST:
            raise ValueError(
                f"engine.constraint_tolerance = {self.constraint_tolerance:g} is refused: give one above 0 and up to "
                f"{LOOSEST:g}, or the way back would miss the start of a path"
            )

    def system(self) -> openmm.System:
        """The System, fit for paths, and nobody else's.

        Raises:
            ValueError: it cannot be had, or cannot be steered reversibly.
        """
        if self.function is not None:
            return adapted(made_by(self.function).system).system
        return prepare(deserialised(self.system_xml, "the system")).system

    def build(self) -> "OpenMMEngine":
        return OpenMMEngine(self)


class OpenMMEngine(VerletEngine):
    """Paths of an OpenMM System, whose integrator advances the schedule and adds up the protocol work by itself.

    Raises:
        ValueError: the system cannot be steered reversibly (see `prepare`), a CV reads atoms that are not there, a
            setting is out of range, or the platform is not installed.
    """

    _spec: OpenMMSpec

    def __init__(self, spec: OpenMMSpec) -> None:
        super().__init__(spec)
        system = spec.system()
        # Of the system without restraints, which take no part in whether it is periodic.
        particles = particles_of(system)
        self._cvs = spec.cvs_among(particles)
        restraints = [system.addForce(restraint_force(cv, index)) for index, cv in enumerate(self._cvs)]
        for cv, wall in walls_on(self._cvs, spec.walls):
            system.addForce(cv.openmm_force(wall.expression))
        self._masses = np.array(particles.masses)[:, None]
        with np.errstate(divide="ignore"):
            inverse_masses = np.where(self._masses > 0, 1 / self._masses, 0.0)
        self._speeds = np.sqrt(spec.kT * inverse_masses)
        self._piston = piston(system)
        if self._piston and abs(self._piston.temperature / temperature(spec.kT) - 1) > 0.01:
            barostat, run = self._piston.temperature, temperature(spec.kT)
            raise ValueError(f"the system's barostat is at {barostat} K and the run at {run:.2f} K: give the same")
        self._own_box = default_box(system) if particles.periodic else None
        integrator = _steps(spec, system, restraints)
        self._half = integrator.lead * 0.5 * spec.timestep * inverse_masses
        self._context = PathContext(system, integrator, spec.platform, spec.properties, spec.devices)
        self._volume_move = self._moves_of(system)

    @property
    def exactness(self) -> Exactness:
        if self.in_use.platform not in TESTED:
            return certified(self.in_use, self.subjects)
        bonds = ", with rigid bonds and with rigid water" if self._context.rigid.constrained else ""
        return Exactness(True, f"one-jump stationarity test passed on {self.in_use.words}{bonds}")

    @property
    def subjects(self) -> frozenset[Subject]:
        """What the one-jump test has to be of, for paths of this system to be shown exact."""
        rigid = self._context.rigid
        there = {Subject.PARTICLES: True, Subject.BONDS: rigid.constrained, Subject.SITES: bool(rigid.sites.any())}
        return frozenset(subject for subject, present in there.items() if present)

    @property
    def in_use(self) -> PlatformInUse:
        """Where it computes."""
        return in_use(self._context.context)

    def elsewhere(self, frame: Frame) -> Frame:
        """Its molecules in other images of the box, to where GPUs put them back when they like."""
        if frame.box is None or self.in_use.platform not in GPU_PLATFORMS:
            return frame
        positions = frame.positions.copy()
        for number, molecule in enumerate(self._context.context.getMolecules()):
            positions[list(molecule)] += (1 - number % 3) * frame.box[number % 2] + frame.box[2]
        return frame._replace(positions=positions)

    def put_right(self, frame: Frame) -> Frame:
        if not self._context.rigid.present:
            return frame
        return put_right(self._spec.system(), frame, self._spec.constraint_tolerance)

    def let_time_pass(self) -> None:
        super().let_time_pass()
        self._context.let_time_pass()

    def cv_values(self, frame: Frame) -> Point:
        """In the system's own box, where a frame has none."""
        return super().cv_values(frame if frame.box is not None else frame._replace(box=self._own_box))

    def potential_energy(self, frame: Frame) -> float:
        self._context.forget(frame)
        self._put(frame, *self._free)
        return float(self._context.context.getState(getEnergy=True).getPotentialEnergy()._value)

    def forces(self, frame: Frame) -> Positions:
        """Forces without the restraint [kJ/mol/nm]."""
        self._put(frame, *self._free)
        return self._context.context.getState(getForces=True).getForces(asNumpy=True)._value

    @property
    def volume_moves_every(self) -> int | None:
        return self._piston.frequency if self._piston else None

    def change_volume(self, frame: Frame, rng: np.random.Generator) -> tuple[Frame, bool]:
        """One Metropolis move of the box at constant pressure (`VolumeMove`).

        Raises:
            ValueError: the system has no barostat.
        """
        if self._volume_move is None:
            raise ValueError("the system has no barostat")
        return self._volume_move(frame, self.potential_energy, rng)

    def minimise(self, frame: Frame, centre: Point, kappa: Point) -> Frame:
        """Go downhill in energy with the restraint held at `centre`, by OpenMM's LocalEnergyMinimizer."""
        self._context.forget(frame)
        self._put(frame, centre, kappa)
        openmm.LocalEnergyMinimizer.minimize(self._context.context)
        if self._context.rigid.constrained:  # which it has kept more loosely
            self._context.context.applyConstraints(self._spec.constraint_tolerance)
        return self._context.frame(self._context.context.getState(getPositions=True), frame)

    def relaxed(self, frame: Frame) -> Frame:
        return self.minimise(frame, *self._free)

    def _begin(self, frame: Frame, velocities: Positions, course: Course) -> RestraintMotion:
        self._context.forget(frame)
        return RestraintMotion(self._context, frame, velocities, course, self._half, self.cv_values)

    def _moves_of(self, system: openmm.System) -> VolumeMove | None:
        """Of the box, if the system has a barostat."""
        if self._piston is None:
            return None
        molecules = [list(molecule) for molecule in self._context.context.getMolecules()]
        return VolumeMove(self._piston, molecules, default_box(system), self.kT)

    @property
    def _free(self) -> tuple[Point, Point]:
        """Centre and spring constants of no restraint."""
        zero = np.zeros(len(self._spec.cvs))
        return zero, zero

    def _put(self, frame: Frame, centre: Point, kappa: Point) -> None:
        """Take up a configuration, with the restraint there."""
        set_restraint(self._context.context, centre, kappa)
        self._context.place(frame)


def _steps(spec: OpenMMSpec, system: openmm.System, restraints: Sequence[int]) -> Steered:
    """What makes the steps of a system's paths; `restraints` are the indices of those forces."""
    rigid = rigid_parts(system)
    if not rigid.present:
        return SteeredVerlet(spec.timestep, spec.schedule, len(spec.cvs))
    group = _own_group(system, restraints)
    return SteeredRattle(spec.timestep, spec.schedule, len(spec.cvs), rigid, spec.constraint_tolerance, group)


def _own_group(system: openmm.System, own: Sequence[int]) -> int:
    """Put some forces of a system into a force group of their own; the first, if there is none."""
    forces = system.getForces()
    others = {force.getForceGroup() for index, force in enumerate(forces) if index not in own}
    group = next((each for each in range(31, 0, -1) if each not in others), 0)
    for index in own:
        forces[index].setForceGroup(group)
    return group
