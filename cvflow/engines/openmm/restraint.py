"""The restraint u = Σ κ_i/2 d(ξ_i, λ_i)² as OpenMM forces, one a CV; λ_i and κ_i are context parameters."""

from math import isinf

import openmm

from cvflow.core.frames import Point
from cvflow.cv import CollectiveVariable


def centre_name(index: int) -> str:
    """Context parameter that holds λ of the CV with this index."""
    return f"cvflow_centre{index}"


def kappa_name(index: int) -> str:
    """Context parameter that holds κ of the CV with this index."""
    return f"cvflow_kappa{index}"


def restraint_force(cv: CollectiveVariable, index: int) -> openmm.Force:
    """The restraint on one CV, with its derivative with respect to λ for the protocol work.

    On a circle λ may be any of its images: d is the shortest way round.

    Raises:
        ValueError: this OpenMM has no force for the CV, or the CV's atoms are still selection strings.
    """
    force = cv.openmm_force(lambda value: _energy(value, index, cv.period))
    force.addGlobalParameter(centre_name(index), 0.0)
    force.addGlobalParameter(kappa_name(index), 0.0)
    force.addEnergyParameterDerivative(centre_name(index))
    return force


def set_restraint(context: openmm.Context, centre: Point, kappa: Point) -> None:
    """Let the restraints of a context be at these λ, with these κ [kJ/mol per CV unit squared]; zeros are without."""
    for i in range(len(centre)):
        context.setParameter(centre_name(i), float(centre[i]))
        context.setParameter(kappa_name(i), float(kappa[i]))


def _energy(value: str, index: int, period: float) -> str:
    spring, apart = f"0.5*{kappa_name(index)}", f"{value}-{centre_name(index)}"
    if isinf(period):
        return f"{spring}*({apart})^2"
    circle = repr(float(period))
    return f"{spring}*(apart-{circle}*floor(apart/{circle}+0.5))^2; apart={apart}"
