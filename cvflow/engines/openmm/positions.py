"""Paths that lead a few atoms along prescribed positions, in OpenMM."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import openmm
from jaxtyping import Float

from cvflow.core.early_rejection import Stakes
from cvflow.core.frames import Exactness, Frame, Outcome, PathResult, Point, Positions, Steering
from cvflow.cv import CollectiveVariable
from cvflow.cv.way import Straight, Way
from cvflow.engines.base import EmbeddedEngine, EngineSpec
from cvflow.engines.openmm.engine import OpenMMEngine, OpenMMSpec
from cvflow.engines.openmm.led import LedVerlet, holding, pulling
from cvflow.engines.openmm.preparation import particles_of, prepare
from cvflow.engines.segments import ENERGY_CAP
from cvflow.host.openmm_xml import deserialised

Led = Float[np.ndarray, "led 3"]

KERNELS = {"langevin": holding, "restraint": pulling}
"""By the name that `[path] kernel` takes: K3, atoms held where they are led (no friction), and K5, atoms pulled."""


@dataclass(frozen=True)
class PositionsSpec(EngineSpec):
    """Everything that makes a PositionsEngine, as plain data.

    Attributes:
        around: the engine of local moves, in which no atom is led; its CVs are not used.
        cvs: what is recorded: their values make up a point of CV space.
        atoms: those that are led.
        kernel: "langevin" or "restraint".
        way: along which they are led.
    """

    around: OpenMMSpec
    cvs: tuple[CollectiveVariable, ...]
    atoms: tuple[int, ...]
    kernel: str
    way: Way = field(default_factory=Straight)

    def build(self) -> "PositionsEngine":
        return PositionsEngine(self)


class PositionsEngine(EmbeddedEngine):
    """Hamiltonian paths beside atoms that are held on, or pulled along, their way; exact at any time step.

    In a `Steering`, `start` and `end` are the led positions, flattened, and `kappa` the spring constant, the same for
    all; where atoms are held, they start at `start`, and κ has no meaning.

    Raises:
        ValueError: the system cannot be steered reversibly, the atoms are not there, or the kernel is unknown.
    """

    def __init__(self, spec: PositionsSpec) -> None:
        if spec.kernel not in KERNELS:
            raise ValueError(f"positions are driven by kernel {' or '.join(KERNELS)}, not {spec.kernel!r}")
        if spec.around.friction > 0:
            raise ValueError("paths of positions have no friction: set path.friction = 0")
        self._spec, self.kT = spec, spec.around.kT
        self._around = OpenMMEngine(spec.around)
        system = prepare(deserialised(spec.around.system_xml, "the system")).system
        count = system.getNumParticles()
        self._cvs = tuple(cv.among(particles_of(system)) for cv in spec.cvs)
        if max(spec.atoms) >= count:
            raise ValueError(f"positions: atom {max(spec.atoms)} is out of range, the system has {count} atoms")
        self._led = np.zeros(count)
        self._led[list(spec.atoms)] = 1.0
        masses = np.array([system.getParticleMass(i)._value for i in range(count)])
        moved = masses > 0 if spec.kernel == "restraint" else (masses > 0) & (self._led == 0)
        self._masses = np.where(moved, masses, 0.0)[:, None]
        self._inverse_masses = np.where(moved, 1 / np.where(masses > 0, masses, 1.0), 0.0)[:, None] * np.ones(3)
        self._integrator: LedVerlet = KERNELS[spec.kernel](spec.around.timestep)
        platform = openmm.Platform.getPlatformByName(spec.around.platform)
        threads = {"Threads": "1"} if spec.around.platform == "CPU" else {}
        properties = threads | dict(spec.around.properties)
        self._context = openmm.Context(system, self._integrator, platform, properties)

    @property
    def exactness(self) -> Exactness:
        return self._around.exactness

    @property
    def volume_moves_every(self) -> int | None:
        return self._around.volume_moves_every

    def change_volume(self, frame: Frame, rng: np.random.Generator) -> tuple[Frame, bool]:
        return self._around.change_volume(frame, rng)

    def cv_values(self, frame: Frame) -> Point:
        return np.array([cv.evaluate(frame) for cv in self._cvs])

    def potential_energy(self, frame: Frame) -> float:
        """Potential energy without a restraint [kJ/mol]."""
        return self._around.potential_energy(frame)

    def relaxed(self, frame: Frame) -> Frame:
        return self._around.relaxed(frame)

    def free_path(self, frame: Frame, steps: int, friction: float, rng: np.random.Generator) -> PathResult:
        path = self._around.free_path(frame, steps, friction, rng)
        return path._replace(cv=self.cv_values(path.frame))

    def steer(
        self, frame: Frame, steering: Steering, rng: np.random.Generator, stakes: Stakes | None = None
    ) -> PathResult:
        if stakes is not None:
            raise ValueError("paths of positions are run to their end: set path.early_rejection = false")
        noise = rng.standard_normal((len(self._masses), 3))
        velocities = np.sqrt(self.kT * self._inverse_masses) * noise
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # a blown-up path shows in its energy
                return self.run(frame, velocities, steering)[0]
        except openmm.OpenMMException as error:
            if "NaN" not in str(error):
                raise
        nan = float("nan")
        return PathResult(frame, self.cv_values(frame), nan, nan, nan, nan, steering.steps, Outcome.DIVERGED)

    def run(self, frame: Frame, velocities: Positions, steering: Steering) -> tuple[PathResult, Positions]:
        """One path from given velocities [nm/ps]; returns its last ones too.

        Raises:
            OpenMMException: the path blows up.
        """
        knots = self._spec.way.knots(steering.start.reshape(-1, 3), steering.end.reshape(-1, 3))
        pieces = len(knots) - 1
        each = max(1, round(steering.steps / pieces))
        kappa = float(steering.kappa.mean()) if self._spec.kernel == "restraint" else 0.0
        self._place(frame, kappa)
        energy, kick = self._energy_and_kick(knots[0], kappa)
        before = energy + self._kinetic_energy(velocities)
        self._context.setVelocities(velocities + kick)
        for start, end in pairwise(knots):
            self._integrator.lead(self._whole(start), self._whole(end - start), each)
        energy, kick = self._energy_and_kick(knots[-1], kappa)
        state = self._context.getState(getPositions=True, getVelocities=True)
        velocities = state.getVelocities(asNumpy=True)._value - kick
        after = energy + self._kinetic_energy(velocities)
        if not (abs(before) < ENERGY_CAP and abs(after) < ENERGY_CAP):
            raise openmm.OpenMMException("energy is NaN or beyond the cap")
        frame_after = Frame(np.array(state.getPositions(asNumpy=True)._value), frame.box)
        work = (after - before) / self.kT
        potential = energy - self._restraint(frame_after.positions, knots[-1], kappa)
        # The work is not split: what part of it the time step makes is not measured on the way.
        result = PathResult(
            frame_after, self.cv_values(frame_after), potential, work, float("nan"), 0.0, pieces * each,
            Outcome.COMPLETED,
        )  # fmt: skip
        return result, velocities

    def _place(self, frame: Frame, kappa: float) -> None:
        """Forget what was computed before (see OpenMMEngine), and take up the frame."""
        self._integrator.prepare(self._led, self._inverse_masses, kappa)
        if frame.box is not None:
            self._context.setPeriodicBoxVectors(*frame.box)
        if self._spec.around.platform == "CPU":
            self._context.setPositions(frame.positions + 1000.0)
            self._context.getState(getEnergy=True)
        self._context.setPositions(frame.positions)

    def _energy_and_kick(self, led: Led, kappa: float) -> tuple[float, Positions]:
        """Potential energy with the restraint [kJ/mol], and what half a kick changes velocities by [nm/ps]."""
        state = self._context.getState(getEnergy=True, getForces=True, getPositions=True)
        positions = state.getPositions(asNumpy=True)._value
        forces = np.array(state.getForces(asNumpy=True)._value)
        atoms = list(self._spec.atoms)
        forces[atoms] -= kappa * (positions[atoms] - led)
        energy = state.getPotentialEnergy()._value + self._restraint(positions, led, kappa)
        return energy, 0.5 * self._spec.around.timestep * self._inverse_masses * forces

    def _restraint(self, positions: Positions, led: Led, kappa: float) -> float:
        return 0.5 * kappa * float(((positions[list(self._spec.atoms)] - led) ** 2).sum())

    def _kinetic_energy(self, velocities: Positions) -> float:
        return 0.5 * float((self._masses * velocities**2).sum())

    def _whole(self, led: Led) -> Positions:
        """Led rows among those of all atoms."""
        whole = np.zeros((len(self._led), 3))
        whole[list(self._spec.atoms)] = led
        return whole
