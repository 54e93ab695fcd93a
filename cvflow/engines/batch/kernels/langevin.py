"""Kernel K3: underdamped Langevin dynamics of the rest, with the CV moved inside the drift."""

from dataclasses import dataclass
from typing import NamedTuple

import torch

from cvflow.cv.batch import Batch, Each, Points, SplitCV
from cvflow.engines.batch.kernels.base import (
    Ending,
    Needs,
    Noise,
    RelaxationKernel,
    check_timestep,
    nothing,
)
from cvflow.engines.batch.kernels.momenta import Masses, mass_tensor, maxwell
from cvflow.engines.batch.kernels.obabo import ending, half_kicked, obabo, obabo_needs, total_energy
from cvflow.engines.batch.potential import Potential


class LangevinState(NamedTuple):
    """Configurations, momenta and projected gradients; total energy at the start, heat taken up so far."""

    x: Batch
    p: Batch
    gradient: Batch
    energy: Each
    heat: Each


@dataclass(frozen=True)
class UnderdampedLangevin(RelaxationKernel[LangevinState]):
    """O(dt/2) B(dt/2; z_old) A(dt; z_old → z_new) B(dt/2; z_new) O(dt/2), from fresh momenta.

    W = β(ΔH - heat), exact at any time step; friction zero is Hamiltonian steering.

    Attributes:
        potential: U.
        cv: splits configurations.
        kT: thermal energy.
        timestep: dt.
        friction: rate at which momenta are refreshed.
        masses: one, or one a coordinate.

    Raises:
        ValueError: a setting is out of range, or the masses mix the CV with the rest.

    Source: docs/theory.md, section 7.3; Schönle et al., arXiv:2512.16812.
    """

    potential: Potential
    cv: SplitCV
    kT: float
    timestep: float
    friction: float = 0.0
    masses: Masses = 1.0

    start_needs = Needs(normals=1)

    def __post_init__(self) -> None:
        check_timestep(self.timestep, self.friction)
        probe = torch.linspace(-1.0, 2.0, self.potential.dof, dtype=torch.float64)[None].cos()
        velocity = self.cv.project(probe) / mass_tensor(self.masses, probe)
        if not torch.allclose(self.cv.project(velocity), velocity):
            raise ValueError(
                "with these masses the CV would move with the rest: give the CV's coordinates equal masses"
            )

    @property
    def step_needs(self) -> Needs:  # type: ignore[override]
        return obabo_needs(self.friction)

    def start(self, x: Batch, z: Points, noise: Noise) -> LangevinState:
        p = self.cv.project(maxwell(self.masses, self.kT, noise.normal[0]))
        energy, gradient = self.potential.energy_and_gradient(x)
        return LangevinState(x, p, self.cv.project(gradient), total_energy(self, energy, p), nothing(x))

    def step(self, state: LangevinState, z_old: Points, z_new: Points, noise: Noise) -> LangevinState:
        return obabo(self, state, z_old, z_new, noise)

    def drift(self, state: LangevinState, p: Batch, z_new: Points) -> LangevinState:
        """With the CV set to z_new inside."""
        free = state.x + self.timestep * p / mass_tensor(self.masses, p)
        return state._replace(x=self.cv.place(free, z_new), p=p)

    def kick(self, start: LangevinState, drifted: LangevinState, z_old: Points, z_new: Points) -> LangevinState:
        """By the part of the force that moves the rest alone."""
        gradient = self.cv.project(self.potential.gradient(drifted.x))
        return drifted._replace(p=half_kicked(self, drifted.p, gradient), gradient=gradient)

    def project(self, p: Batch, state: LangevinState) -> Batch:
        """The CV has no momentum."""
        return self.cv.project(p)

    def finish(self, state: LangevinState, z: Points) -> Ending:
        return ending(self, state, self.potential.energy(state.x))
