"""What steps with rigid bonds are made of (RATTLE), for integrators of any order, and how far bonds have turned.

Source: H. C. Andersen, J. Comput. Phys. 52, 24 (1983); docs/theory.md, section 3.10.
"""

import numpy as np
import openmm
from jaxtyping import Float

_UNCONSTRAINED, _REACH, _TURNED = "cvflow_unconstrained", "cvflow_reach", "cvflow_turned"


def keep_bonds(
    integrator: openmm.CustomIntegrator, farthest: Float[np.ndarray, " particles"], tolerance: float
) -> None:
    """Let an integrator have what the other functions here need.

    Args:
        integrator: without steps yet.
        farthest: how far each particle may move along an axis in one time step [nm].
        tolerance: of the bonds' lengths, relative.
    """
    integrator.setConstraintTolerance(tolerance)
    for name in (_UNCONSTRAINED, _REACH, _TURNED):
        integrator.addPerDofVariable(name, 0.0)
    integrator.setPerDofVariableByName(_REACH, np.repeat(1 / farthest[:, None], 3, axis=1))


def add_kick(integrator: openmm.CustomIntegrator, kicked: str) -> None:
    """Velocities become this expression, made tangential."""
    integrator.addComputePerDof("v", kicked)
    integrator.addConstrainVelocities()


def add_drift(integrator: openmm.CustomIntegrator, moved: str) -> None:
    """Positions become this expression, put back on the bonds' lengths; velocities follow what was put back.

    Virtual sites are put where they belong, on some platforms at the end of the step: no force may be asked for before.
    """
    integrator.addComputePerDof("x", moved)
    integrator.addComputePerDof(_UNCONSTRAINED, "x")
    integrator.addConstrainPositions()
    integrator.addComputePerDof("v", f"v+(x-{_UNCONSTRAINED})/dt")
    integrator.addComputePerDof(_TURNED, f"max({_TURNED},dt*abs(v)*{_REACH})")


def begin(integrator: openmm.CustomIntegrator, particles: int) -> None:
    """Forget how far bonds have turned."""
    integrator.setPerDofVariableByName(_TURNED, np.zeros((particles, 3)))


def largest_shift(integrator: openmm.CustomIntegrator) -> float:
    """Of any particle in any step since `begin`, as a multiple of the farthest that it may move.

    It is the same for a path and its reverse, which pass through the same places.
    """
    return float(np.array(integrator.getPerDofVariableByName(_TURNED)).max())
