"""Wrong paths that the one-jump test must catch. They live here and nowhere else."""

from dataclasses import dataclass

import numpy as np

from cvflow.engine.openmm import OpenMMEngine
from cvflow.schedule import Schedule
from cvflow.state import Outcome, PathResult


class SwitchFirst(OpenMMEngine):
    """Moves λ, then takes a whole Verlet step there: reversible steps in an order that has no reverse."""

    def _run(self, frame, velocities, steering, friction, rng):
        half = 0.5 * self._spec.timestep * self._inverse_masses
        self._place(frame, steering.start, steering.kappa)
        state = self._context.getState(getEnergy=True)
        energy_before = state.getPotentialEnergy()._value + self._kinetic_energy(velocities)
        for centre in self._spec.schedule.centres(steering.start, steering.end, steering.steps)[1:]:
            self._place(frame, centre, steering.kappa)
            forces = self._context.getState(getForces=True).getForces(asNumpy=True)._value
            velocities = velocities + half * forces
            frame = frame._replace(positions=frame.positions + self._spec.timestep * velocities)
            self._place(frame, centre, steering.kappa)
            state = self._context.getState(getForces=True, getEnergy=True)
            velocities = velocities + half * state.getForces(asNumpy=True)._value
        energy_after = state.getPotentialEnergy()._value + self._kinetic_energy(velocities)
        work = (energy_after - energy_before) / self.kT
        return PathResult(frame, self.cv_values(frame), 0.0, work, work, 0.0, steering.steps, Outcome.COMPLETED)


@dataclass(frozen=True)
class Quadratic(Schedule):
    """t²: slow at the start, fast at the end, so the way back is another one."""

    @property
    def expression(self) -> str:
        return "t*t"

    def fraction(self, t: np.ndarray) -> np.ndarray:
        return t**2
