"""The step that kernels K3, K4 and K5 share: O(dt/2) B(dt/2) A(dt) B(dt/2) O(dt/2), and what a path of it costs.

O refreshes momenta, B kicks them by the forces, A drifts. Kernels differ in three hooks: how they drift, what kicks,
and which momenta they allow.
"""

from math import exp
from typing import Any, Protocol, TypeVar, runtime_checkable

from cvflow.cv.batch import Batch, Each, Points
from cvflow.engines.batch.kernels.base import Ending, Needs, Noise, sound, unknown
from cvflow.engines.batch.kernels.momenta import Masses, kinetic, mass_tensor, ornstein_uhlenbeck


@runtime_checkable
class Phase(Protocol):
    """What the states of these kernels have in common, one row a chain."""

    @property
    def x(self) -> Batch:
        """Configurations."""

    @property
    def p(self) -> Batch:
        """Momenta, synchronous with them."""

    @property
    def gradient(self) -> Batch:
        """Of the energy that kicks."""

    @property
    def energy(self) -> Each:
        """Total energy at the path's start."""

    @property
    def heat(self) -> Each:
        """Energy that the refreshments have brought so far."""

    def _replace(self, *, p: Any = ..., heat: Any = ...) -> Any: ...


PhasePoint = TypeVar("PhasePoint", bound=Phase)


@runtime_checkable
class Inertial(Protocol[PhasePoint]):
    """A kernel with momenta: its settings, and the three hooks."""

    @property
    def kT(self) -> float:  # noqa: N802
        """Thermal energy, in the potential's unit."""

    @property
    def timestep(self) -> float:
        """Of one step, dt, in the unit of time that masses, positions and energies make."""

    @property
    def friction(self) -> float:
        """Rate at which momenta are refreshed, one over a time; zero is without O, and asks for no noise."""

    @property
    def masses(self) -> Masses:
        """One, or one a coordinate."""

    def drift(self, state: PhasePoint, p: Batch, z_new: Points) -> PhasePoint:
        """Positions and momenta after a whole time step from x with these momenta; the rest of the state as it was."""

    def kick(self, start: PhasePoint, drifted: PhasePoint, z_old: Points, z_new: Points) -> PhasePoint:
        """Half a kick by the force where the drift has led, and all else that is known there."""

    def project(self, p: Batch, state: PhasePoint) -> Batch:
        """The part of a refreshed momentum that the kernel allows at the state's configuration."""


def obabo(kernel: Inertial[PhasePoint], state: PhasePoint, z_old: Points, z_new: Points, noise: Noise) -> PhasePoint:
    """One time step, in which the schedule goes from z_old to z_new.

    Source: Leimkuhler and Matthews, Appl. Math. Res. Express 2013 (the splitting); docs/theory.md, section 7.3.
    """
    state = _half_refreshed(kernel, state, noise, 0)
    drifted = kernel.drift(state, half_kicked(kernel, state.p, state.gradient), z_new)
    return _half_refreshed(kernel, kernel.kick(state, drifted, z_old, z_new), noise, 1)


def obabo_needs(friction: float) -> Needs:
    """Random numbers of one step: without friction there are none."""
    return Needs(normals=2 if friction else 0)


def half_kicked(kernel: Inertial[Any], p: Batch, gradient: Batch) -> Batch:
    """Momenta after half a time step of a force."""
    return p - 0.5 * kernel.timestep * gradient


def total_energy(kernel: Inertial[Any], potential: Each, p: Batch) -> Each:
    """Potential plus kinetic energy."""
    return potential + kinetic(p, mass_tensor(kernel.masses, p))


def ending(kernel: Inertial[PhasePoint], state: PhasePoint, potential: Each) -> Ending:
    """How paths end: W = β(ΔH - heat), exact at any time step.

    Args:
        kernel: that made the steps.
        state: after the last.
        potential: energy at the end of which the path is to account for the change.
    """
    work = (total_energy(kernel, potential, state.p) - state.energy - state.heat) / kernel.kT
    return Ending(state.x, work, unknown(work), state.heat / kernel.kT, sound(work))


def _half_refreshed(kernel: Inertial[PhasePoint], state: PhasePoint, noise: Noise, draw: int) -> PhasePoint:
    """Half a time step of friction, by one of the step's normal vectors, and its heat; nothing without friction."""
    if not kernel.friction:
        return state
    masses = mass_tensor(kernel.masses, state.p)
    decay = exp(-0.5 * kernel.friction * kernel.timestep)
    after = kernel.project(ornstein_uhlenbeck(state.p, noise.normal[draw], masses, kernel.kT, decay), state)
    warmed = kinetic(after, masses) - kinetic(state.p, masses)
    return state._replace(p=after, heat=state.heat + warmed)
