"""CVs as OpenMM forces: of each kind, a force whose energy is any expression of the CV."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import singledispatch
from itertools import product
from typing import Any

import numpy as np
import openmm

from cvflow.core.frames import Frame, Positions
from cvflow.cv import (
    Angle,
    CentreDistance,
    CollectiveVariable,
    Combination,
    Coordination,
    Distance,
    ForceCV,
    Gyration,
    PlumedCV,
    PythonCV,
    Torsion,
)
from cvflow.cv.groups import shares
from cvflow.cv.selection import indices
from cvflow.host.openmm_xml import deserialised

MOST_TERMS = 32
"""Of a CustomCVForce."""

Expression = Callable[[str], str]
"""From the name that a force has for its variable to the energy."""


@singledispatch
def force_of(cv: CollectiveVariable, energy: Expression) -> openmm.Force:
    """A force with that energy; on a circle its variable may be any of the CV's images.

    Raises:
        TypeError: this engine has no force for the CV's type.
    """
    raise TypeError(f"CV {cv.name}: the OpenMM engine has no force for {type(cv).__name__}")


@force_of.register
def _distance(cv: Distance, energy: Expression) -> openmm.Force:
    force = openmm.CustomBondForce(energy("r"))
    force.addBond(*indices(cv.name, cv.atoms), [])
    return force


@force_of.register
def _angle(cv: Angle, energy: Expression) -> openmm.Force:
    force = openmm.CustomAngleForce(energy("theta"))
    force.addAngle(*indices(cv.name, cv.atoms), [])
    return force


@force_of.register
def _torsion(cv: Torsion, energy: Expression) -> openmm.Force:
    force = openmm.CustomTorsionForce(energy("theta"))
    force.addTorsion(*indices(cv.name, cv.atoms), [])
    return force


@force_of.register
def _centre_distance(cv: CentreDistance, energy: Expression) -> openmm.Force:
    force = openmm.CustomCentroidBondForce(2, energy("distance(g1,g2)"))
    for atoms, weights in ((cv.atoms, cv.weights), (cv.atoms2, cv.weights2)):
        force.addGroup(indices(cv.name, atoms), shares(cv.name, atoms, weights).tolist())
    force.addBond([0, 1], [])
    return force


@force_of.register
def _gyration(cv: Gyration, energy: Expression) -> openmm.Force:
    """Each atom's squared distance from the centre: a term an atom, where the pairs' would be a term a pair."""
    atoms, weights = indices(cv.name, cv.atoms), cv.shares.tolist()
    spread = openmm.CustomCentroidBondForce(2, "share*distance(g1,g2)^2")
    spread.addPerBondParameter("share")
    spread.addGroup(atoms, weights)
    for i, (atom, weight) in enumerate(zip(atoms, weights, strict=True)):
        spread.addGroup([atom], [1.0])
        spread.addBond([0, i + 1], [weight])
    return _algebra(energy("sqrt(cvflow_spread)"), {"cvflow_spread": spread})


@force_of.register
def _coordination(cv: Coordination, energy: Expression) -> openmm.Force:
    pairs = openmm.CustomBondForce(f"1/(1+(r/{float(cv.r0)!r})^6)")
    for first, second in product(indices(cv.name, cv.atoms), indices(cv.name, cv.atoms2)):
        pairs.addBond(first, second, [])
    return _algebra(energy("cvflow_pairs"), {"cvflow_pairs": pairs})


@force_of.register
def _combination(cv: Combination, energy: Expression) -> openmm.Force:
    if len(cv.terms) > MOST_TERMS:
        raise ValueError(
            f"CV {cv.name}: OpenMM takes at most {MOST_TERMS} terms in one combination, got {len(cv.terms)}: make "
            "combinations of combinations"
        )
    names = [f"cvflow_term{i}" for i in range(len(cv.terms))]
    total = "+".join(f"({float(factor)!r})*{name}" for factor, name in zip(cv.coefficients, names, strict=True))
    terms = {name: force_of(term, str) for name, term in zip(names, cv.terms, strict=True)}
    return _algebra(energy(f"({total})"), terms)


@force_of.register
def _force(cv: ForceCV, energy: Expression) -> openmm.Force:
    return _algebra(energy("cvflow_value"), {"cvflow_value": deserialised(cv.force_xml, f"CV {cv.name}")})


@force_of.register
def _python(cv: PythonCV, energy: Expression) -> openmm.Force:
    """Within an algebra, so that the derivative with respect to λ is OpenMM's own."""
    force = _python_force(cv, _Computation(cv))
    force.setParticles(indices(cv.name, cv.atoms))
    return _algebra(energy("cvflow_value"), {"cvflow_value": force})


@force_of.register
def _plumed(cv: PlumedCV, energy: Expression) -> openmm.Force:
    """Of all particles: PLUMED alone knows which ones it reads."""
    force = _python_force(cv, _PlumedComputation(cv))
    force.setUsesPeriodicBoundaryConditions(bool(cv.particles and cv.particles.periodic))
    return _algebra(energy("cvflow_value"), {"cvflow_value": force})


def _python_force(cv: CollectiveVariable, computation: Callable[[openmm.State], Any]) -> openmm.Force:
    if not hasattr(openmm, "PythonForce"):
        raise ValueError(f"CV {cv.name}: a CV computed in Python needs OpenMM 8.4 or newer")
    return openmm.PythonForce(computation)


@dataclass(frozen=True)
class _Computation:
    """What a PythonForce calls; OpenMM copies it, so it is of a class that can be."""

    cv: PythonCV

    def __call__(self, state: openmm.State) -> tuple[float, Positions]:
        value, gradient = self.cv.value_and_gradient(np.array(state.getPositions(asNumpy=True)._value))
        return value, -gradient


@dataclass(frozen=True)
class _PlumedComputation:
    """The same for all particles and, in a periodic system, their box."""

    cv: PlumedCV

    def __call__(self, state: openmm.State) -> tuple[float, Positions]:
        periodic = self.cv.particles and self.cv.particles.periodic
        box = state.getPeriodicBoxVectors(asNumpy=True)._value if periodic else None
        frame = Frame(np.array(state.getPositions(asNumpy=True)._value), box)
        value, gradient = self.cv.value_and_gradient(frame)
        return value, -gradient


def _algebra(energy: str, variables: dict[str, openmm.Force]) -> openmm.Force:
    force = openmm.CustomCVForce(energy)
    for name, variable in variables.items():
        force.addCollectiveVariable(name, variable)
    return force
