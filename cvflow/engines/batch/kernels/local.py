"""Dynamics without a CV that is steered: what local moves are made of."""

from dataclasses import dataclass
from math import exp
from typing import NamedTuple

import torch
from jaxtyping import Float

from cvflow.core.acceptance import accepted, log_acceptance
from cvflow.cv.batch import Batch, Each, Points, SplitCV, everything_free
from cvflow.engines.batch.kernels.base import (
    Ending,
    Needs,
    Noise,
    RelaxationKernel,
    check_timestep,
    nothing,
    sound,
)
from cvflow.engines.batch.kernels.mala import MalaState, mala_step
from cvflow.engines.batch.kernels.momenta import Masses, kinetic, mass_tensor, maxwell, ornstein_uhlenbeck
from cvflow.engines.batch.potential import Potential


@dataclass(frozen=True)
class MalaWalk(RelaxationKernel[MalaState]):
    """Metropolised overdamped Langevin steps of the whole configuration, each decided by itself: no work is left over.

    Attributes:
        potential: U.
        kT: thermal energy.
        timestep: of the Langevin proposal, in units of energy⁻¹ length².

    Source: Roberts and Tweedie, Bernoulli 1996.
    """

    potential: Potential
    kT: float
    timestep: float

    step_needs = Needs(normals=1, uniforms=1)

    def __post_init__(self) -> None:
        check_timestep(self.timestep)

    @property
    def cv(self) -> SplitCV:  # type: ignore[override]
        return everything_free(self.potential.dof)

    def start(self, x: Batch, z: Points, noise: Noise) -> MalaState:
        return MalaState(x, *self.potential.energy_and_gradient(x), nothing(x))

    def step(self, state: MalaState, z_old: Points, z_new: Points, noise: Noise) -> MalaState:
        return mala_step(self.potential, self.cv, self.kT, self.timestep, state, noise)

    def finish(self, state: MalaState, z: Points) -> Ending:
        return Ending(state.x, nothing(state.x), nothing(state.x), nothing(state.x), sound(state.x))


class HybridState(NamedTuple):
    """Configurations and momenta with the energies and gradients of the configurations."""

    x: Batch
    p: Batch
    energy: Each
    gradient: Float[torch.Tensor, "chains dof"]


@dataclass(frozen=True)
class GeneralisedHybrid(RelaxationKernel[HybridState]):
    """Partial momentum refreshment, one Verlet step, Metropolis; a rejected step turns the momentum round.

    Attributes:
        potential: U.
        kT: thermal energy.
        timestep: dt.
        friction: rate at which momenta are refreshed.
        masses: one, or one a coordinate.

    Source: Horowitz, Phys. Lett. B 1991.
    """

    potential: Potential
    kT: float
    timestep: float
    friction: float
    masses: Masses = 1.0

    start_needs = Needs(normals=1)
    step_needs = Needs(normals=1, uniforms=1)

    def __post_init__(self) -> None:
        check_timestep(self.timestep, self.friction)

    @property
    def cv(self) -> SplitCV:  # type: ignore[override]
        return everything_free(self.potential.dof)

    def start(self, x: Batch, z: Points, noise: Noise) -> HybridState:
        p = maxwell(self.masses, self.kT, noise.normal[0])
        energy, gradient = self.potential.energy_and_gradient(x)
        return HybridState(x, p, energy, gradient)

    def step(self, state: HybridState, z_old: Points, z_new: Points, noise: Noise) -> HybridState:
        masses, half = mass_tensor(self.masses, state.x), 0.5 * self.timestep
        decay = exp(-self.friction * self.timestep)
        refreshed = ornstein_uhlenbeck(state.p, noise.normal[0], masses, self.kT, decay)
        p = refreshed - half * state.gradient
        x = state.x + self.timestep * p / masses
        energy, gradient = self.potential.energy_and_gradient(x)
        p = p - half * gradient
        gain = energy + kinetic(p, masses) - state.energy - kinetic(refreshed, masses)
        moves = accepted(log_acceptance(nothing(gain), nothing(gain), gain / self.kT), noise.uniform[0])
        return HybridState(
            torch.where(moves[:, None], x, state.x),
            torch.where(moves[:, None], p, -refreshed),
            torch.where(moves, energy, state.energy),
            torch.where(moves[:, None], gradient, state.gradient),
        )

    def finish(self, state: HybridState, z: Points) -> Ending:
        return Ending(state.x, nothing(state.x), nothing(state.x), nothing(state.x), sound(state.x))
