"""OpenMM forces whose energy is any expression of a CV's value: algebra of native forces, and callbacks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import openmm

from cvflow.core.frames import Box, Frame, Positions

Energy = Callable[[str], str]
"""From the name that a force has for its variable to the energy [kJ/mol], as OpenMM writes expressions."""


def algebra(energy: str, variables: Mapping[str, openmm.Force]) -> openmm.Force:
    """A force whose energy is an expression of other forces' energies, so that derivatives with respect to its
    parameters are OpenMM's own.
    """
    force = openmm.CustomCVForce(energy)
    for name, variable in variables.items():
        force.addCollectiveVariable(name, variable)
    return force


OfAtoms = Callable[[Positions, Box | None], tuple[float, Positions]]
"""Value and gradient, (atoms, 3) as the positions [nm], in a box or in none."""


def callback(
    cv: str, compute: OfAtoms, atoms: Sequence[int], energy: Energy, *, periodic: bool = False
) -> openmm.Force:
    """A force on some atoms that calls a function of their positions and, in a periodic system, their box.

    Raises:
        ValueError: this OpenMM has none; `cv` names the CV.
    """
    force = _python_force(cv, _OfAtoms(compute, periodic), periodic)
    force.setParticles(list(atoms))
    return algebra(energy("cvflow_value"), {"cvflow_value": force})


def callback_of_all(
    cv: str, compute: Callable[[Frame], tuple[float, Positions]], energy: Energy, *, periodic: bool = False
) -> openmm.Force:
    """The same for all particles and, in a periodic system, their box.

    Raises:
        ValueError: this OpenMM has none; `cv` names the CV.
    """
    force = _python_force(cv, _OfAll(compute, periodic), periodic)
    return algebra(energy("cvflow_value"), {"cvflow_value": force})


def _python_force(cv: str, computation: Callable[[openmm.State], Any], periodic: bool) -> openmm.Force:
    if not hasattr(openmm, "PythonForce"):
        raise ValueError(f"CV {cv}: a CV computed in Python needs OpenMM 8.4 or newer")
    force = openmm.PythonForce(computation)
    force.setUsesPeriodicBoundaryConditions(periodic)
    return force


@dataclass(frozen=True)
class _OfAtoms:
    """What a PythonForce calls; OpenMM copies it, so it is of a class that can be."""

    compute: OfAtoms
    periodic: bool

    def __call__(self, state: openmm.State) -> tuple[float, Positions]:
        value, gradient = self.compute(*_seen(state, self.periodic))
        return value, -gradient


@dataclass(frozen=True)
class _OfAll:
    """The same, of all particles."""

    compute: Callable[[Frame], tuple[float, Positions]]
    periodic: bool

    def __call__(self, state: openmm.State) -> tuple[float, Positions]:
        value, gradient = self.compute(_seen(state, self.periodic))
        return value, -gradient


def _seen(state: openmm.State, periodic: bool) -> Frame:
    """What OpenMM shows of the particles, with the box where there is one."""
    box = np.array(state.getPeriodicBoxVectors(asNumpy=True)._value) if periodic else None
    return Frame(np.array(state.getPositions(asNumpy=True)._value), box)
