"""Settings of the one-jump test through LAMMPS, and wrong paths that it must catch."""

from dataclasses import dataclass, field

import numpy as np

from cvflow.cv import CollectiveVariable
from cvflow.engine.lammps import LammpsEngine, LammpsModel, LammpsSpec
from cvflow.jump import RestraintJump
from cvflow.schedule import Linear, Schedule
from cvflow.state import Frame, Outcome, PathResult, Steering
from tests.engine import triangle
from tests.engine.stationarity import BAD_FLOW, Target

TRIANGLE = Target(None, triangle.exact_draws, triangle.observables, BAD_FLOW, triangle.KT, span=1.4)
"""The flow is bad here as there: p(r) has its modes near 1.6 and 3.0."""


@dataclass(frozen=True)
class LammpsCase:
    """One setting of the kernel, as `stationarity.Case`."""

    steps: int
    timestep: float
    kappa: float
    friction: float = 0.0
    schedule: Schedule = field(default_factory=Linear)
    model: LammpsModel = field(default_factory=triangle.of_long_bonds)
    cv: CollectiveVariable = field(default_factory=triangle.cv)
    engine: type[LammpsEngine] = LammpsEngine
    jumps: int = 1
    draws: int = 20_000
    target: Target = TRIANGLE
    kernel: type[RestraintJump] = RestraintJump
    gives_up: bool = False

    def build(self) -> LammpsEngine:
        spec = LammpsSpec(self.model, (self.cv,), triangle.KT, self.timestep, self.friction, self.schedule)
        return self.engine(spec)


class SwitchFirst(LammpsEngine):
    """Moves λ, then takes a whole Verlet step there: reversible steps in an order that has no reverse."""

    def _run(self, frame, steering, friction, rng, stakes):
        before, velocities = self._total_energy(frame, steering, 0.0), self._machine.velocities
        for centre in self._spec.schedule.centres(steering.start, steering.end, steering.steps)[1:]:
            self._pull.begin(np.stack([centre, centre]), steering.kappa)
            self._machine.set_up(frame, velocities)
            self._machine.run(1)
            frame, velocities = self._frame(frame), self._machine.velocities
        return result(self, frame, steering, before)


class HalfStepVelocities(LammpsEngine):
    """A leapfrog, whose velocities lie half a step off the positions that their energy is added to."""

    def _run(self, frame, steering, friction, rng, stakes):
        half = 0.5 * self._spec.timestep / self._masses
        before = self._total_energy(frame, steering, 0.0)
        self._machine.velocities = self._machine.velocities + half * self._machine.forces
        self._machine.run(steering.steps)
        self._machine.velocities = self._machine.velocities - half * self._machine.forces
        return result(self, self._frame(frame), steering, before)


def result(engine: LammpsEngine, frame: Frame, steering: Steering, before: float) -> PathResult:
    work = (engine._total_energy(frame, steering, 1.0) - before) / engine.kT
    return PathResult(frame, engine.cv_values(frame), 0.0, work, work, 0.0, steering.steps, Outcome.COMPLETED)
