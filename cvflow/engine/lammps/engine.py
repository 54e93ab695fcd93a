"""Paths of kernel K5 (soft restraint, λ extended) in LAMMPS."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from cvflow.circle import wrapped
from cvflow.cv import CollectiveVariable
from cvflow.engine.base import EmbeddedEngine, EngineSpec
from cvflow.engine.lammps.machine import CrashError, Machine
from cvflow.engine.lammps.model import LammpsModel
from cvflow.engine.lammps.pull import Pull
from cvflow.engine.segments import ENERGY_CAP, REFRESH_STEPS, between_stops, palindromic_segments
from cvflow.schedule import Linear, Schedule
from cvflow.stakes import Stakes, Watch
from cvflow.state import Exactness, Frame, Outcome, PathResult, Point, Positions, Steering

_ALONE = np.array([0])
"""Row of the one path that runs here."""


@dataclass(frozen=True)
class LammpsSpec(EngineSpec):
    """Everything that makes a LammpsEngine, as plain data, so that worker processes can build their own."""

    model: LammpsModel
    cvs: tuple[CollectiveVariable, ...]
    kT: float
    timestep: float
    friction: float = 0.0
    schedule: Schedule = field(default_factory=Linear)

    def build(self) -> "LammpsEngine":
        return LammpsEngine(self)


class LammpsEngine(EmbeddedEngine):
    """Velocity Verlet paths in LAMMPS with rare velocity refreshments, exact at any time step.

    The restraint moves in a callback of `fix external`, at every step from the positions where the drift has taken
    them: half kick at λ_0, then drift and full kick at λ_1, λ_2, …, half kick at λ_N. Energies are read where the
    velocities are synchronous, LAMMPS's potential energy in double precision; restraint, long bonds and kinetic energy
    are added here.

    Raises:
        ValueError: LAMMPS is missing or refuses the model, it cannot pull on a CV, or a setting is out of range.
    """

    def __init__(self, spec: LammpsSpec) -> None:
        if not spec.cvs:
            raise ValueError("at least one CV is needed")
        for name, value in (("kT", spec.kT), ("timestep", spec.timestep)):
            if not value > 0:
                raise ValueError(f"{name} must be positive, got {value}")
        if spec.friction < 0:
            raise ValueError(f"friction must not be negative, got {spec.friction} 1/ps")
        self.kT = spec.kT
        self._spec = spec
        self._periods = np.array([cv.period for cv in spec.cvs])
        self._start()
        self._masses = self._machine.masses

    def _start(self) -> None:
        """Start LAMMPS, at the beginning and after it has crashed."""
        spec = self._spec
        self._machine = Machine(spec.model, spec.timestep)
        atoms = self._machine.atoms
        read = [("a bond", spec.model.highest_atom), *((f"CV {cv.name}", cv.highest_atom) for cv in spec.cvs)]
        for what, highest in read:
            if highest >= atoms:
                raise ValueError(
                    f"{what}: atom {highest} is out of range, the system has {atoms} atoms, counted from 0"
                )
        self._pull = Pull(spec.cvs, spec.model.long_bonds, self._machine)
        self._machine.pulled_by(self._pull)

    @property
    def exactness(self) -> Exactness:
        return Exactness(True, "one-jump stationarity test passed in LAMMPS")

    def cv_values(self, frame: Frame) -> Point:
        return np.array([cv.evaluate(frame) for cv in self._spec.cvs])

    def potential_energy(self, frame: Frame) -> float:
        self._unrestrained(frame)
        return self._potential_energy(frame)

    def forces(self, frame: Frame) -> Positions:
        """Forces without the restraint [kJ/mol/nm]."""
        self._unrestrained(frame)
        return self._machine.forces

    def relaxed(self, frame: Frame) -> Frame:
        """Downhill in energy by LAMMPS's FIRE, which needs forces only.

        Raises:
            ArithmeticError: the start falls apart.
        """
        self._unrestrained(frame)
        try:
            self._machine.minimise()
        except CrashError as error:
            self._crashed()
            raise ArithmeticError(f"the start falls apart when it is minimised: {error}") from error
        return frame._replace(positions=self._machine.positions)

    def steer(
        self, frame: Frame, steering: Steering, rng: np.random.Generator, stakes: Stakes | None = None
    ) -> PathResult:
        way = wrapped(steering.end - steering.start, self._periods)
        centres = self._spec.schedule.centres(steering.start, steering.start + way, steering.steps)
        return self._path(frame, steering, centres, self._spec.friction, rng, stakes)

    def free_path(self, frame: Frame, steps: int, friction: float, rng: np.random.Generator) -> PathResult:
        zero = np.zeros(len(self._spec.cvs))
        return self._path(frame, Steering(zero, zero, zero, steps), np.zeros((0, len(zero))), friction, rng, None)

    def _path(
        self,
        frame: Frame,
        steering: Steering,
        centres: Float[np.ndarray, "centres cvs"],
        friction: float,
        rng: np.random.Generator,
        stakes: Stakes | None,
    ) -> PathResult:
        """Run one path; docs/theory.md, eqs. (6) to (9)."""
        self._pull.begin(centres, steering.kappa)
        self._machine.set_up(frame, self._maxwell(rng))
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # a blown-up path shows in its energy
                return self._run(frame, steering, friction, rng, stakes)
        except CrashError:
            self._crashed()
        return self._left(frame, steering.steps, Outcome.DIVERGED)

    def _run(
        self, frame: Frame, steering: Steering, friction: float, rng: np.random.Generator, stakes: Stakes | None
    ) -> PathResult:
        before = self._total_energy(frame, steering, 0.0)
        watch = Watch(np.array([steering.steps]), stakes)
        heat, done = 0.0, 0
        *inner, last = palindromic_segments(steering.steps, between_stops(steering.steps, friction, stakes is not None))
        decay = np.exp(-friction * self._spec.timestep * REFRESH_STEPS)
        for steps in inner:
            self._go_on(steps)
            done += steps
            if stakes:
                fraction = self._spec.schedule.fraction(np.array([done / steering.steps]))
                energy = self._total_energy(self._frame(frame), steering, float(fraction[0]))
                watch.look(done, _ALONE, fraction, np.array([energy - before - heat]) / self.kT)
            if watch.given_up[0]:
                return self._left(frame, done, Outcome.GIVEN_UP)
            if friction:
                heat += self._refresh(decay, rng)
        self._go_on(last)

        end = self._frame(frame)
        after = self._total_energy(end, steering, 1.0)
        if not (abs(before) < ENERGY_CAP and abs(after) < ENERGY_CAP):
            return self._left(frame, steering.steps, Outcome.DIVERGED)
        work = (after - before - heat) / self.kT
        protocol = sum(
            track.protocol_work(period) for track, period in zip(self._pull.tracks, self._periods, strict=True)
        )
        return PathResult(
            frame=end,
            cv=self.cv_values(end),
            potential_energy=self._potential_energy(end),
            work=work,
            protocol_work=protocol / self.kT,
            heat=heat / self.kT,
            steps=steering.steps,
            outcome=Outcome.COMPLETED,
            log_survival=float(watch.log_survival[0]),
            interim=watch.interim(np.array([work]))[0],
        )

    def _go_on(self, steps: int) -> None:
        """Raises what the callback could not."""
        self._machine.run(steps)
        error, self._pull.error = self._pull.error, None
        if error:
            raise error

    def _left(self, frame: Frame, steps: int, outcome: Outcome) -> PathResult:
        """A path that did not get to its end."""
        nan = float("nan")
        return PathResult(frame, self.cv_values(frame), nan, nan, nan, nan, steps, outcome)

    def _crashed(self) -> None:
        self._machine.close()
        self._start()

    def _unrestrained(self, frame: Frame) -> None:
        cvs = len(self._spec.cvs)
        self._pull.begin(np.zeros((0, cvs)), np.zeros(cvs))
        self._machine.set_up(frame, np.zeros_like(frame.positions))

    def _frame(self, like: Frame) -> Frame:
        return like._replace(positions=self._machine.positions)

    def _total_energy(self, frame: Frame, steering: Steering, fraction: float) -> float:
        """Potential, restraint and kinetic energy [kJ/mol] where the machine is; `frame` are its positions."""
        way = wrapped(steering.end - steering.start, self._periods)
        apart = wrapped(self.cv_values(frame) - steering.start - fraction * way, self._periods)
        restraint = 0.5 * float(np.sum(steering.kappa * apart**2))
        return self._potential_energy(frame) + restraint + self._kinetic_energy(self._machine.velocities)

    def _potential_energy(self, frame: Frame) -> float:
        return self._machine.potential_energy + sum(bond.energy(frame) for bond in self._spec.model.long_bonds)

    def _refresh(self, decay: float, rng: np.random.Generator) -> float:
        """Ornstein-Uhlenbeck step on the velocities; returns its heat [kJ/mol]."""
        before = self._machine.velocities
        after = decay * before + np.sqrt(1 - decay**2) * self._maxwell(rng)
        self._machine.velocities = after
        return self._kinetic_energy(after) - self._kinetic_energy(before)

    def _maxwell(self, rng: np.random.Generator) -> Positions:
        """Velocities [nm/ps] from the Maxwell distribution."""
        return np.sqrt(self.kT / self._masses) * rng.standard_normal((len(self._masses), 3))

    def _kinetic_energy(self, velocities: Positions) -> float:
        return 0.5 * float(np.sum(self._masses * velocities**2))
