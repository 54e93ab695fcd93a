"""Settings of the one-jump test through LAMMPS, and wrong paths that it must catch."""

from dataclasses import dataclass, field, replace

from cvflow.cv import CollectiveVariable
from cvflow.doctor.verify import wrong_motion as late
from cvflow.doctor.verify.one_jump import BAD_FLOW, Case, Target
from cvflow.engines.lammps import LammpsEngine, LammpsModel, LammpsSpec
from tests.engines import triangle, wrong_motion

TRIANGLE = Target(None, triangle.exact_draws, triangle.observables, BAD_FLOW, triangle.KT, span=1.4)
"""The flow is bad here as there: p(r) has its modes near 1.6 and 3.0."""


@dataclass(frozen=True)
class LammpsCase(Case):
    model: LammpsModel = field(default_factory=triangle.of_long_bonds)
    cv: CollectiveVariable = field(default_factory=triangle.cv)
    engine: type[LammpsEngine] = LammpsEngine
    draws: int = 20_000
    target: Target = TRIANGLE

    def build(self) -> LammpsEngine:
        spec = LammpsSpec(self.model, (self.cv,), triangle.KT, self.timestep, self.friction, self.schedule)
        return self.engine(replace(spec, walls=self.walls))


class SwitchFirst(wrong_motion.SwitchFirst, LammpsEngine):
    pass


class HalfStepVelocities(late.HalfStepVelocities, LammpsEngine):
    pass
