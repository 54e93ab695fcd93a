"""Values and gradients of CVs in numpy, for engines that have no forces of their own for them."""

from functools import singledispatch

import numpy as np
from jaxtyping import Float

from cvflow.core.frames import Frame, Positions
from cvflow.core.periodic import into_period
from cvflow.cv.base import CollectiveVariable
from cvflow.cv.combination import Combination
from cvflow.cv.geometry import Angle, Distance, Torsion
from cvflow.cv.groups import CentreDistance, Coordination, Gyration, shares
from cvflow.cv.plumed import PlumedCV
from cvflow.cv.python import PythonCV
from cvflow.cv.selection import Group, indices

Rows = Float[np.ndarray, "_ 3"]


@singledispatch
def value_and_gradient(cv: CollectiveVariable, frame: Frame) -> tuple[float, Positions]:
    """ξ and ∂ξ/∂x of all atoms, (atoms, 3), as the CV has it: no minimum image but PLUMED's.

    Raises:
        ValueError: nothing is known of the CV's gradient.
    """
    raise ValueError(
        f"CV {cv.name}: this engine does not pull on a {type(cv).__name__}; write it in PLUMED's words (plumed = …) or "
        "as a torch function (python = …)"
    )


@value_and_gradient.register
def _plumed(cv: PlumedCV, frame: Frame) -> tuple[float, Positions]:
    return cv.value_and_gradient(frame)


@value_and_gradient.register
def _python(cv: PythonCV, frame: Frame) -> tuple[float, Positions]:
    atoms = indices(cv.name, cv.atoms)
    value, gradient = cv.value_and_gradient(frame.positions[atoms])
    return value, _among_all(frame, (cv.name, cv.atoms, gradient))


@value_and_gradient.register
def _distance(cv: Distance, frame: Frame) -> tuple[float, Positions]:
    first, second = frame.positions[indices(cv.name, cv.atoms)]
    apart = second - first
    r = float(np.linalg.norm(apart))
    return r, _among_all(frame, (cv.name, cv.atoms, np.array([-apart, apart]) / r))


@value_and_gradient.register
def _angle(cv: Angle, frame: Frame) -> tuple[float, Positions]:
    first, middle, last = frame.positions[indices(cv.name, cv.atoms)]
    a, b = first - middle, last - middle
    normal = np.cross(a, b)
    sine = np.linalg.norm(normal)
    by_first, by_last = np.cross(a, normal) / (sine * (a @ a)), np.cross(normal, b) / (sine * (b @ b))
    gradient = np.array([by_first, -by_first - by_last, by_last])
    return float(np.arctan2(sine, a @ b)), _among_all(frame, (cv.name, cv.atoms, gradient))


@value_and_gradient.register
def _torsion(cv: Torsion, frame: Frame) -> tuple[float, Positions]:
    """Source: Blondel and Karplus, J. Comput. Chem. 17, 1132 (1996), eq. (27), which is regular at 0 and π."""
    a, b, c, d = frame.positions[indices(cv.name, cv.atoms)]
    first, middle, last = b - a, c - b, d - c
    before, after = np.cross(first, middle), np.cross(middle, last)
    length = np.linalg.norm(middle)
    by_a, by_d = -length / (before @ before) * before, length / (after @ after) * after
    share_b, share_c = -(first @ middle) / length**2, -(last @ middle) / length**2
    by_b = (share_b - 1) * by_a - share_c * by_d
    gradient = np.array([by_a, by_b, -by_a - by_b - by_d, by_d])
    return cv.evaluate(frame), _among_all(frame, (cv.name, cv.atoms, gradient))


@value_and_gradient.register
def _gyration(cv: Gyration, frame: Frame) -> tuple[float, Positions]:
    share = cv.shares[:, None]
    x = frame.positions[indices(cv.name, cv.atoms)]
    apart = x - (share * x).sum(axis=0)
    radius = float(np.sqrt((share * apart**2).sum()))
    return radius, _among_all(frame, (cv.name, cv.atoms, share * apart / radius))


@value_and_gradient.register
def _centre_distance(cv: CentreDistance, frame: Frame) -> tuple[float, Positions]:
    first, second = (shares(cv.name, *group) for group in ((cv.atoms, cv.weights), (cv.atoms2, cv.weights2)))
    x = frame.positions
    apart = second @ x[indices(cv.name, cv.atoms2)] - first @ x[indices(cv.name, cv.atoms)]
    r = float(np.linalg.norm(apart))
    along = apart / r
    pulls = ((cv.name, cv.atoms, -np.outer(first, along)), (cv.name, cv.atoms2, np.outer(second, along)))
    return r, _among_all(frame, *pulls)


@value_and_gradient.register
def _coordination(cv: Coordination, frame: Frame) -> tuple[float, Positions]:
    first, second = (frame.positions[indices(cv.name, atoms)] for atoms in (cv.atoms, cv.atoms2))
    apart = first[:, None] - second[None]
    square = (apart**2).sum(axis=2) / cv.r0**2
    counted = 1 / (1 + square**3)
    slope = (-6 * square**2 * counted**2 / cv.r0**2)[:, :, None] * apart
    pulls = ((cv.name, cv.atoms, slope.sum(axis=1)), (cv.name, cv.atoms2, -slope.sum(axis=0)))
    return float(counted.sum()), _among_all(frame, *pulls)


@value_and_gradient.register
def _combination(cv: Combination, frame: Frame) -> tuple[float, Positions]:
    parts = [value_and_gradient(term, frame) for term in cv.terms]
    pairs = list(zip(cv.coefficients, parts, strict=True))
    value = sum(coefficient * value for coefficient, (value, _) in pairs)
    return into_period(value, cv.period), np.sum([coefficient * slope for coefficient, (_, slope) in pairs], axis=0)


def _among_all(frame: Frame, *parts: tuple[str, Group, Rows]) -> Positions:
    """Gradients of groups of atoms as one of all atoms."""
    gradient = np.zeros_like(frame.positions)
    for name, atoms, rows in parts:
        gradient[indices(name, atoms)] += rows
    return gradient
