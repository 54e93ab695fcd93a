"""A path under way in LAMMPS."""

from collections.abc import Callable

import numpy as np

from cvflow.core.frames import Frame, Point, Positions
from cvflow.core.periodic import wrapped
from cvflow.engines.lammps.external_force import ExternalForce
from cvflow.engines.lammps.instance import LammpsInstance
from cvflow.engines.motion import Course, End, Instant, Motion


class LammpsMotion(Motion):
    """LAMMPS's own Verlet steps, with the restraint in its callback; velocities are synchronous between two runs."""

    def __init__(
        self,
        instance: LammpsInstance,
        external: ExternalForce,
        like: Frame,
        velocities: Positions,
        course: Course,
        cv_values: Callable[[Frame], Point],
    ) -> None:
        """Begin where the instance is.

        Args:
            instance: set up where the path begins.
            external: its callback.
            like: the frame where the path begins.
            velocities: there [nm/ps].
            course: of the restraint.
            cv_values: of a frame.
        """
        self._instance, self._external, self._like = instance, external, like
        self._course, self._cv_values = course, cv_values
        self._done = 0
        self.before = Instant(self._potential_energy(like) + self._restraint(like), velocities)

    def advance(self, steps: int) -> None:
        """Raises what the callback could not."""
        self._instance.run(steps)
        self._done += steps
        error, self._external.error = self._external.error, None
        if error:
            raise error

    def instant(self) -> Instant:
        frame = self._frame
        return Instant(self._potential_energy(frame) + self._restraint(frame), self._instance.velocities)

    def configuration(self) -> Frame:
        return self._frame

    def refresh(self, change: Callable[[Positions], Positions]) -> tuple[Positions, Positions]:
        before = self._instance.velocities
        self._instance.velocities = after = change(before)
        return before, after

    def end(self) -> End:
        frame = self._frame
        potential = self._potential_energy(frame)
        protocol_work = sum(track.protocol_work for track in self._external.tracks)
        instant = Instant(potential + self._restraint(frame), self._instance.velocities)
        return End(instant, frame, potential, protocol_work)

    @property
    def _frame(self) -> Frame:
        return self._like._replace(positions=self._instance.positions)

    def _potential_energy(self, frame: Frame) -> float:
        """Without the restraint [kJ/mol], where the instance is; `frame` are its positions."""
        return self._instance.potential_energy + self._external.potential_energy(frame)

    def _restraint(self, frame: Frame) -> float:
        """Energy of the restraint [kJ/mol], its centre where the path is."""
        steering, way, periods, _ = self._course
        passed = self._course.fraction(self._done) * way
        apart = wrapped(self._cv_values(frame) - steering.start - passed, periods)
        return 0.5 * float(np.sum(steering.kappa * apart**2))
