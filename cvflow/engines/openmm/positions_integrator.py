"""Integrators of paths on which the positions of some atoms are steered: held where they should be, or pulled there.

A path is: half kick; N times (drift, steered positions one step on, full kick); half a kick back. The caller makes the
half kicks. Read backwards it is itself, so it is reversible and keeps volume at any time step (docs/beads.md).
"""

from typing import NamedTuple

import numpy as np
import openmm
from jaxtyping import Float

from cvflow.core.frames import Positions
from cvflow.engines.openmm import rattle
from cvflow.engines.openmm.rigid import RigidParts

_FROM, _WAY, _STEERED, _INVERSE_MASS = "cvflow_from", "cvflow_way", "cvflow_steered", "cvflow_inverse_mass"
_FRACTION, _STRIDE, _KAPPA = "cvflow_fraction", "cvflow_stride", "cvflow_kappa"


class Kernel(NamedTuple):
    """What a drift and a kick make of x and v, in OpenMM's algebra."""

    drift: str
    kick: str


HELD = Kernel(f"select({_STEERED},{_FROM}+{_FRACTION}*{_WAY},x+dt*v)", f"v+dt*f*{_INVERSE_MASS}")
"""K3: steered atoms are where they should be, the others move by their forces."""

PULLED = Kernel("x+dt*v", f"v+dt*(f-{_KAPPA}*{_STEERED}*(x-{_FROM}-{_FRACTION}*{_WAY}))*{_INVERSE_MASS}")
"""K5: a spring pulls each steered atom to where it should be."""


class PositionsIntegrator(openmm.CustomIntegrator):
    """Beside atoms that are steered along straight lines; what the steps are is for those that inherit it.

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


class PositionsVerlet(PositionsIntegrator):
    """Drift, full kick; between two steps velocities are half a kick ahead, as in `SteeredVerlet`."""

    lead = 1.0

    def __init__(self, timestep: float, kernel: Kernel) -> None:
        super().__init__(timestep)
        self.addComputeGlobal(_FRACTION, f"{_FRACTION}+{_STRIDE}")
        self.addComputePerDof("x", kernel.drift)
        self.addComputePerDof("v", kernel.kick)


class PositionsRattle(PositionsIntegrator):
    """Full kick, drift, for rigid bonds and virtual sites; velocities are half a kick behind, as in `SteeredRattle`."""

    lead = -1.0

    def __init__(self, timestep: float, kernel: Kernel, rigid: RigidParts, tolerance: float) -> None:
        super().__init__(timestep)
        self._net = rigid.coupled
        rattle.keep_bonds(self, rigid, tolerance)
        rattle.add_kick(self, kernel.kick)
        self.addComputeGlobal(_FRACTION, f"{_FRACTION}+{_STRIDE}")
        rattle.add_drift(self, rigid, kernel.drift)

    def prepare(self, steered: Float[np.ndarray, " atoms"], inverse_masses: Positions, kappa: float) -> None:
        super().prepare(steered, inverse_masses, kappa)
        if self._net:
            rattle.begin(self, len(steered))
