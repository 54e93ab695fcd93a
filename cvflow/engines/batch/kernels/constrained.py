"""Kernel K4: constrained Langevin dynamics, a nonlinear CV held exactly at the schedule's point."""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from cvflow.cv.batch import Batch, BatchCV, Each, Jacobians, Points
from cvflow.engines.batch.kernels.base import (
    Ending,
    Needs,
    Noise,
    RelaxationKernel,
    check_timestep,
    nothing,
    sound,
)
from cvflow.engines.batch.kernels.momenta import Masses, mass_tensor, maxwell
from cvflow.engines.batch.kernels.obabo import ending, half_kicked, obabo, obabo_needs, total_energy
from cvflow.engines.batch.kernels.solver import ConstraintSolver, Newton, Projection
from cvflow.engines.batch.potential import Potential

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
class ConstrainedLangevin(RelaxationKernel[ConstrainedState]):
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
    masses: Masses = 1.0
    solver: ConstraintSolver = field(default_factory=Newton)
    tolerance: float | None = None

    start_needs = Needs(normals=1)

    def __post_init__(self) -> None:
        check_timestep(self.timestep, self.friction)

    @property
    def step_needs(self) -> Needs:  # type: ignore[override]
        return obabo_needs(self.friction)

    def start(self, x: Batch, z: Points, noise: Noise) -> ConstrainedState:
        jacobian = self.cv.jacobian(x)
        p = self.tangential(maxwell(self.masses, self.kT, noise.normal[0]), jacobian)
        energy, gradient = self.potential.energy_and_gradient(x)
        total = total_energy(self, energy + self.fixman(jacobian), p)
        return ConstrainedState(x, p, gradient, jacobian, total, nothing(x), sound(x))

    def step(self, state: ConstrainedState, z_old: Points, z_new: Points, noise: Noise) -> ConstrainedState:
        return obabo(self, state, z_old, z_new, noise)

    def drift(self, state: ConstrainedState, p: Batch, z_new: Points) -> ConstrainedState:
        """Projected onto ξ = z_new along M⁻¹∇ξ at x; the momenta are those that lead there."""
        x, reached = self._projected(state.x, p, state.jacobian, z_new)
        led_there = mass_tensor(self.masses, x) * (x - state.x) / self.timestep
        return state._replace(x=x, p=led_there, converged=state.converged & reached)

    def kick(
        self, start: ConstrainedState, drifted: ConstrainedState, z_old: Points, z_new: Points
    ) -> ConstrainedState:
        """Made tangential at x; whether the step back returns is known with it."""
        x = drifted.x
        gradient, jacobian = self.potential.gradient(x), self.cv.jacobian(x)
        p = self.tangential(half_kicked(self, drifted.p, gradient), jacobian)
        returns = self.returns(x, p, gradient, jacobian, z_old, start.x)
        return drifted._replace(p=p, gradient=gradient, jacobian=jacobian, converged=drifted.converged & returns)

    def project(self, p: Batch, state: ConstrainedState) -> Batch:
        """Tangential to the metric of M⁻¹, as the noise has to be: projecting (M kT)^(1/2) η does that."""
        return self.tangential(p, state.jacobian)

    def returns(
        self, x: Batch, p: Batch, gradient: Batch, jacobian: Jacobians, z: Points, start: Batch
    ) -> Bool[Tensor, " chains"]:
        """Whether the same step from x with momentum -p, to the CV value z, ends at the start."""
        back, reached = self._projected(x, half_kicked(self, -p, gradient), jacobian, z)
        tolerance = self.tolerance or (1e-6 if x.dtype == torch.float64 else 1e-3)
        return reached & ((back - start).abs().amax(dim=1) < tolerance)

    def _projected(self, x: Batch, p: Batch, jacobian: Jacobians, z: Points) -> Projection:
        """Where a drift with these momenta leads, projected onto ξ = z along M⁻¹∇ξ at x, and for which chains."""
        masses = mass_tensor(self.masses, x)
        return self.solver.project(self.cv, x + self.timestep * p / masses, jacobian / masses, z)

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

    def finish(self, state: ConstrainedState, z: Points) -> Ending:
        potential = self.potential.energy(state.x) + self.fixman(state.jacobian)
        return ending(self, state, potential)._replace(converged=state.converged)
