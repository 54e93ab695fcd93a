"""What steps with rigid bonds are made of (RATTLE), for integrators of any order, and whether they have a way back.

An operation on all particles costs a CPU some 2 % of a step in water, so there are as few as there can be.

Source: H. C. Andersen, J. Comput. Phys. 52, 24 (1983); docs/theory.md, section 3.10.
"""

import numpy as np
import openmm

from cvflow.engines.openmm.rigid import LARGEST_SHIFT, SLIP, RigidParts

_FROM, _THERE = "cvflow_drift_from", "cvflow_drift_to"
_REACH, _STRAYED = "cvflow_reach", "cvflow_strayed"

_FINER = LARGEST_SHIFT / SLIP
"""How much nearer than `RigidParts.farthest` a step's way back has to lead: as near as bonds are to their lengths."""


def keep_bonds(integrator: openmm.CustomIntegrator, rigid: RigidParts, tolerance: float) -> None:
    """Let an integrator have what the other functions here need.

    Args:
        integrator: without steps yet.
        rigid: what moves as a whole.
        tolerance: of the bonds' lengths, relative.
    """
    integrator.setConstraintTolerance(tolerance)
    for name in (_THERE, _REACH, *((_FROM, _STRAYED) if rigid.coupled else ())):
        integrator.addPerDofVariable(name, 0.0)
    integrator.setPerDofVariableByName(_REACH, np.repeat(1 / rigid.farthest()[:, None], 3, axis=1))


def add_kick(integrator: openmm.CustomIntegrator, kicked: str) -> None:
    """Velocities become this expression, made tangential."""
    integrator.addComputePerDof("v", kicked)
    integrator.addConstrainVelocities()


def add_drift(integrator: openmm.CustomIntegrator, rigid: RigidParts, moved: str) -> None:
    """Positions become this expression, put back on the bonds' lengths; velocities follow what was put back.

    They are infinite where an atom of a rigid bond moved farther than it may, which ends the path. That costs no
    operation of its own, and is the same for a path and its reverse, which pass through the same places.

    Virtual sites are put where they belong, on some platforms at the end of the step: no force may be asked for before.
    """
    if rigid.coupled:
        integrator.addComputePerDof(_FROM, "x")
    integrator.addComputePerDof("x", moved)
    integrator.addComputePerDof(_THERE, "x")
    integrator.addConstrainPositions()
    integrator.addComputePerDof("v", f"moved/step(1-dt*abs(moved)*{_REACH}); moved=v+(x-{_THERE})/dt")
    if rigid.coupled:
        _add_retracing(integrator)


def _add_retracing(integrator: openmm.CustomIntegrator) -> None:
    """Make the drift of the way back of a net of bonds, to see whether it finds where this one began.

    Velocities are made tangential, as the next kick does in any case. A number that is none counts as strayed.
    """
    integrator.addConstrainVelocities()
    integrator.addComputePerDof(_THERE, "x")
    integrator.addComputePerDof("x", "x-dt*v")
    integrator.addConstrainPositions()
    integrator.addComputePerDof(_STRAYED, f"max({_STRAYED},2*(1-step(1-{_FINER}*abs(x-{_FROM})*{_REACH})))")
    integrator.addComputePerDof("x", _THERE)
    integrator.addConstrainPositions()


def begin(integrator: openmm.CustomIntegrator, particles: int) -> None:
    """Forget what ways back of nets have led to."""
    integrator.setPerDofVariableByName(_STRAYED, np.zeros((particles, 3)))


def strayed(integrator: openmm.CustomIntegrator) -> bool:
    """Whether, in any step since `begin`, the way back of a net of bonds did not lead to where the step began.

    It is the same for a path and its reverse, which pass through the same places.
    """
    return not np.array(integrator.getPerDofVariableByName(_STRAYED)).max() < 1
