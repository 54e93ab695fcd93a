"""Kernel K1: overdamped Langevin dynamics, not Metropolised, with its path ratio."""

from dataclasses import dataclass
from typing import NamedTuple

from cvflow.cv.batch import Batch, Each, Points, SplitCV
from cvflow.engines.batch.kernels.base import (
    Ending,
    Needs,
    Noise,
    RelaxationKernel,
    check_timestep,
    nothing,
    sound,
    unknown,
)
from cvflow.engines.batch.potential import Potential


class OverdampedState(NamedTuple):
    """Configurations, energies at the start, and the logarithm of forward over reverse step probabilities so far."""

    x: Batch
    energy: Each
    log_ratio: Each


@dataclass(frozen=True)
class EulerMaruyama(RelaxationKernel[OverdampedState]):
    """y' = y - dt ∇_yU(z_new, y) + (2 dt kT)^(1/2) η; the reverse step relaxes at z_old.

    Attributes:
        potential: U.
        cv: splits configurations.
        kT: thermal energy.
        timestep: dt, in units of energy⁻¹ length² (the mobility is one).

    Source: docs/theory.md, section 7.1; Schönle et al., arXiv:2405.18160.
    """

    potential: Potential
    cv: SplitCV
    kT: float
    timestep: float

    step_needs = Needs(normals=1)

    def __post_init__(self) -> None:
        check_timestep(self.timestep)

    def start(self, x: Batch, z: Points, noise: Noise) -> OverdampedState:
        return OverdampedState(x, self.potential.energy(x), nothing(x))

    def step(self, state: OverdampedState, z_old: Points, z_new: Points, noise: Noise) -> OverdampedState:
        switched = self.cv.place(state.x, z_new)
        kick = (2 * self.timestep * self.kT) ** 0.5 * self.cv.project(noise.normal[0])
        x = switched - self.timestep * self._gradient(switched) + kick
        # The reverse step starts from the new y at the old z: another gradient, not one of those above.
        back = self.cv.place(x, z_old)
        returned = self.cv.project(state.x - back) + self.timestep * self._gradient(back)
        gain = ((returned * returned).sum(dim=1) - (kick * kick).sum(dim=1)) / (4 * self.timestep * self.kT)
        return OverdampedState(x, state.energy, state.log_ratio + gain)

    def _gradient(self, x: Batch) -> Batch:
        return self.cv.project(self.potential.gradient(x))

    def finish(self, state: OverdampedState, z: Points) -> Ending:
        work = (self.potential.energy(state.x) - state.energy) / self.kT + state.log_ratio
        return Ending(state.x, work, unknown(state.x), nothing(state.x), sound(state.x))
