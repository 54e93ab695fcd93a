"""Wrong paths that the one-jump test must catch. They live here and nowhere else."""

from dataclasses import dataclass, replace

import numpy as np
import openmm

from cvflow.cv import ForceCV, from_force
from cvflow.engine.openmm import OpenMMEngine, OpenMMSpec
from cvflow.jump import RestraintJump
from cvflow.schedule import Schedule
from cvflow.state import Outcome, PathResult, Point, Steering


class SwitchFirst(OpenMMEngine):
    """Moves λ, then takes a whole Verlet step there: reversible steps in an order that has no reverse."""

    def _run(self, frame, velocities, steering, friction, rng, stakes):
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


class UnwrappedRestraint(OpenMMEngine):
    """Pulls on the difference of two numbers where it should be that of two points on a circle."""

    def __init__(self, spec: OpenMMSpec):
        super().__init__(replace(spec, cvs=(dihedral_on_a_line(),)))
        self._periods = np.array([2 * np.pi])


def dihedral_on_a_line() -> ForceCV:
    force = openmm.CustomTorsionForce("theta")
    force.addTorsion(0, 1, 2, 3, [])
    return from_force("phi", force)


class OneWayRound(OpenMMEngine):
    """Always turns the same way, so the way back is another one."""

    def _way(self, steering: Steering) -> Point:
        return (steering.end - steering.start) % self._periods


class FarEnd(RestraintJump):
    """Keeps the centre where the arc has taken it, beyond the period that q knows."""

    def origin(self, cv: Point, rng: np.random.Generator) -> Point:
        return cv + np.sqrt(self.kT / self.kappa) * rng.standard_normal(len(cv))
