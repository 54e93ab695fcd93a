"""Paths of kernel K5 (soft restraint, λ extended) in OpenMM."""

from dataclasses import dataclass, field

import numpy as np
import openmm
from jaxtyping import Float

from cvflow.accept import accepts, log_acceptance
from cvflow.circle import wrapped
from cvflow.cv import CollectiveVariable
from cvflow.engine.base import EmbeddedEngine, EngineSpec
from cvflow.engine.openmm.integrator import SteeredVerlet
from cvflow.engine.openmm.preparation import particles_of, prepare
from cvflow.engine.openmm.restraint import centre_name, kappa_name, restraint_force
from cvflow.engine.openmm.volume import default_box, piston, scaled, volume
from cvflow.engine.segments import ENERGY_CAP, REFRESH_STEPS, between_stops, palindromic_segments
from cvflow.schedule import Linear, Schedule
from cvflow.stakes import Stakes, Watch
from cvflow.state import Exactness, Frame, Outcome, PathResult, Point, Positions, Steering
from cvflow.units import temperature

_ALONE = np.array([0])
"""Row of the one path that runs here."""

_PROVEN_PLATFORMS = ("CPU", "Reference")
"""Where tests/engine/test_stationarity.py runs."""


@dataclass(frozen=True)
class OpenMMSpec(EngineSpec):
    """Everything that makes an OpenMMEngine, as plain data, so that worker processes can build their own."""

    system_xml: str
    cvs: tuple[CollectiveVariable, ...]
    kT: float
    timestep: float
    friction: float = 0.0
    schedule: Schedule = field(default_factory=Linear)
    platform: str = "CPU"
    properties: tuple[tuple[str, str], ...] = ()

    @property
    def periods(self) -> Point:
        """Of the CVs, infinite on a line."""
        return np.array([cv.period for cv in self.cvs])

    def build(self) -> "OpenMMEngine":
        return OpenMMEngine(self)


