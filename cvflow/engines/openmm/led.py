"""Integrators of paths on which some atoms are led along prescribed positions.

A path is: half kick; N times (drift, led positions one step on, full kick); half a kick back. The caller makes the half
kicks. Read backwards it is itself, so it is reversible and keeps volume at any time step (docs/beads.md).
"""

import numpy as np
import openmm
from jaxtyping import Float

from cvflow.core.frames import Positions

_FROM, _WAY, _LED, _INVERSE_MASS = "cvflow_from", "cvflow_way", "cvflow_led", "cvflow_inverse_mass"
_FRACTION, _STRIDE, _KAPPA = "cvflow_fraction", "cvflow_stride", "cvflow_kappa"


class LedVerlet(openmm.CustomIntegrator):
    """Velocity Verlet beside atoms that are led along straight lines; the base of both kernels.

    Led positions are `from + fraction · way`; nothing adds up, so both ends are met exactly.
    """

    def __init__(self, timestep: float) -> None:
        """Raises ValueError for a time step [ps] that is not positive."""
        if not timestep > 0:
            raise ValueError(f"timestep must be positive, got {timestep} ps")
        super().__init__(timestep)
        for name in (_FROM, _WAY, _LED, _INVERSE_MASS):
            self.addPerDofVariable(name, 0.0)
        for name in (_FRACTION, _STRIDE, _KAPPA):
            self.addGlobalVariable(name, 0.0)
        self.addComputeGlobal(_FRACTION, f"{_FRACTION}+{_STRIDE}")

    def prepare(self, led: Float[np.ndarray, " atoms"], inverse_masses: Positions, kappa: float) -> None:
        """Say which atoms are led (1 or 0), what moves by forces, and the spring constant [kJ/mol/nm²]."""
        self.setPerDofVariableByName(_LED, np.repeat(led[:, None], 3, axis=1))
        self.setPerDofVariableByName(_INVERSE_MASS, inverse_masses)
        self.setGlobalVariableByName(_KAPPA, kappa)

    def lead(self, start: Positions, way: Positions, steps: int) -> None:
        """Go one straight piece of the way; rows of atoms that are not led do not count."""
        self.setPerDofVariableByName(_FROM, start)
        self.setPerDofVariableByName(_WAY, way)
        self.setGlobalVariableByName(_FRACTION, 0.0)
        self.setGlobalVariableByName(_STRIDE, 1.0 / steps)
        self.step(steps)


def holding(timestep: float) -> LedVerlet:
    """Kernel K3: led atoms are where they are led, the others move by their forces."""
    integrator = LedVerlet(timestep)
    integrator.addComputePerDof("x", f"select({_LED},{_FROM}+{_FRACTION}*{_WAY},x+dt*v)")
    integrator.addComputePerDof("v", f"v+dt*f*{_INVERSE_MASS}")
    return integrator


def pulling(timestep: float) -> LedVerlet:
    """Kernel K5: a spring pulls each led atom to where it is led."""
    integrator = LedVerlet(timestep)
    integrator.addComputePerDof("x", "x+dt*v")
    pull = f"{_KAPPA}*{_LED}*(x-{_FROM}-{_FRACTION}*{_WAY})"
    integrator.addComputePerDof("v", f"v+dt*(f-{pull})*{_INVERSE_MASS}")
    return integrator
