"""Wrong kernels for CVs that split configurations. They live here and nowhere else, and every one must be caught."""

import torch

from cvflow.engines.batch.kernels.langevin import UnderdampedLangevin
from cvflow.engines.batch.kernels.local import GeneralisedHybrid
from cvflow.engines.batch.kernels.mala import CoinMala, MalaState, SymmetricMala
from cvflow.engines.batch.kernels.momenta import kinetic, mass_tensor
from cvflow.engines.batch.kernels.overdamped import EulerMaruyama, OverdampedState
from tests.engines.batch.circles import Turn


class SwitchFirstMala(CoinMala):
    """The coin always says to switch before relaxing: the reverse of such a path is never made."""

    def start(self, x, z, noise):
        return super().start(x, z, noise._replace(uniform=torch.zeros_like(noise.uniform)))


class SwitchLastMala(CoinMala):
    """The coin always says to relax before switching."""

    def start(self, x, z, noise):
        return super().start(x, z, noise._replace(uniform=torch.ones_like(noise.uniform)))


class UnrelaxedStart(SymmetricMala):
    """Relaxes after each switch, but not at the path's first point: the path back would."""

    def start(self, x, z, noise):
        energy, gradient = self.potential.energy_and_gradient(x)
        return MalaState(x, energy, self.cv.project(gradient), torch.zeros_like(energy))


class RelaxationAsWork(SymmetricMala):
    """The energy that relaxing takes up or gives off is counted as work."""

    def step(self, state, z_old, z_new, noise):
        moved = super().step(state, z_old, z_new, noise)
        return moved._replace(work=state.work + moved.energy - state.energy)


class NewGradientTwice(EulerMaruyama):
    """K1 that weighs the way back with the gradient at the new z."""

    def step(self, state, z_old, z_new, noise):
        x = super().step(state, z_old, z_new, noise).x
        forward = self._gradient(self.cv.place(state.x, z_new))
        return OverdampedState(x, state.energy, state.log_ratio + _gain(self, x - state.x, forward, self._gradient(x)))


class OldGradientTwice(EulerMaruyama):
    """K1 that weighs the way forth with the gradient at the old z."""

    def step(self, state, z_old, z_new, noise):
        x = super().step(state, z_old, z_new, noise).x
        backward = self._gradient(self.cv.place(x, z_old))
        forward = self._gradient(state.x)
        return OverdampedState(x, state.energy, state.log_ratio + _gain(self, x - state.x, forward, backward))


def _gain(kernel, moved, forward, backward):
    """Log ratio of a step's probability to that of the step back, for the gradients of the two."""
    moved = kernel.cv.project(moved)
    kick, returned = moved + kernel.timestep * forward, -moved + kernel.timestep * backward
    return ((returned**2).sum(dim=1) - (kick**2).sum(dim=1)) / (4 * kernel.timestep * kernel.kT)


class ProtocolWorkOnly(UnderdampedLangevin):
    """K3 whose work is that of moving the CV at fixed rest, without the shadow work of the time step."""

    def step(self, state, z_old, z_new, noise):
        moved = super().step(state, z_old, z_new, noise)
        switch = self.potential.energy(moved.x) - self.potential.energy(self.cv.place(moved.x, z_old))
        shadow = self._energy(moved) - self._energy(state) - (moved.heat - state.heat) - switch
        return moved._replace(heat=moved.heat + shadow)

    def _energy(self, state):
        return self.potential.energy(state.x) + kinetic(state.p, mass_tensor(self.masses, state.x))


class HeatAsWork(UnderdampedLangevin):
    """K3 that does not take the heat off."""

    def finish(self, state, z):
        return super().finish(state._replace(heat=torch.zeros_like(state.heat)), z)


class ForgetsTemperature(UnderdampedLangevin):
    """K3 that draws momenta as if kT were one."""

    def start(self, x, z, noise):
        return super().start(x, z, noise._replace(normal=noise.normal / self.kT**0.5))


class FarEnd(Turn):
    """A coordinate on a circle that stays where the path left it, beyond ±π."""

    def value(self, x):
        return x[:, :1]


class KeepsMomentum(GeneralisedHybrid):
    """GHMC that goes on in the same direction after a rejected step."""

    def step(self, state, z_old, z_new, noise):
        moved = super().step(state, z_old, z_new, noise)
        stayed = (moved.x == state.x).all(dim=1)
        return moved._replace(p=torch.where(stayed[:, None], -moved.p, moved.p))
