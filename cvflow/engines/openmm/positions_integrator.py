"""Integrators of paths on which the positions of some atoms are steered: held where they should be, or pulled there.

A path is: half kick; N times (drift, steered positions one step on, full kick); half a kick back. The caller makes the
half kicks. Read backwards it is itself, so it is reversible and keeps volume at any time step (docs/beads.md).
"""

import numpy as np
import openmm
from jaxtyping import Float

from cvflow.core.frames import Positions

_FROM, _WAY, _STEERED, _INVERSE_MASS = "cvflow_from", "cvflow_way", "cvflow_steered", "cvflow_inverse_mass"
_FRACTION, _STRIDE, _KAPPA = "cvflow_fraction", "cvflow_stride", "cvflow_kappa"


class PositionsVerlet(openmm.CustomIntegrator):
    """Velocity Verlet beside atoms that are steered along straight lines; the base of both kernels.

    Steered positions are `from + fraction · way`; nothing adds up, so both ends are met exactly.

    Raises:
        ValueError: the time step [ps] is not positive.
    """

    def __init__(self, timestep: float) -> None:
        if not timestep > 0:
            raise ValueError(f"timestep must be positive, got {timestep} ps")
        super().__init__(timestep)
        for name in (_FROM, _WAY, _STEERED, _INVERSE_MASS):
            self.addPerDofVariable(name, 0.0)
        for name in (_FRACTION, _STRIDE, _KAPPA):
            self.addGlobalVariable(name, 0.0)
        self.addComputeGlobal(_FRACTION, f"{_FRACTION}+{_STRIDE}")

    def prepare(self, steered: Float[np.ndarray, " atoms"], inverse_masses: Positions, kappa: float) -> None:
        """Say what is steered, and what moves.

        Args:
            steered: one for the atoms that are steered, zero for the others.
            inverse_masses: of what moves by forces [1/amu]; zero for what does not.
            kappa: spring constant [kJ/mol/nm²].
        """
        self.setPerDofVariableByName(_STEERED, np.repeat(steered[:, None], 3, axis=1))
        self.setPerDofVariableByName(_INVERSE_MASS, inverse_masses)
        self.setGlobalVariableByName(_KAPPA, kappa)

    def begin(self, start: Positions, way: Positions, steps: int) -> None:
        """Set off on one straight piece of the way, to be passed in so many steps.

        Args:
            start: where it begins [nm]; rows of atoms that are not steered do not count.
            way: from there to where it ends [nm].
            steps: of the piece.
        """
        self.setPerDofVariableByName(_FROM, start)
        self.setPerDofVariableByName(_WAY, way)
        self.setGlobalVariableByName(_FRACTION, 0.0)
        self.setGlobalVariableByName(_STRIDE, 1.0 / steps)


def holding(timestep: float) -> PositionsVerlet:
    """Kernel K3, at a time step [ps]: steered atoms are where they should be, the others move by their forces."""
    integrator = PositionsVerlet(timestep)
    integrator.addComputePerDof("x", f"select({_STEERED},{_FROM}+{_FRACTION}*{_WAY},x+dt*v)")
    integrator.addComputePerDof("v", f"v+dt*f*{_INVERSE_MASS}")
    return integrator


def pulling(timestep: float) -> PositionsVerlet:
    """Kernel K5, at a time step [ps]: a spring pulls each steered atom to where it should be."""
    integrator = PositionsVerlet(timestep)
    integrator.addComputePerDof("x", "x+dt*v")
    pull = f"{_KAPPA}*{_STEERED}*(x-{_FROM}-{_FRACTION}*{_WAY})"
    integrator.addComputePerDof("v", f"v+dt*(f-{pull})*{_INVERSE_MASS}")
    return integrator
