"""The restraint u = Σ κ_i/2 (ξ_i - λ_i)² as OpenMM forces, one a CV; λ_i and κ_i are context parameters."""

from functools import singledispatch

import openmm

from cvflow.cv import CollectiveVariable, Distance, ForceCV


def centre_name(index: int) -> str:
    """Context parameter that holds λ of the CV with this index."""
    return f"cvflow_centre{index}"


def kappa_name(index: int) -> str:
    """Context parameter that holds κ of the CV with this index."""
    return f"cvflow_kappa{index}"


@singledispatch
def restraint_force(cv: CollectiveVariable, index: int) -> openmm.Force:
    """The restraint on one CV, with its derivative with respect to λ for the protocol work.

    Raises:
        TypeError: this engine has no force for the CV's type.
    """
    raise TypeError(f"CV {cv.name}: the OpenMM engine has no restraint for {type(cv).__name__}")


@restraint_force.register
def _distance(cv: Distance, index: int) -> openmm.Force:
    force = openmm.CustomBondForce(_energy("r", index))
    force.addBond(*cv.atoms, [])
    return _with_parameters(force, index)


@restraint_force.register
def _force(cv: ForceCV, index: int) -> openmm.Force:
    variable = f"cvflow_value{index}"
    force = openmm.CustomCVForce(_energy(variable, index))
    force.addCollectiveVariable(variable, openmm.XmlSerializer.deserialize(cv.force_xml))
    return _with_parameters(force, index)


def _energy(value: str, index: int) -> str:
    return f"0.5*{kappa_name(index)}*({value}-{centre_name(index)})^2"


def _with_parameters(force: openmm.Force, index: int) -> openmm.Force:
    force.addGlobalParameter(centre_name(index), 0.0)
    force.addGlobalParameter(kappa_name(index), 0.0)
    force.addEnergyParameterDerivative(centre_name(index))
    return force
