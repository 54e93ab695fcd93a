"""Kernel K5: a soft restraint pulls any differentiable CV after its centre λ."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from cvflow.cv.batch import Batch, BatchCV, Each, Points
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


class RestraintState(NamedTuple):
    """Configurations, their CVs, momenta and gradients of U + u; total energy at the start, heat, protocol work."""

    x: Batch
    cv: Points
    p: Batch
    gradient: Batch
    energy: Each
    heat: Each
    protocol_work: Each


@dataclass(frozen=True)
class SoftRestraint(RelaxationKernel[RestraintState]):
    """Langevin dynamics on U + Σ_i κ_i/2 d(ξ_i, λ_i)², half a kick at the old λ, a drift, half a kick at the new one.

    Attributes:
        potential: U.
        cv: any differentiable CV; periodic components take the wrapped distance.
        kT: thermal energy.
        timestep: dt.
        kappa: spring constants, one a component, energy per CV unit squared.
        friction: rate at which momenta are refreshed.
        masses: one, or one a coordinate.

    Raises:
        ValueError: a setting is out of range.

    Source: docs/theory.md, section 3.
    """

    potential: Potential
    cv: BatchCV
    kT: float
    timestep: float
    kappa: tuple[float, ...]
    friction: float = 0.0
    masses: Masses = 1.0

    start_needs = Needs(normals=1)

    def __post_init__(self) -> None:
        check_timestep(self.timestep, self.friction)
        if len(self.kappa) != len(self.cv.names) or not all(k > 0 for k in self.kappa):
            raise ValueError(f"kappa must be positive, one for each of the {len(self.cv.names)} CVs, got {self.kappa}")

    @property
    def step_needs(self) -> Needs:  # type: ignore[override]
        return obabo_needs(self.friction)

    @property
    def holds_cv(self) -> bool:
        return False

    @property
    def centre_widths(self) -> tuple[float, ...]:
        return tuple((self.kT / kappa) ** 0.5 for kappa in self.kappa)

    def start(self, x: Batch, z: Points, noise: Noise) -> RestraintState:
        p = maxwell(self.masses, self.kT, noise.normal[0])
        energy, gradient = self.potential.energy_and_gradient(x)
        value = self.cv.value(x)
        total = total_energy(self, energy + self._stretch(value, z), p)
        return RestraintState(x, value, p, gradient + self._pull(x, value, z), total, nothing(x), nothing(x))

    def step(self, state: RestraintState, z_old: Points, z_new: Points, noise: Noise) -> RestraintState:
        return obabo(self, state, z_old, z_new, noise)

    def drift(self, state: RestraintState, p: Batch, z_new: Points) -> RestraintState:
        """Free: nothing is held."""
        return state._replace(x=state.x + self.timestep * p / mass_tensor(self.masses, p), p=p)

    def kick(self, start: RestraintState, drifted: RestraintState, z_old: Points, z_new: Points) -> RestraintState:
        """By the potential and the restraint at z_new; the protocol work of the step is known with it."""
        x, value = drifted.x, self.cv.value(drifted.x)
        gradient = self.potential.gradient(x) + self._pull(x, value, z_new)
        # λ goes half of its way before the drift and half after it, at fixed configuration each time.
        switch = [self._stretch(cv, z_new) - self._stretch(cv, z_old) for cv in (start.cv, value)]
        return drifted._replace(
            cv=value, p=half_kicked(self, drifted.p, gradient), gradient=gradient,
            protocol_work=start.protocol_work + 0.5 * (switch[0] + switch[1]),
        )  # fmt: skip

    def project(self, p: Batch, state: RestraintState) -> Batch:
        """All of it: every momentum is allowed."""
        return p

    def _kappa(self, like: Tensor) -> Tensor:
        return torch.tensor(self.kappa, dtype=like.dtype, device=like.device)

    def _stretch(self, value: Points, centre: Points) -> Each:
        """Energy u of the restraint at the CV's value."""
        apart = self.cv.wrapped(value - centre)
        return 0.5 * (self._kappa(value) * apart * apart).sum(dim=1)

    def _pull(self, x: Batch, value: Points, centre: Points) -> Batch:
        """∂u/∂x."""
        force = self._kappa(value) * self.cv.wrapped(value - centre)
        return (self.cv.jacobian(x) * force[:, :, None]).sum(dim=1)

    def finish(self, state: RestraintState, z: Points) -> Ending:
        potential = self.potential.energy(state.x) + self._stretch(state.cv, z)
        return ending(self, state, potential)._replace(protocol_work=state.protocol_work / self.kT)
