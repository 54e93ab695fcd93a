"""Paths of kernel K5 (soft restraint, λ extended) over any ASE calculator."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from cvflow.circle import wrapped
from cvflow.cv import CollectiveVariable
from cvflow.cv.gradient import value_and_gradient
from cvflow.engine.ase.surface import CalculatorError, Surface
from cvflow.engine.base import Engine, EngineSpec
from cvflow.engine.segments import ENERGY_CAP, REFRESH_STEPS, between_stops, palindromic_segments
from cvflow.schedule import Linear, Schedule
from cvflow.stakes import Stakes, Watch
from cvflow.state import Exactness, Frame, Outcome, PathResult, Point, Positions, Steering

_ALONE = np.array([0])
"""Row of the one path that runs here."""


@dataclass(frozen=True)
class AseSpec(EngineSpec):
    """Everything that makes an AseEngine, as plain data.

    Attributes:
        source: makes the ase.Atoms with its calculator; worker processes find it by its name.
        cvs: what is steered.
        kT: thermal energy [kJ/mol].
        timestep: ps.
        friction: of steered paths [1/ps].
        schedule: of the restraint's centre.
    """

    source: Callable[[], Any]
    cvs: tuple[CollectiveVariable, ...]
    kT: float
    timestep: float
    friction: float = 0.0
    schedule: Schedule = field(default_factory=Linear)

    def build(self) -> "AseEngine":
        return AseEngine(self)


class _Here(NamedTuple):
    """All that is known of one configuration and one λ: energies in kJ/mol, forces in kJ/mol/nm, without and with u."""

    potential: float
    restraint: float
    forces: Positions
    apart: Point


class AseEngine(Engine):
    """Velocity Verlet paths with rare velocity refreshments, exact at any time step.

    The restraint is added to the calculator's forces here. A calculator that fails or gives NaN ends the path as
    diverged. Nothing takes momentum out.

    Raises:
        ValueError: ASE is missing, the system is none that can be steered, a CV reads atoms that are not there or has
            no gradient, or a setting is out of range.
    """

    def __init__(self, spec: AseSpec) -> None:
        if not spec.cvs:
            raise ValueError("at least one CV is needed")
        if not (spec.kT > 0 and spec.timestep > 0):
            raise ValueError(f"kT and timestep must be positive, got {spec.kT} kJ/mol and {spec.timestep} ps")
        if spec.friction < 0:
            raise ValueError(f"friction must not be negative, got {spec.friction} 1/ps")
        self.kT, self._spec = spec.kT, spec
        self._surface = Surface(spec.source)
        self._masses = self._surface.masses
        count = len(self._masses)
        for cv in spec.cvs:
            if cv.highest_atom >= count:
                raise ValueError(
                    f"CV {cv.name}: atom {cv.highest_atom} is out of range, the system has {count} atoms, counted "
                    "from 0"
                )
        self._cvs = tuple(cv.among(self._surface.particles) for cv in spec.cvs)
        self._periods = np.array([cv.period for cv in spec.cvs])
        for cv in self._cvs:
            value_and_gradient(cv, self._surface.frame())

    @property
    def exactness(self) -> Exactness:
        return Exactness(True, "one-jump stationarity test passed on the ASE engine; its calculator's forces are taken "
                         "for the gradient of its energy")  # fmt: skip

    def cv_values(self, frame: Frame) -> Point:
        return np.array([cv.evaluate(frame) for cv in self._cvs])

    def potential_energy(self, frame: Frame) -> float:
        """NaN where the calculator fails."""
        self._surface.begin()
        try:
            return self._surface.evaluate(frame).energy
        except CalculatorError:
            return float("nan")

    def relaxed(self, frame: Frame) -> Frame:
        self._surface.begin()
        return self._surface.relaxed(frame)

    def steer(
        self, frame: Frame, steering: Steering, rng: np.random.Generator, stakes: Stakes | None = None
    ) -> PathResult:
        return self._path(frame, steering, self._spec.friction, rng, stakes)

    def free_path(self, frame: Frame, steps: int, friction: float, rng: np.random.Generator) -> PathResult:
        zero = np.zeros(len(self._cvs))
        return self._path(frame, Steering(zero, zero, zero, steps), friction, rng, None)

    def _path(
        self, frame: Frame, steering: Steering, friction: float, rng: np.random.Generator, stakes: Stakes | None
    ) -> PathResult:
        velocities = self._maxwell(rng)
        self._surface.begin()
        try:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # a blown-up path shows in its energy
                return self._run(frame, velocities, steering, friction, rng, stakes)
        except CalculatorError:
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
        """Half kick at λ_0; N times (drift, λ_k → λ_{k+1}, full kick); half a kick back at λ_N."""
        dt, steps = self._spec.timestep, steering.steps
        fractions = self._spec.schedule.fraction(np.arange(steps + 1) / steps)
        way = wrapped(steering.end - steering.start, self._periods)
        # λ moves half of its step before the drift and half after it, for the account of the protocol work.
        strides = np.gradient(np.concatenate([[0.0], fractions, [1.0]]))[1:-1]
        half = 0.5 * dt / self._masses
        here = self._here(frame, steering, steering.start)
        energy_before = self._energy(here, velocities)
        velocities = velocities + half * here.forces
        protocol_work, heat, done = float(here.apart @ (steering.kappa * way)) * -strides[0], 0.0, 0
        watch = Watch(np.array([steps]), stakes)
        *inner, last = palindromic_segments(steps, between_stops(steps, friction, stakes is not None))
        decay = np.exp(-friction * dt * REFRESH_STEPS)
        for segment in (*inner, last):
            for _ in range(segment):
                done += 1
                frame = frame._replace(positions=frame.positions + dt * velocities)
                here = self._here(frame, steering, steering.start + fractions[done] * way)
                velocities = velocities + 2 * half * here.forces
                protocol_work -= float(here.apart @ (steering.kappa * way)) * strides[done]
            if done == steps:
                break
            velocities = velocities - half * here.forces
            if stakes:
                so_far = (self._energy(here, velocities) - energy_before - heat) / self.kT
                watch.look(done, _ALONE, fractions[done : done + 1], np.array([so_far]))
            if watch.given_up[0]:
                return self._left(frame, done, Outcome.GIVEN_UP)
            if friction:
                before = self._kinetic_energy(velocities)
                velocities = decay * velocities + np.sqrt(1 - decay**2) * self._maxwell(rng)
                heat += self._kinetic_energy(velocities) - before
            velocities = velocities + half * here.forces
        energy_after = self._energy(here, velocities - half * here.forces)
        if not (abs(energy_before) < ENERGY_CAP and abs(energy_after) < ENERGY_CAP):
            raise CalculatorError("energy is NaN or beyond the cap")
        work = (energy_after - energy_before - heat) / self.kT
        return PathResult(
            frame=frame,
            cv=self.cv_values(frame),
            potential_energy=here.potential,
            work=work,
            protocol_work=protocol_work / self.kT,
            heat=heat / self.kT,
            steps=steps,
            outcome=Outcome.COMPLETED,
            log_survival=float(watch.log_survival[0]),
            interim=watch.interim(np.array([work]))[0],
        )

    def _here(self, frame: Frame, steering: Steering, centre: Point) -> _Here:
        energy, forces = self._surface.evaluate(frame)
        apart = np.zeros(len(self._cvs))
        if not steering.kappa.any():
            return _Here(energy, 0.0, forces, apart)
        values, gradients = zip(*(value_and_gradient(cv, frame) for cv in self._cvs), strict=True)
        apart = wrapped(np.array(values) - centre, self._periods)
        forces = forces - np.tensordot(steering.kappa * apart, np.array(gradients), axes=1)
        return _Here(energy, 0.5 * float(steering.kappa @ apart**2), forces, apart)

    def _left(self, frame: Frame, steps: int, outcome: Outcome) -> PathResult:
        """A path that did not get to its end."""
        nan = float("nan")
        return PathResult(frame, self.cv_values(frame), nan, nan, nan, nan, steps, outcome)

    def _energy(self, here: _Here, velocities: Positions) -> float:
        return here.potential + here.restraint + self._kinetic_energy(velocities)

    def _kinetic_energy(self, velocities: Positions) -> float:
        return 0.5 * float(np.sum(self._masses * velocities**2))

    def _maxwell(self, rng: np.random.Generator) -> Positions:
        """Velocities [nm/ps] from the Maxwell distribution."""
        return np.sqrt(self.kT / self._masses) * rng.standard_normal((len(self._masses), 3))
