"""Kernel K2: Metropolis-adjusted Langevin steps between switches; the work is that of the switches alone."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from cvflow.core.acceptance import accepted, log_acceptance
from cvflow.cv.batch import Batch, Each, Points, SplitCV
from cvflow.engines.batch.kernels.base import Ending, Needs, Noise, RelaxationKernel, check_timestep, nothing, sound
from cvflow.engines.batch.potential import Potential


class MalaState(NamedTuple):
    """Configurations with their energies and projected gradients, and the switching work so far."""

    x: Batch
    energy: Each
    gradient: Batch
    work: Each


class CoinState(NamedTuple):
    """As `MalaState`; `early` is one where the coin says to switch before relaxing."""

    x: Batch
    energy: Each
    gradient: Batch
    work: Each
    early: Each


def mala_step(
    potential: Potential, cv: SplitCV, kT: float, timestep: float, state: MalaState, noise: Noise
) -> MalaState:
    """One Metropolised step of overdamped Langevin dynamics at fixed CV; the time step in units of energy⁻¹ length².

    Source: Roberts and Tweedie, Bernoulli 1996.
    """
    kick = cv.project(noise.normal[0])
    x = state.x - timestep * state.gradient + (2 * timestep * kT) ** 0.5 * kick
    energy, gradient = potential.energy_and_gradient(x)
    gradient = cv.project(gradient)
    returned = state.x - x + timestep * gradient
    log_q_old = -(returned * returned).sum(dim=1) / (4 * timestep * kT)
    log_q_new = -0.5 * (kick * kick).sum(dim=1)
    moves = accepted(log_acceptance(log_q_old, log_q_new, (energy - state.energy) / kT), noise.uniform[0])
    return MalaState(
        torch.where(moves[:, None], x, state.x),
        torch.where(moves, energy, state.energy),
        torch.where(moves[:, None], gradient, state.gradient),
        state.work,
    )


@dataclass(frozen=True)
class SymmetricMala(RelaxationKernel[MalaState]):
    """Relaxes at every point of the schedule, both ends included, and switches in between.

    Attributes:
        potential: U.
        cv: splits configurations.
        kT: thermal energy.
        timestep: of the Langevin proposal, in units of energy⁻¹ length².

    Source: docs/theory.md, section 7.2; Athènes 2002; Nilmeier et al., PNAS 2011.
    """

    potential: Potential
    cv: SplitCV
    kT: float
    timestep: float

    start_needs = Needs(normals=1, uniforms=1)
    step_needs = Needs(normals=1, uniforms=1)

    def __post_init__(self) -> None:
        check_timestep(self.timestep)

    def start(self, x: Batch, z: Points, noise: Noise) -> MalaState:
        state = _at(self.potential, self.cv, x, nothing(x))
        return mala_step(self.potential, self.cv, self.kT, self.timestep, state, noise)

    def step(self, state: MalaState, z_old: Points, z_new: Points, noise: Noise) -> MalaState:
        switched = _at(self.potential, self.cv, self.cv.place(state.x, z_new), state.work)
        switched = switched._replace(work=state.work + switched.energy - state.energy)
        return mala_step(self.potential, self.cv, self.kT, self.timestep, switched, noise)

    def finish(self, state: MalaState, z: Points) -> Ending:
        return _ending(state.x, state.work / self.kT)


@dataclass(frozen=True)
class CoinMala(RelaxationKernel[CoinState]):
    """Flips one coin a path that says whether each step switches before or after it relaxes.

    The reverse of a path that switches first is one that relaxes first, so the coin makes the pair equally likely;
    switching always first, without the coin, is biased.

    Attributes:
        potential: U.
        cv: splits configurations.
        kT: thermal energy.
        timestep: of the Langevin proposal, in units of energy⁻¹ length².

    Source: docs/theory.md, section 7.2.
    """

    potential: Potential
    cv: SplitCV
    kT: float
    timestep: float

    start_needs = Needs(uniforms=1)
    step_needs = Needs(normals=1, uniforms=1)

    def __post_init__(self) -> None:
        check_timestep(self.timestep)

    def start(self, x: Batch, z: Points, noise: Noise) -> CoinState:
        early = (noise.uniform[0] < 0.5).to(x.dtype)
        return CoinState(*_at(self.potential, self.cv, x, nothing(x)), early)

    def step(self, state: CoinState, z_old: Points, z_new: Points, noise: Noise) -> CoinState:
        first = torch.where(state.early[:, None] > 0, z_new, z_old)
        before = _at(self.potential, self.cv, self.cv.place(state.x, first), state.work)
        relaxed = mala_step(self.potential, self.cv, self.kT, self.timestep, before, noise)
        after = _at(self.potential, self.cv, self.cv.place(relaxed.x, z_new), state.work)
        work = state.work + (before.energy - state.energy) + (after.energy - relaxed.energy)
        return CoinState(after.x, after.energy, after.gradient, work, state.early)

    def finish(self, state: CoinState, z: Points) -> Ending:
        return _ending(state.x, state.work / self.kT)


def _at(potential: Potential, cv: SplitCV, x: Batch, work: Each) -> MalaState:
    energy, gradient = potential.energy_and_gradient(x)
    return MalaState(x, energy, cv.project(gradient), work)


def _ending(x: Tensor, work: Tensor) -> Ending:
    return Ending(x, work, work, nothing(x), sound(x))
