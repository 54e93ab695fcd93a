"""Velocity Verlet with a moving restraint, as one OpenMM integrator that advances the schedule by itself."""

import openmm

from cvflow.core.schedule import Schedule
from cvflow.engines.openmm.restraint import centre_name


class SteeredVerlet(openmm.CustomIntegrator):
    """Drift, move λ, full kick: the inner part of a palindromic path.

    A path is: half kick at λ_0; N times (drift, λ_k → λ_{k+1}, full kick); half a kick back at λ_N. The caller makes
    the half kicks, so a step holds two operations on particles and one force evaluation, as little as any integrator
    can. Read backwards the path is itself: reversible and volume-preserving at any time step (docs/theory.md, eq. (7)).

    The step also adds up the protocol work at fixed configuration: λ moves half of its step before the drift and half
    after it, which for a harmonic restraint is Σ_k ∂u/∂λ(x_k, λ_k) (λ_{k+1} - λ_{k-1})/2.
    """

    def __init__(self, timestep: float, schedule: Schedule, cvs: int) -> None:
        super().__init__(timestep)
        for name in ("step", "steps", "before", "fraction", "after", "work"):
            self.addGlobalVariable(f"cvflow_{name}", 0.0)
        for i in range(cvs):
            self.addGlobalVariable(f"cvflow_start{i}", 0.0)
            self.addGlobalVariable(f"cvflow_end{i}", 0.0)
        self.addComputePerDof("x", "x+dt*v")
        self.addComputeGlobal("cvflow_step", "cvflow_step+1")
        self.addComputeGlobal("cvflow_before", "cvflow_fraction")
        self.addComputeGlobal("cvflow_fraction", "cvflow_after")
        self.addComputeGlobal("cvflow_after", f"{schedule.expression}; t=min(1,(cvflow_step+1)/cvflow_steps)")
        for i in range(cvs):
            self.addComputeGlobal(centre_name(i), f"cvflow_start{i}+(cvflow_end{i}-cvflow_start{i})*cvflow_fraction")
        self.addComputePerDof("v", "v+dt*f/m")
        for i in range(cvs):
            # One expression a CV: of several derivatives in one, OpenMM takes the first in the place of all.
            pull = f"deriv(energy,{centre_name(i)})*(cvflow_end{i}-cvflow_start{i})"
            self.addComputeGlobal("cvflow_work", f"cvflow_work+0.5*(cvflow_after-cvflow_before)*{pull}")

    def begin(self, start: list[float], end: list[float], steps: int, first_fraction: float) -> None:
        """Set the schedule back to its start; `first_fraction` is the fraction of the way after the first step."""
        values = {"step": 0, "steps": steps, "before": 0, "fraction": 0, "after": first_fraction, "work": 0}
        for name, value in values.items():
            self.setGlobalVariableByName(f"cvflow_{name}", value)
        for i, (a, b) in enumerate(zip(start, end, strict=True)):
            self.setGlobalVariableByName(f"cvflow_start{i}", a)
            self.setGlobalVariableByName(f"cvflow_end{i}", b)

    @property
    def protocol_work(self) -> float:
        """Protocol work of the steps taken since `begin` [kJ/mol], without the first half switch at the start."""
        return self.getGlobalVariableByName("cvflow_work")
