"""Kernel K3: underdamped Langevin dynamics of the rest, with the CV moved inside the drift."""

from dataclasses import dataclass
from typing import NamedTuple

import torch

from cvflow.cv.batch import Batch, Points, SplitCV
from cvflow.engines.batch.kernels.base import (
    Ending,
    Needs,
    Noise,
    RelaxationKernel,
    check_timestep,
    half_refreshed,
    kinetic,
    mass_tensor,
    nothing,
    sound,
    unknown,
)
from cvflow.engines.batch.potential import Each, Potential


class LangevinState(NamedTuple):
    """Configurations, momenta and projected gradients; total energy at the start, heat taken up so far."""

    x: Batch
    p: Batch
    gradient: Batch
    energy: Each
    heat: Each


@dataclass(frozen=True)
class UnderdampedLangevin(RelaxationKernel):
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
    masses: float | tuple[float, ...] = 1.0

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
    def step_needs(self) -> Needs:
        return Needs(normals=2 if self.friction else 0)

    def start(self, x: Batch, z: Points, noise: Noise) -> LangevinState:
        masses = mass_tensor(self.masses, x)
        p = self.cv.project((masses * self.kT).sqrt() * noise.normal[0])
        energy, gradient = self.potential.energy_and_gradient(x)
        return LangevinState(x, p, self.cv.project(gradient), energy + kinetic(p, masses), nothing(x))

    def step(self, state: LangevinState, z_old: Points, z_new: Points, noise: Noise) -> LangevinState:
        masses = mass_tensor(self.masses, state.x)
        p, warmed = self._refresh(state.p, noise, 0)
        p = p - 0.5 * self.timestep * state.gradient
        x = self.cv.place(state.x + self.timestep * p / masses, z_new)
        gradient = self.cv.project(self.potential.gradient(x))
        p = p - 0.5 * self.timestep * gradient
        p, warmed_again = self._refresh(p, noise, 1)
        return LangevinState(x, p, gradient, state.energy, state.heat + warmed + warmed_again)

    def _refresh(self, p: Batch, noise: Noise, draw: int) -> tuple[Batch, Each]:
        """Half a step of friction, and its heat."""
        masses = mass_tensor(self.masses, p)
        return half_refreshed(p, noise, draw, masses, self.kT, self.friction, self.timestep, self.cv.project)

    def finish(self, state: LangevinState, z: Points) -> Ending:
        energy = self.potential.energy(state.x) + kinetic(state.p, mass_tensor(self.masses, state.x))
        work = (energy - state.energy - state.heat) / self.kT
        return Ending(state.x, work, unknown(work), state.heat / self.kT, sound(work))