class OpenMMEngine(EmbeddedEngine):
    """Velocity Verlet paths with rare velocity refreshments, exact at any time step.

    Friction acts as Ornstein-Uhlenbeck refreshments of the velocities every 25 steps, in the middle of a kick; their
    heat is the exact kinetic change. Without friction a path is Hamiltonian and costs two energies beyond its steps.

    Raises:
        ValueError: the system cannot be steered reversibly (see `prepare`), a CV reads atoms that are not there, a
            setting is out of range, or the platform is not installed.
    """

    def __init__(self, spec: OpenMMSpec) -> None:
        if not spec.cvs:
            raise ValueError("at least one CV is needed")
        if not spec.kT > 0:
            raise ValueError(f"kT must be positive, got {spec.kT} kJ/mol")
        if spec.friction < 0:
            raise ValueError(f"friction must not be negative, got {spec.friction} 1/ps")
        self.kT = spec.kT
        self._spec = spec
        self._periods = spec.periods
        system = prepare(openmm.XmlSerializer.deserialize(spec.system_xml)).system
        for cv in spec.cvs:
            if cv.highest_atom >= system.getNumParticles():
                raise ValueError(
                    f"CV {cv.name}: atom {cv.highest_atom} is out of range, the system has "
                    f"{system.getNumParticles()} atoms, counted from 0"
                )
        # Of the system without restraints, which take no part in whether it is periodic.
        self._cvs = tuple(cv.among(particles_of(system)) for cv in spec.cvs)
        for index, cv in enumerate(self._cvs):
            system.addForce(restraint_force(cv, index))
        self._masses = np.array([system.getParticleMass(i)._value for i in range(system.getNumParticles())])[:, None]
        with np.errstate(divide="ignore"):
            self._inverse_masses = np.where(self._masses > 0, 1 / self._masses, 0.0)
        self._piston = piston(system)
        if self._piston and abs(self._piston.temperature / temperature(spec.kT) - 1) > 0.01:
            barostat, run = self._piston.temperature, temperature(spec.kT)
            raise ValueError(f"the system's barostat is at {barostat} K and the run at {run:.2f} K: give the same")
        self._default_volume = float(np.linalg.det(default_box(system)))
        self._integrator = SteeredVerlet(spec.timestep, spec.schedule, len(spec.cvs))
        properties = _properties(spec.platform, dict(spec.properties))
        try:
            self._context = openmm.Context(system, self._integrator, _platform(spec.platform), properties)
        except openmm.OpenMMException as error:
            raise ValueError(f"OpenMM cannot run the system on platform {spec.platform}: {error}") from error
        self._molecules = [list(molecule) for molecule in self._context.getMolecules()] if self._piston else []

    @property
    def exactness(self) -> Exactness:
        if self._spec.platform not in _PROVEN_PLATFORMS:
            return Exactness(False, f"the one-jump test has not been run on OpenMM's {self._spec.platform} platform")
        return Exactness(True, f"one-jump stationarity test passed on OpenMM's {self._spec.platform} platform")

    def cv_values(self, frame: Frame) -> Point:
        return np.array([cv.evaluate(frame) for cv in self._cvs])

    def potential_energy(self, frame: Frame) -> float:
        zero = np.zeros(len(self._spec.cvs))
        self._forget(frame)
        self._place(frame, zero, zero)
        return float(self._context.getState(getEnergy=True).getPotentialEnergy()._value)

    def forces(self, frame: Frame) -> Positions:
        """Forces without the restraint [kJ/mol/nm]."""
        zero = np.zeros(len(self._spec.cvs))
        self._place(frame, zero, zero)
        return self._context.getState(getForces=True).getForces(asNumpy=True)._value

    @property
    def volume_moves_every(self) -> int | None:
        return self._piston.frequency if self._piston else None

    def change_volume(self, frame: Frame, rng: np.random.Generator) -> tuple[Frame, bool]:
        """One Metropolis move of the volume at constant pressure; molecules keep their shape.

        The volume moves uniformly by at most V_0 / (2 √N), with V_0 the system's default volume and N the number of
        molecules: about two standard deviations of a liquid's.

        Raises:
            ValueError: the system has no barostat.

        Source: Frenkel and Smit, Understanding Molecular Simulation, section 5.4.
        """
        if self._piston is None:
            raise ValueError("the system has no MonteCarloBarostat")
        count, before = len(self._molecules), volume(frame)
        after = before + self._default_volume / (2 * np.sqrt(count)) * rng.uniform(-1, 1)
        if not after > 0:
            return frame, False
        proposed = scaled(frame, self._molecules, after)
        energy = (
            self.potential_energy(proposed) - self.potential_energy(frame) + self._piston.pressure * (after - before)
        )
        work = float(energy / self.kT - count * np.log(after / before))
        accepted = accepts(log_acceptance(0.0, 0.0, work), rng)
        return (proposed if accepted else frame), accepted

    def minimise(self, frame: Frame, centre: Point, kappa: Point) -> Frame:
        """Go downhill in energy with the restraint held at `centre`, by OpenMM's LocalEnergyMinimizer."""
        self._forget(frame)
        self._place(frame, centre, kappa)
        openmm.LocalEnergyMinimizer.minimize(self._context)
        return self._frame(self._context.getState(getPositions=True), frame.box)

    def relaxed(self, frame: Frame) -> Frame:
        nowhere = np.zeros(len(self._spec.cvs))
        return self.minimise(frame, nowhere, nowhere)

    def steer(
        self, frame: Frame, steering: Steering, rng: np.random.Generator, stakes: Stakes | None = None
    ) -> PathResult:
        return self._path(frame, steering, self._spec.friction, rng, stakes)

    def free_path(self, frame: Frame, steps: int, friction: float, rng: np.random.Generator) -> PathResult:
        zero = np.zeros(len(self._spec.cvs))
        return self._path(frame, Steering(zero, zero, zero, steps), friction, rng, None)

    def _path(
        self, frame: Frame, steering: Steering, friction: float, rng: np.random.Generator, stakes: Stakes | None
    ) -> PathResult:
        """Run one path; docs/theory.md, eqs. (6) to (9)."""
        velocities = self._maxwell(rng)
        self._forget(frame)
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # a blown-up path shows in its energy
                return self._run(frame, velocities, steering, friction, rng, stakes)
        except openmm.OpenMMException as error:
            if "NaN" not in str(error):
                raise
        return self._left(frame, steering.steps, Outcome.DIVERGED)

    def _run(
        self,
        frame: Frame,
        velocities: Positions,
        steering: Steering,
        friction: float,
        rng: np.random.Generator,
        stakes: Stakes | None,
    ) -> PathResult:
        half = 0.5 * self._spec.timestep * self._inverse_masses
        self._place(frame, steering.start, steering.kappa)
        start = self._context.getState(getEnergy=True, getForces=True, getParameterDerivatives=True)
        energy_before = start.getPotentialEnergy()._value + self._kinetic_energy(velocities)
        self._context.setVelocities(velocities + half * start.getForces(asNumpy=True)._value)

        first = float(self._spec.schedule.fraction(np.array([1 / steering.steps]))[0])
        way = self._way(steering)
        self._integrator.begin(list(steering.start), list(steering.start + way), steering.steps, first)
        protocol_work = 0.5 * first * self._pull(start, way)
        watch = Watch(np.array([steering.steps]), stakes)
        heat, done = 0.0, 0
        *inner, last = palindromic_segments(steering.steps, between_stops(steering.steps, friction, stakes is not None))
        decay = np.exp(-friction * self._spec.timestep * REFRESH_STEPS)
        for steps in inner:
            self._integrator.step(steps)
            done += steps
            if stakes:
                fraction = self._spec.schedule.fraction(np.array([done / steering.steps]))
                watch.look(done, _ALONE, fraction, np.array([self._energy() - energy_before - heat]) / self.kT)
            if watch.given_up[0]:
                return self._left(frame, done, Outcome.GIVEN_UP)
            if friction:
                heat += self._refresh(decay, rng)
        self._integrator.step(last)

        end = self._context.getState(getEnergy=True, getForces=True, getPositions=True, getVelocities=True)
        velocities = end.getVelocities(asNumpy=True)._value - half * end.getForces(asNumpy=True)._value
        energy_after = end.getPotentialEnergy()._value + self._kinetic_energy(velocities)
        frame_after = self._frame(end, frame.box)
        if not (abs(energy_before) < ENERGY_CAP and abs(energy_after) < ENERGY_CAP):
            raise openmm.OpenMMException("energy is NaN or beyond the cap")
        work = (energy_after - energy_before - heat) / self.kT
        cv = self.cv_values(frame_after)
        restraint = 0.5 * float(np.sum(steering.kappa * wrapped(cv - steering.end, self._periods) ** 2))
        return PathResult(
            frame=frame_after,
            cv=cv,
            potential_energy=end.getPotentialEnergy()._value - restraint,
            work=work,
            protocol_work=(protocol_work + self._integrator.protocol_work) / self.kT,
            heat=heat / self.kT,
            steps=steering.steps,
            outcome=Outcome.COMPLETED,
            log_survival=float(watch.log_survival[0]),
            interim=watch.interim(np.array([work]))[0],
        )

    def _left(self, frame: Frame, steps: int, outcome: Outcome) -> PathResult:
        """A path that did not get to its end."""
        nan = float("nan")
        return PathResult(frame, self.cv_values(frame), nan, nan, nan, nan, steps, outcome)

    def _energy(self) -> float:
        """Potential energy with the restraint, plus kinetic energy of the synchronous velocities [kJ/mol]."""
        half = 0.5 * self._spec.timestep * self._inverse_masses
        state = self._context.getState(getEnergy=True, getForces=True, getVelocities=True)
        velocities = state.getVelocities(asNumpy=True)._value - half * state.getForces(asNumpy=True)._value
        return float(state.getPotentialEnergy()._value) + self._kinetic_energy(velocities)

    def _refresh(self, decay: float, rng: np.random.Generator) -> float:
        """Ornstein-Uhlenbeck step on the synchronous velocities; returns its heat [kJ/mol]."""
        half = 0.5 * self._spec.timestep * self._inverse_masses
        state = self._context.getState(getForces=True, getVelocities=True)
        kick = half * state.getForces(asNumpy=True)._value
        before = state.getVelocities(asNumpy=True)._value - kick
        after = decay * before + np.sqrt(1 - decay**2) * self._maxwell(rng)
        self._context.setVelocities(after + kick)
        return self._kinetic_energy(after) - self._kinetic_energy(before)

    def _maxwell(self, rng: np.random.Generator) -> Positions:
        """Velocities [nm/ps] from the Maxwell distribution; particles without mass stay at rest."""
        return np.sqrt(self.kT * self._inverse_masses) * rng.standard_normal((len(self._masses), 3))

    def _kinetic_energy(self, velocities: Positions) -> float:
        return 0.5 * float(np.sum(self._masses * velocities**2))

    def _way(self, steering: Steering) -> Point:
        """From start to end, on a circle along the shortest arc; from end to start it is the same way back."""
        return wrapped(steering.end - steering.start, self._periods)

    def _pull(self, state: openmm.State, way: Point) -> float:
        """∂u/∂λ along the whole way [kJ/mol]."""
        derivatives = state.getEnergyParameterDerivatives()
        slopes = np.array([derivatives[centre_name(i)] for i in range(len(self._spec.cvs))])
        return float(np.sum(slopes * way))

    def _place(self, frame: Frame, centre: Point, kappa: Point) -> None:
        for i in range(len(self._spec.cvs)):
            self._context.setParameter(centre_name(i), float(centre[i]))
            self._context.setParameter(kappa_name(i), float(kappa[i]))
        if frame.box is not None:
            self._context.setPeriodicBoxVectors(*frame.box)
        self._context.setPositions(frame.positions)

    def _forget(self, frame: Frame) -> None:
        """Make what follows independent of what the context computed before.

        The CPU platform keeps its neighbour list until atoms have moved, and the list's order is the order of its sums
        in single precision: the same path would differ in its last digits, and after some hundred steps everywhere.
        One energy of the frame moved far away rebuilds the list now, and placing the frame rebuilds it again.
        """
        if self._spec.platform == "CPU":
            self._context.setPositions(frame.positions + 1000.0)
            self._context.getState(getEnergy=True)

    def _frame(self, state: openmm.State, box: Float[np.ndarray, "3 3"] | None) -> Frame:
        return Frame(np.array(state.getPositions(asNumpy=True)._value), box)


def _platform(name: str) -> openmm.Platform:
    installed = [openmm.Platform.getPlatform(i).getName() for i in range(openmm.Platform.getNumPlatforms())]
    if name not in installed:
        raise ValueError(f"OpenMM has no platform {name!r} here; installed: {', '.join(installed)}")
    return openmm.Platform.getPlatform(name)


def _properties(platform: str, given: dict[str, str]) -> dict[str, str]:
    """One thread a walker unless told otherwise: a walker process has one core."""
    return {"Threads": "1"} | given if platform == "CPU" else given
