"""Kernel K4: constrained Langevin dynamics, a nonlinear CV held exactly at the schedule's point."""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from cvflow.cv.batch import Batch, BatchCV, Jacobians, Points
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
from cvflow.engines.batch.kernels.solver import ConstraintSolver, Newton
from cvflow.engines.batch.potential import Each, Potential

Gram = Float[Tensor, "chains cvs cvs"]


class ConstrainedState(NamedTuple):
    """Configurations, tangential momenta, gradients of U, ∇ξ; energy at the start, heat, and whether all is well."""

    x: Batch
    p: Batch
    gradient: Batch
    jacobian: Jacobians
    energy: Each
    heat: Each
    converged: Bool[Tensor, " chains"]


@dataclass(frozen=True)
class ConstrainedLangevin(RelaxationKernel):
    """O(dt/2), then one RATTLE step from ξ = z_old to ξ = z_new, then O(dt/2), with tangential momenta.

    The Hamiltonian is U + (kT/2) ln det G + ½ pᵀM⁻¹p with G = ∇ξᵀM⁻¹∇ξ and p tangential; the Fixman term
    (kT/2) ln det G is in the work, not in the force, which may be any function of x. The velocity of the schedule does
    not appear: momenta stay tangential and the projection moves the CV. Each step is solved backwards as well, and a
    path whose reverse would not come back fails (Zappa, Holmes-Cerfon, Goodman 2018).

    Attributes:
        potential: U.
        cv: any differentiable CV whose ∇ξ has full rank.
        kT: thermal energy.
        timestep: dt.
        friction: rate at which momenta are refreshed.
        masses: one, or one a coordinate.
        solver: of the position constraint.
        tolerance: how far from the start, in units of x, the step backwards may end; that of the floating-point type
            if left out.

    Source: docs/theory.md, section 7.4; Lelièvre, Rousset, Stoltz, Math. Comp. 2012.
    """

    potential: Potential
    cv: BatchCV
    kT: float
    timestep: float
    friction: float = 0.0
    masses: float | tuple[float, ...] = 1.0
    solver: ConstraintSolver = field(default_factory=Newton)
    tolerance: float | None = None

    start_needs = Needs(normals=1)

    def __post_init__(self) -> None:
        check_timestep(self.timestep, self.friction)

    @property
    def step_needs(self) -> Needs:
        return Needs(normals=2 if self.friction else 0)

    def start(self, x: Batch, z: Points, noise: Noise) -> ConstrainedState:
        masses = mass_tensor(self.masses, x)
        jacobian = self.cv.jacobian(x)
        p = self.tangential((masses * self.kT).sqrt() * noise.normal[0], jacobian)
        energy, gradient = self.potential.energy_and_gradient(x)
        total = energy + self.fixman(jacobian) + self.kinetic(p, jacobian)
        return ConstrainedState(x, p, gradient, jacobian, total, nothing(x), sound(x))

    def step(self, state: ConstrainedState, z_old: Points, z_new: Points, noise: Noise) -> ConstrainedState:
        p, warmed = self._refresh(state.p, state.jacobian, noise, 0)
        x, reached = self.drift(state.x, p, state.gradient, state.jacobian, z_new)
        masses, half = mass_tensor(self.masses, x), 0.5 * self.timestep
        gradient, jacobian = self.potential.gradient(x), self.cv.jacobian(x)
        p = self.tangential(masses * (x - state.x) / self.timestep - half * gradient, jacobian)
        returns = self.returns(x, p, gradient, jacobian, z_old, state.x)
        p, warmed_again = self._refresh(p, jacobian, noise, 1)
        heat = state.heat + warmed + warmed_again
        return ConstrainedState(x, p, gradient, jacobian, state.energy, heat, state.converged & reached & returns)

    def drift(self, x: Batch, p: Batch, gradient: Batch, jacobian: Jacobians, z: Points) -> tuple[Batch, Tensor]:
        """Half a kick and a drift, projected onto ξ = z along M⁻¹∇ξ at x; the second value says where it got there."""
        masses = mass_tensor(self.masses, x)
        free = x + self.timestep * (p - 0.5 * self.timestep * gradient) / masses
        return self.solver.project(self.cv, free, jacobian / masses, z)

    def returns(
        self, x: Batch, p: Batch, gradient: Batch, jacobian: Jacobians, z: Points, start: Batch
    ) -> Bool[Tensor, " chains"]:
        """Whether the same step from x with momentum -p, to the CV value z, ends at the start."""
        back, reached = self.drift(x, -p, gradient, jacobian, z)
        tolerance = self.tolerance or (1e-6 if x.dtype == torch.float64 else 1e-3)
        return reached & ((back - start).abs().amax(dim=1) < tolerance)

    def tangential(self, p: Batch, jacobian: Jacobians) -> Batch:
        """The part of a momentum that does not move the CV: p - ∇ξ G⁻¹ ∇ξᵀM⁻¹p."""
        masses = mass_tensor(self.masses, p)
        speed = (jacobian * (p / masses)[:, None, :]).sum(dim=2)
        gram = self.gram(jacobian)
        multiplier = speed / gram[:, 0] if gram.shape[1] == 1 else torch.linalg.solve_ex(gram, speed).result
        return p - (jacobian * multiplier[:, :, None]).sum(dim=1)

    def gram(self, jacobian: Jacobians) -> Gram:
        """G = ∇ξᵀM⁻¹∇ξ."""
        scaled = jacobian / mass_tensor(self.masses, jacobian)
        if jacobian.shape[1] == 1:
            return (scaled * jacobian).sum(dim=2, keepdim=True)
        return scaled @ jacobian.transpose(1, 2)

    def fixman(self, jacobian: Jacobians) -> Each:
        """(kT/2) ln det G."""
        gram = self.gram(jacobian)
        log_det = gram[:, 0, 0].log() if gram.shape[1] == 1 else torch.linalg.slogdet(gram).logabsdet
        return 0.5 * self.kT * log_det

    def kinetic(self, p: Batch, jacobian: Jacobians) -> Each:
        """½ pᵀM⁻¹p of the tangential momentum."""
        return kinetic(p, mass_tensor(self.masses, p))

    def _refresh(self, p: Batch, jacobian: Jacobians, noise: Noise, draw: int) -> tuple[Batch, Each]:
        """Half a step of friction on the tangential momentum, and its heat."""
        # The noise is tangential to the metric of M⁻¹: projecting (M kT)^(1/2) η does that.
        return half_refreshed(
            p, noise, draw, mass_tensor(self.masses, p), self.kT, self.friction, self.timestep,
            lambda momentum: self.tangential(momentum, jacobian),
        )  # fmt: skip

    def finish(self, state: ConstrainedState, z: Points) -> Ending:
        energy = self.potential.energy(state.x) + self.fixman(state.jacobian) + self.kinetic(state.p, state.jacobian)
        work = (energy - state.energy - state.heat) / self.kT
        return Ending(state.x, work, unknown(work), state.heat / self.kT, state.converged)
