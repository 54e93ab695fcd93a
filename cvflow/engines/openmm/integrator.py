"""Velocity Verlet with a moving restraint, as one OpenMM integrator that advances the schedule by itself."""

import openmm

from cvflow.core.schedule import Schedule
from cvflow.engines.openmm import rattle
from cvflow.engines.openmm.restraint import centre_name
from cvflow.engines.openmm.rigid import RigidParts


class SteeredIntegrator(openmm.CustomIntegrator):
    """The schedule and the account of the protocol work; what the steps are is for those that inherit it.

    A path is: half kick at λ_0; N times (drift, λ_k → λ_{k+1}, full kick); half a kick back at λ_N. The caller makes
    the half kicks, so a step holds two operations on particles and one force evaluation, as little as any integrator
    can. Read backwards the path is itself: reversible and volume-preserving at any time step (docs/theory.md, eq. (7)).

    The protocol work at fixed configuration is added up: λ moves half of its step before the drift and half after it,
    which for a harmonic restraint is Σ_k ∂u/∂λ(x_k, λ_k) (λ_{k+1} - λ_{k-1})/2.
    """

    def __init__(self, timestep: float, schedule: Schedule, cvs: int) -> None:
        super().__init__(timestep)
        self._schedule, self._cvs, self._first_fraction = schedule, cvs, 0.0
        for name in ("step", "steps", "before", "fraction", "after", "work"):
            self.addGlobalVariable(f"cvflow_{name}", 0.0)
        for i in range(cvs):
            self.addGlobalVariable(f"cvflow_start{i}", 0.0)
            self.addGlobalVariable(f"cvflow_end{i}", 0.0)

    def begin(self, start: list[float], end: list[float], steps: int, first_fraction: float) -> None:
        """Set the schedule back to its start; `first_fraction` is the fraction of the way after the first step."""
        self._first_fraction = first_fraction
        values = {"step": 0, "steps": steps, "before": 0, "fraction": 0, "after": first_fraction, "work": 0}
        for name, value in values.items():
            self.setGlobalVariableByName(f"cvflow_{name}", value)
        for i, (a, b) in enumerate(zip(start, end, strict=True)):
            self.setGlobalVariableByName(f"cvflow_start{i}", a)
            self.setGlobalVariableByName(f"cvflow_end{i}", b)

    def _value(self, name: str) -> float:
        return float(self.getGlobalVariableByName(f"cvflow_{name}"))

    def _move_centres(self) -> None:
        self.addComputeGlobal("cvflow_step", "cvflow_step+1")
        self.addComputeGlobal("cvflow_before", "cvflow_fraction")
        self.addComputeGlobal("cvflow_fraction", "cvflow_after")
        self.addComputeGlobal("cvflow_after", f"{self._schedule.expression}; t=min(1,(cvflow_step+1)/cvflow_steps)")
        for i in range(self._cvs):
            self.addComputeGlobal(centre_name(i), f"cvflow_start{i}+(cvflow_end{i}-cvflow_start{i})*cvflow_fraction")

    def _add_up_work(self, group: str = "") -> None:
        """Where λ and the forces belong together; the restraints' force group spares the energy of all others."""
        for i in range(self._cvs):
            # One expression a CV: of several derivatives in one, OpenMM takes the first in the place of all.
            pull = f"deriv(energy{group},{centre_name(i)})*(cvflow_end{i}-cvflow_start{i})"
            self.addComputeGlobal("cvflow_work", f"cvflow_work+0.5*(cvflow_after-cvflow_before)*{pull}")


class SteeredVerlet(SteeredIntegrator):
    """Drift, move λ, full kick: between two steps, velocities are half a kick ahead."""

    lead = 1.0
    """Half kicks that velocities are ahead of the synchronous ones between two steps."""

    def __init__(self, timestep: float, schedule: Schedule, cvs: int) -> None:
        super().__init__(timestep, schedule, cvs)
        self.addComputePerDof("x", "x+dt*v")
        self._move_centres()
        self.addComputePerDof("v", "v+dt*f/m")
        self._add_up_work()

    def protocol_work(self, pull_at_start: float, pull_at_end: float) -> float:
        """Protocol work of the steps taken since `begin` [kJ/mol].

        Args:
            pull_at_start: ∂u/∂λ along the whole way at the path's start [kJ/mol].
            pull_at_end: the same where the path is, which other orders of the steps ask for.
        """
        return 0.5 * self._first_fraction * pull_at_start + self._value("work")


class SteeredRattle(SteeredIntegrator):
    """Full kick, drift, move λ, for rigid bonds and virtual sites: velocities are half a kick behind.

    The order is that of `SteeredVerlet`, with another place for its beginning: OpenMM puts virtual sites where they
    belong at the end of a step, so that no force may be asked for between the drift and there.
    """

    lead = -1.0
    """Half kicks that velocities are ahead of the synchronous ones between two steps, but for the projection."""

    def __init__(
        self,
        timestep: float,
        schedule: Schedule,
        cvs: int,
        rigid: RigidParts,
        tolerance: float,
        group: int,
    ) -> None:
        """Make the steps.

        Args:
            timestep: ps.
            schedule: of the restraint's centre.
            cvs: how many there are.
            rigid: what moves as a whole.
            tolerance: of rigid bonds' lengths, relative.
            group: of forces, which the restraints have for themselves.
        """
        super().__init__(timestep, schedule, cvs)
        self._particles, self._net = len(rigid.sites), rigid.coupled
        rattle.keep_bonds(self, rigid, tolerance)
        rattle.add_kick(self, "v+dt*f/m")
        self._add_up_work(str(group))
        rattle.add_drift(self, rigid, "x+dt*v")
        self._move_centres()

    def begin(self, start: list[float], end: list[float], steps: int, first_fraction: float) -> None:
        super().begin(start, end, steps, first_fraction)
        if self._net:
            rattle.begin(self, self._particles)

    def protocol_work(self, pull_at_start: float, pull_at_end: float) -> float:
        """As `SteeredVerlet` has it; here it is the pull at the start that is not asked for."""
        return self._value("work") + 0.5 * (self._value("after") - self._value("before")) * pull_at_end


Steered = SteeredVerlet | SteeredRattle
