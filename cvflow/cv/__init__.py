"""Collective variables: what the flow learns and the restraint pulls on.

A collective variable (CV) is plain data: a name, a unit, and what it is a function of. Engines turn it into their own
force; `evaluate` gives its value by itself, in double precision, for any frame.
"""

from cvflow.cv.base import CollectiveVariable
from cvflow.cv.force import ForceCV, from_force
from cvflow.cv.geometry import Distance, distance

__all__ = ["CollectiveVariable", "Distance", "ForceCV", "distance", "from_force"]
