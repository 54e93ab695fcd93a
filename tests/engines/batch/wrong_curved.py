"""Wrong kernels for any differentiable CV."""

import torch

from cvflow.engines.batch.kernels.base import nothing
from cvflow.engines.batch.kernels.constrained import ConstrainedLangevin
from cvflow.engines.batch.kernels.momenta import kinetic, mass_tensor, maxwell
from cvflow.engines.batch.kernels.restraint import SoftRestraint


class NoFixman(ConstrainedLangevin):
    """K4 without (kT/2) ln det G in the work."""

    def fixman(self, jacobian):
        return nothing(jacobian)


class FullKineticEnergy(ConstrainedLangevin):
    """K4 that counts ½ żᵀG⁻¹ż of the schedule's velocity, as momenta with that offset have it, at both ends.

    The offset itself changes no path: it lies along the direction of the projection.
    """

    def step(self, state, z_old, z_new, noise):
        moved = super().step(state, z_old, z_new, noise)
        velocity = self.cv.wrapped(z_new - z_old) / self.timestep
        gain = self._offset(moved.jacobian, velocity) - self._offset(state.jacobian, velocity)
        return moved._replace(energy=moved.energy - gain)

    def _offset(self, jacobian, velocity):
        return 0.5 * (velocity * torch.linalg.solve(self.gram(jacobian), velocity)).sum(dim=1)


class NoReverseCheck(ConstrainedLangevin):
    """K4 that does not ask whether the step back would return."""

    def returns(self, x, p, gradient, jacobian, z, start):
        return torch.ones(len(x), dtype=torch.bool)


class LooseMomentum(ConstrainedLangevin):
    """K4 from Maxwell's momenta, as they are, with the part along the CV."""

    def start(self, x, z, noise):
        state = super().start(x, z, noise)
        p, masses = maxwell(self.masses, self.kT, noise.normal[0]), mass_tensor(self.masses, x)
        energy = state.energy + kinetic(p, masses) - kinetic(state.p, masses)
        return state._replace(p=p, energy=energy)


class LooseNoise(ConstrainedLangevin):
    """K4 whose O steps refresh all of the momentum, with the part along the CV."""

    def project(self, p, state):
        return p


class SwitchFirst(SoftRestraint):
    """K5 that moves λ and then takes a whole step at the new one."""

    def step(self, state, z_old, z_new, noise):
        gradient = self.potential.gradient(state.x) + self._pull(state.x, state.cv, z_new)
        return super().step(state._replace(gradient=gradient), z_old, z_new, noise)


class HalfStepVelocities(SoftRestraint):
    """K5 that kicks by the whole step, drifts, and takes the velocities between steps for those at the steps."""

    def step(self, state, z_old, z_new, noise):
        p = state.p - self.timestep * state.gradient
        x = state.x + self.timestep * p / mass_tensor(self.masses, p)
        value = self.cv.value(x)
        return state._replace(x=x, cv=value, p=p, gradient=self.potential.gradient(x) + self._pull(x, value, z_new))


class DriftFirst(SoftRestraint):
    """K5 as a leapfrog that drifts and then kicks by the whole step, velocities as above."""

    def step(self, state, z_old, z_new, noise):
        x = state.x + self.timestep * state.p / mass_tensor(self.masses, state.x)
        value = self.cv.value(x)
        gradient = self.potential.gradient(x) + self._pull(x, value, z_new)
        return state._replace(x=x, cv=value, p=state.p - self.timestep * gradient)


class RestraintHeatAsWork(SoftRestraint):
    """K5 that does not take the heat off."""

    def finish(self, state, z):
        return super().finish(state._replace(heat=torch.zeros_like(state.heat)), z)


class ProtocolWorkAlone(SoftRestraint):
    """K5 that takes the report's protocol work for the work."""

    def finish(self, state, z):
        ending = super().finish(state, z)
        return ending._replace(work=ending.protocol_work)


class UnwrappedDistance(SoftRestraint):
    """K5 on a circle whose spring feels ξ - λ as it is."""

    def _stretch(self, value, centre):
        apart = value - centre
        return 0.5 * (self._kappa(value) * apart * apart).sum(dim=1)

    def _pull(self, x, value, centre):
        force = self._kappa(value) * (value - centre)
        return (self.cv.jacobian(x) * force[:, :, None]).sum(dim=1)
