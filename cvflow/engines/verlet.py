"""Paths of kernel K5 (soft restraint, λ extended), whichever library makes their steps."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from math import inf

import numpy as np

from cvflow.core.early_rejection import EarlyRejection, PathMonitor
from cvflow.core.frames import LOOKS, Frame, Looks, Outcome, PathResult, Point, Positions, Steering
from cvflow.core.periodic import wrapped
from cvflow.core.schedule import Schedule
from cvflow.core.walls import Wall
from cvflow.cv import CollectiveVariable, Particles
from cvflow.engines.base import Engine
from cvflow.engines.motion import BlownUpError, Course, End, Instant, Motion, PerParticle
from cvflow.engines.segments import REFRESH_STEPS, between_stops, evenly_spread, palindromic_segments

LARGEST_ENERGY = 1e9
"""|H| [kJ/mol] from which an end of a path counts as blown up. Absolute, hence the same for a path and its reverse."""

_ALONE = np.array([0])
"""Row of the one path that runs here."""


@dataclass
class _Seen:
    """What was seen of a path on its way so far."""

    _looks: list[tuple[float, float, Point]] = field(default_factory=list)

    def add(self, fraction: float, work: float, cv: Point) -> None:
        """One more point: fraction of the way, work so far [kT], ξ(x)."""
        self._looks.append((fraction, work, cv))

    @property
    def looks(self) -> Looks | None:
        """All points; None where there were none."""
        return Looks(*map(np.array, zip(*self._looks, strict=True))) if self._looks else None


class VerletSpec(ABC):
    """What the specifications of these engines have in common.

    Attributes:
        cvs: what is steered.
        kT: thermal energy [kJ/mol].
        timestep: ps.
        friction: of steered paths [1/ps].
        schedule: of the restraint's centre.
        molecules: the number of each atom's molecule, which is whole; each atom by itself if left out.
        walls: on the CVs, part of the potential.
    """

    cvs: tuple[CollectiveVariable, ...]
    kT: float
    timestep: float
    friction: float
    schedule: Schedule
    molecules: tuple[int, ...]
    walls: tuple[Wall, ...]

    @abstractmethod
    def build(self) -> "VerletEngine":
        """Build the engine.

        Raises:
            ValueError: something in the specification is not possible.
        """

    @property
    def periods(self) -> Point:
        """Of what a path steers, which is the CVs, in their units; infinite on a line."""
        return np.array([cv.period for cv in self.cvs])

    def check(self) -> None:
        """Check the values.

        Raises:
            ValueError: one is out of range.
        """
        if not self.cvs:
            raise ValueError("at least one CV is needed")
        if not self.kT > 0:
            raise ValueError(f"kT must be positive, got {self.kT} kJ/mol")
        if not self.timestep > 0:
            raise ValueError(f"timestep must be positive, got {self.timestep} ps")
        if self.friction < 0:
            raise ValueError(f"friction must not be negative, got {self.friction} 1/ps")

    def cvs_among(self, particles: Particles) -> tuple[CollectiveVariable, ...]:
        """The CVs as they are of these particles.

        Raises:
            ValueError: a CV reads atoms that are not there.
        """
        for cv in self.cvs:
            check_atom(f"CV {cv.name}", cv.highest_atom, len(particles.masses))
        return tuple(cv.among(particles._replace(molecules=self.molecules)) for cv in self.cvs)


def check_atom(what: str, highest: int, count: int) -> None:
    """Check that the highest atom that something reads is there.

    Raises:
        ValueError: it is not.
    """
    if highest >= count:
        raise ValueError(f"{what}: atom {highest} is out of range, the system has {count} atoms, counted from 0")


class VerletEngine(Engine):
    """Velocity Verlet paths with rare velocity refreshments, exact at any time step: docs/theory.md, eqs. (6) to (9).

    Friction acts as Ornstein-Uhlenbeck refreshments of the velocities every 25 steps, in the middle of a kick; their
    heat is the exact kinetic change. Without friction a path is Hamiltonian and costs two energies beyond its steps.

    An engine inside this process, which can be asked for the energy of a configuration. A library has to begin a
    `Motion`, and to say how heavy its particles are. When a motion blows up, the path has diverged, and the library has
    to be able to begin the next.

    Raises:
        ValueError: a setting is out of range.
    """

    _cvs: tuple[CollectiveVariable, ...]
    """As they are of the engine's particles."""

    _masses: PerParticle
    """amu."""

    _speeds: PerParticle
    """Standard deviations of Maxwell's velocities [nm/ps]; zero for particles that stay at rest."""

    def __init__(self, spec: VerletSpec) -> None:
        spec.check()
        self.kT = spec.kT
        self._spec = spec
        self._periods = spec.periods

    @abstractmethod
    def _begin(self, frame: Frame, velocities: Positions, course: Course) -> Motion:
        """Begin a path, independent of all paths before.

        Args:
            frame: where it begins.
            velocities: synchronous with it [nm/ps].
            course: of the restraint.

        Raises:
            BlownUpError: there is no energy where it begins.
        """

    @abstractmethod
    def potential_energy(self, frame: Frame) -> float:
        """Potential energy without the restraint [kJ/mol]."""

    @property
    def cvs(self) -> tuple[CollectiveVariable, ...]:
        """The CVs as they are of the engine's particles."""
        return self._cvs

    def cv_values(self, frame: Frame) -> Point:
        return np.array([cv.evaluate(frame) for cv in self._cvs])

    def elsewhere(self, frame: Frame) -> Frame:
        """The same configuration as the library may come to hold it on a path; most hold it as it is."""
        return frame

    def put_right(self, frame: Frame) -> Frame:
        """The configuration with rigid bonds at their lengths, where the library keeps some."""
        return frame

    def let_time_pass(self) -> None:
        for cv in self._cvs:
            cv.let_time_pass()

    def steer(
        self, frame: Frame, steering: Steering, rng: np.random.Generator, criterion: EarlyRejection | None = None
    ) -> PathResult:
        return self._path(frame, steering, self._spec.friction, rng, criterion, watched=True)

    def free_path(self, frame: Frame, steps: int, friction: float, rng: np.random.Generator) -> PathResult:
        zero = np.zeros(len(self._spec.cvs))
        return self._path(frame, Steering(zero, zero, zero, steps), friction, rng, None, watched=False)

    def return_error(self, frame: Frame, steering: Steering, rng: np.random.Generator) -> float:
        """W + W_back [kT] of a path without friction and of its reverse, which sets off from its end.

        It would be zero in exact arithmetic: what is left are rounding, the platform's precision and the tolerance of
        constraints. Infinite where one of the two blows up.

        Args:
            frame: where the path begins, from fresh velocities.
            steering: of the path; its reverse is steered back.
            rng: draws the velocities.
        """
        try:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                before, there = self._hamiltonian(frame, self._maxwell(rng), steering)
                back = steering._replace(start=steering.end, end=steering.start)
                turned, again = self._hamiltonian(there.frame, -there.instant.velocities, back)
        except BlownUpError:
            return inf
        works = self._energy(there.instant) - before, self._energy(again.instant) - turned
        return float(sum(works)) / self.kT if np.isfinite(works).all() else inf

    def _hamiltonian(self, frame: Frame, velocities: Positions, steering: Steering) -> tuple[float, End]:
        """Run a path without friction to its end; H [kJ/mol] where it begins, and the end."""
        course = Course(steering, self._way(steering), self._periods, self._spec.schedule)
        motion = self._begin(frame, velocities, course)
        before = self._energy(motion.before)
        motion.advance(steering.steps)
        return before, motion.end()

    def _path(
        self,
        frame: Frame,
        steering: Steering,
        friction: float,
        rng: np.random.Generator,
        criterion: EarlyRejection | None,
        watched: bool,
    ) -> PathResult:
        """Run one path from fresh velocities; one that blows up has diverged."""
        try:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # a blown-up path shows in its energy
                return self._run(frame, steering, friction, rng, criterion, watched)
        except BlownUpError as error:
            return self._left(frame, steering.steps, error.outcome)

    def _run(
        self,
        frame: Frame,
        steering: Steering,
        friction: float,
        rng: np.random.Generator,
        criterion: EarlyRejection | None,
        watched: bool,
    ) -> PathResult:
        course = Course(steering, self._way(steering), self._periods, self._spec.schedule)
        motion = self._begin(frame, self._maxwell(rng), course)
        before = self._energy(motion.before)
        monitor, seen = PathMonitor(np.array([steering.steps]), criterion), _Seen()
        heat, done = 0.0, 0
        *inner, last = palindromic_segments(steering.steps, between_stops(steering.steps, friction, watched))
        kept = evenly_spread(len(inner), LOOKS) if watched else ()
        for number, steps in enumerate(inner):
            motion.advance(steps)
            done += steps
            fraction = course.fraction(done)
            if criterion or number in kept:
                work = (self._energy(motion.instant()) - before - heat) / self.kT
            if criterion:
                monitor.look(done, _ALONE, np.array([fraction]), np.array([work]))
            if monitor.given_up[0]:
                return self._left(frame, done, Outcome.GIVEN_UP)
            if number in kept and np.isfinite(work):
                seen.add(fraction, work, self.cv_values(motion.configuration()))
            if friction:
                heat += self._refresh(motion, friction, rng)
        motion.advance(last)

        end = motion.end()
        after = self._energy(end.instant)
        if not (abs(before) < LARGEST_ENERGY and abs(after) < LARGEST_ENERGY):
            return self._left(frame, steering.steps, Outcome.DIVERGED)
        return self._completed(end, (after - before - heat) / self.kT, heat / self.kT, monitor, seen)

    def _completed(self, end: End, work: float, heat: float, monitor: PathMonitor, seen: _Seen) -> PathResult:
        """A path that got to its end; `work` and `heat` in kT."""
        return PathResult(
            frame=end.frame,
            cv=self.cv_values(end.frame),
            potential_energy=end.potential_energy,
            work=work,
            protocol_work=end.protocol_work / self.kT,
            heat=heat,
            steps=int(monitor.ends[0]),
            outcome=Outcome.COMPLETED,
            log_survival=float(monitor.log_survival[0]),
            interim=monitor.interim(np.array([work]))[0],
            looks=seen.looks,
        )

    def _left(self, frame: Frame, steps: int, outcome: Outcome) -> PathResult:
        """A path that did not get to its end."""
        nan = float("nan")
        return PathResult(frame, self.cv_values(frame), nan, nan, nan, nan, steps, outcome)

    def _refresh(self, motion: Motion, friction: float, rng: np.random.Generator) -> float:
        """Ornstein-Uhlenbeck step on the synchronous velocities, eq. (8); returns its heat [kJ/mol]."""
        decay = np.exp(-friction * self._spec.timestep * REFRESH_STEPS)
        noise = np.sqrt(1 - decay**2) * self._maxwell(rng)
        before, after = motion.refresh(lambda velocities: decay * velocities + noise)
        return self._kinetic_energy(after) - self._kinetic_energy(before)

    def _way(self, steering: Steering) -> Point:
        """From start to end, on a circle along the shortest arc; from end to start it is the same way back."""
        return wrapped(steering.end - steering.start, self._periods)

    def _maxwell(self, rng: np.random.Generator) -> Positions:
        """Velocities [nm/ps] from the Maxwell distribution."""
        return self._speeds * rng.standard_normal((len(self._masses), 3))

    def _energy(self, instant: Instant) -> float:
        """H(x, v, λ) of eq. (6) [kJ/mol]."""
        return instant.energy + self._kinetic_energy(instant.velocities)

    def _kinetic_energy(self, velocities: Positions) -> float:
        return 0.5 * float(np.sum(self._masses * velocities**2))
