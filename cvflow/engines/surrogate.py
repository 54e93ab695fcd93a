"""Paths on a cheap potential, decided with the true one: exact for the true one, at the price of its energies alone.

A path is reversible and keeps volume whatever potential moves it. So the surrogate's forces make its steps, and its
work is the change of the true energy: docs/theory.md, section 3.11.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from cvflow.core.early_rejection import EarlyRejection
from cvflow.core.frames import Exactness, Frame, PathResult, Point, Positions, Steering
from cvflow.core.periodic import wrapped
from cvflow.core.schedule import Linear, Schedule
from cvflow.core.walls import Wall
from cvflow.cv import CollectiveVariable
from cvflow.engines.motion import BlownUpError, Course, End, Instant, Motion
from cvflow.engines.verlet import VerletEngine, VerletSpec

KEPT = 64
"""True energies that are kept, those asked for last: a path begins where the one before of its walker ended."""


@dataclass(frozen=True)
class SurrogateSpec(VerletSpec):
    """Everything that makes a SurrogateEngine, as plain data.

    The settings of paths are this one's, whatever those of the two are.

    Attributes:
        truth: the engine whose potential is sampled.
        surrogate: the engine that makes the steps; of the same atoms, with masses of its own.
        offset: of the true energy above the surrogate's [kJ/mol], any constant: early rejection compares the two.
    """

    truth: VerletSpec
    surrogate: VerletSpec
    cvs: tuple[CollectiveVariable, ...]
    kT: float
    timestep: float
    friction: float = 0.0
    schedule: Schedule = field(default_factory=Linear)
    molecules: tuple[int, ...] = ()
    walls: tuple[Wall, ...] = ()
    offset: float = 0.0

    def build(self) -> "SurrogateEngine":
        return SurrogateEngine(self)

    def engine_of(self, spec: VerletSpec) -> VerletEngine:
        """One of the two, at the settings of the paths."""
        shared = {name: getattr(self, name) for name in ("timestep", "friction", "schedule", "molecules", "walls")}
        return replace(spec, **shared).build()  # type: ignore[type-var]


class SurrogateEngine(VerletEngine):
    """One engine's steps, another's energies at their ends.

    On its way the energy of a path is the surrogate's with the offset, a function of the point alone, so that early
    rejection is exact, too. A true energy that cannot be had ends the path as diverged.

    Raises:
        ValueError: one of the two cannot be built, they have other atoms, or volume or rigid bonds in only one.
    """

    _spec: SurrogateSpec

    def __init__(self, spec: SurrogateSpec) -> None:
        super().__init__(spec)
        self._truth, self._surrogate = spec.engine_of(spec.truth), spec.engine_of(spec.surrogate)
        self._cvs = self._surrogate.cvs
        self._masses, self._speeds = self._surrogate._masses, self._surrogate._speeds
        own, theirs = len(self._truth._masses), len(self._masses)
        if own != theirs:
            raise ValueError(f"the surrogate has {theirs} atoms and the system {own}: give the same")
        if self._surrogate.volume_moves_every is not None:
            raise ValueError("the surrogate has a barostat: moves of the volume are the system's, take it off")
        self._known: dict[bytes, float] = {}

    @property
    def exactness(self) -> Exactness:
        parts = self._truth.exactness, self._surrogate.exactness
        doubts = [part for part in parts if not part.value]
        said = "; the surrogate: ".join(part.reason for part in parts)
        return Exactness(not doubts, doubts[0].reason if doubts else f"the potential: {said}")

    def potential_energy(self, frame: Frame) -> float:
        """Of the true potential, without the restraint [kJ/mol]; computed anew only where it is not among the last."""
        place = frame.positions.tobytes() + (b"" if frame.box is None else np.asarray(frame.box).tobytes())
        energy = self._known.pop(place, None)
        if energy is None:
            energy = self._truth.potential_energy(frame)
        self._known[place] = energy
        if len(self._known) > KEPT:
            del self._known[next(iter(self._known))]
        return energy

    def cv_values(self, frame: Frame) -> Point:
        return self._truth.cv_values(frame)

    def relaxed(self, frame: Frame) -> Frame:
        return self._truth.relaxed(frame)

    def put_right(self, frame: Frame) -> Frame:
        return self._truth.put_right(frame)

    def elsewhere(self, frame: Frame) -> Frame:
        return self._truth.elsewhere(frame)

    def let_time_pass(self) -> None:
        self._known.clear()
        self._truth.let_time_pass()
        self._surrogate.let_time_pass()

    @property
    def volume_moves_every(self) -> int | None:
        return self._truth.volume_moves_every

    def change_volume(self, frame: Frame, rng: np.random.Generator) -> tuple[Frame, bool]:
        return self._truth.change_volume(frame, rng)

    def steer(
        self, frame: Frame, steering: Steering, rng: np.random.Generator, criterion: EarlyRejection | None = None
    ) -> PathResult:
        """As every engine does it, without what was seen on the way, which tells of the surrogate's F(z) there."""
        return super().steer(frame, steering, rng, criterion)._replace(looks=None)

    def _begin(self, frame: Frame, velocities: Positions, course: Course) -> Motion:
        motion = self._surrogate._begin(frame, velocities, course)
        apart = wrapped(self.cv_values(frame) - course.steering.start, course.periods)
        restraint = 0.5 * float(course.steering.kappa @ apart**2)
        before = motion.before._replace(energy=self._true_energy(frame) + restraint)
        return JudgedMotion(motion, before, self._true_energy, self._spec.offset)

    def _true_energy(self, frame: Frame) -> float:
        """The true potential energy at an end of a path [kJ/mol].

        Raises:
            BlownUpError: there is none.
        """
        energy = self.potential_energy(frame)
        if not np.isfinite(energy):
            raise BlownUpError("there is no true energy at an end of the path")
        return energy


class JudgedMotion(Motion):
    """The steps of one potential; at both ends energies of another."""

    def __init__(self, motion: Motion, before: Instant, true_energy: Callable[[Frame], float], offset: float) -> None:
        """Begin.

        Args:
            motion: of the surrogate, just begun.
            before: where it begins, with the true energy and the restraint's.
            true_energy: of a configuration, without the restraint [kJ/mol].
            offset: of energies on the way above the surrogate's [kJ/mol].
        """
        self._motion, self._true_energy, self._offset = motion, true_energy, offset
        self.before = before

    def advance(self, steps: int) -> None:
        self._motion.advance(steps)

    def instant(self) -> Instant:
        instant = self._motion.instant()
        return instant._replace(energy=instant.energy + self._offset)

    def configuration(self) -> Frame:
        return self._motion.configuration()

    def refresh(self, change: Callable[[Positions], Positions]) -> tuple[Positions, Positions]:
        return self._motion.refresh(change)

    def end(self) -> End:
        end = self._motion.end()
        restraint, energy = end.instant.energy - end.potential_energy, self._true_energy(end.frame)
        return end._replace(instant=end.instant._replace(energy=energy + restraint), potential_energy=energy)
