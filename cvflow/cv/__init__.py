"""Collective variables: what the flow learns and the restraint pulls on.

A collective variable (CV) is plain data: a name, a unit, a period if it lives on a circle, and what it is a function
of. Engines turn it into their own force; `evaluate` gives its value by itself, in double precision, for any frame.
"""

from importlib import import_module
from typing import Any

from cvflow.cv.anisotropy import Anisotropy, anisotropy
from cvflow.cv.base import CollectiveVariable, Particles, resolve
from cvflow.cv.combination import Combination, combination
from cvflow.cv.force import ForceCV, from_force
from cvflow.cv.geometry import Angle, Distance, Torsion, angle, distance, torsion
from cvflow.cv.groups import CentreDistance, Coordination, Gyration, centre_distance, coordination, gyration
from cvflow.cv.plumed import PlumedCV, from_plumed
from cvflow.cv.python import PythonCV

__all__ = [
    "Angle",
    "Anisotropy",
    "CentreDistance",
    "CollectiveVariable",
    "Combination",
    "Coordination",
    "Distance",
    "ForceCV",
    "Gyration",
    "Particles",
    "PlumedCV",
    "PythonCV",
    "Torsion",
    "angle",
    "anisotropy",
    "centre_distance",
    "combination",
    "coordination",
    "distance",
    "from_force",
    "from_plumed",
    "from_torch",
    "gyration",
    "resolve",
    "torsion",
]


def __getattr__(name: str) -> Any:
    """Import what needs torch on first use: worker processes without such a CV start without it."""
    if name == "from_torch":
        return import_module("cvflow.cv.torch_function").from_torch
    raise AttributeError(f"module 'cvflow.cv' has no attribute {name!r}")
