"""Kernel K0: no relaxation at all, the global move of flow-MCMC."""

from dataclasses import dataclass
from typing import NamedTuple

from cvflow.cv.batch import Batch, Each, Points, SplitCV
from cvflow.engines.batch.kernels.base import Ending, Noise, RelaxationKernel, nothing, sound
from cvflow.engines.batch.potential import Potential


class IdentityState(NamedTuple):
    """Configurations and their energies at the start."""

    x: Batch
    energy: Each


@dataclass(frozen=True)
class Identity(RelaxationKernel[IdentityState]):
    """One switch of the CV with everything else left as it is; W = β[U(z̃, y) - U(z_0, y)].

    With a CV that is all of x this is an independence sampler (flowMC; Gabrié, Rotskoff, Vanden-Eijnden, PNAS 2022).
    """

    potential: Potential
    cv: SplitCV
    kT: float = 1.0

    relaxes = False

    def start(self, x: Batch, z: Points, noise: Noise) -> IdentityState:
        return IdentityState(x, self.potential.energy(x))

    def step(self, state: IdentityState, z_old: Points, z_new: Points, noise: Noise) -> IdentityState:
        return state._replace(x=self.cv.place(state.x, z_new))

    def finish(self, state: IdentityState, z: Points) -> Ending:
        work = (self.potential.energy(state.x) - state.energy) / self.kT
        return Ending(state.x, work, work, nothing(state.x), sound(state.x))
