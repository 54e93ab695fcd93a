"""Collective variables: what the flow learns and the restraint pulls on.

A collective variable (CV) is plain data: a name, a unit, a period if it lives on a circle, and what it is a function
of. `value_and_gradient` gives its value and gradient for any frame, in double precision; OpenMM has a force of it.
"""

from cvflow.cv.alpha_beta import AlphaBeta, HelixContent, alpha_beta, helix_content
from cvflow.cv.anisotropy import Anisotropy, anisotropy
from cvflow.cv.base import AtomsCV, CollectiveVariable, Particles, resolve
from cvflow.cv.centre_distance import CentreDistance, centre_distance
from cvflow.cv.combination import Combination, combination
from cvflow.cv.coordination import Coordination, coordination
from cvflow.cv.force import ForceCV, from_force
from cvflow.cv.geometry import Angle, Distance, Torsion, angle, distance, torsion
from cvflow.cv.gyration import Gyration, gyration
from cvflow.cv.native_contacts import NativeContacts, native_contacts
from cvflow.cv.path import PathDistance, PathProgress, path_distance, path_progress
from cvflow.cv.planes import PlaneAngle, PlaneDistance, plane_angle, plane_distance
from cvflow.cv.plumed import PlumedCV, from_plumed
from cvflow.cv.puckering import (
    PuckeringAmplitude,
    PuckeringCoordinate,
    PuckeringPhase,
    PuckeringTheta,
    puckering_amplitude,
    puckering_coordinate,
    puckering_phase,
    puckering_theta,
)
from cvflow.cv.rmsd import RMSD, rmsd
from cvflow.cv.torch_function import TorchCV, from_torch
from cvflow.cv.torch_module import from_module

__all__ = [
    "RMSD",
    "AlphaBeta",
    "Angle",
    "Anisotropy",
    "AtomsCV",
    "CentreDistance",
    "CollectiveVariable",
    "Combination",
    "Coordination",
    "Distance",
    "ForceCV",
    "Gyration",
    "HelixContent",
    "NativeContacts",
    "Particles",
    "PathDistance",
    "PathProgress",
    "PlaneAngle",
    "PlaneDistance",
    "PlumedCV",
    "PuckeringAmplitude",
    "PuckeringCoordinate",
    "PuckeringPhase",
    "PuckeringTheta",
    "TorchCV",
    "Torsion",
    "alpha_beta",
    "angle",
    "anisotropy",
    "centre_distance",
    "combination",
    "coordination",
    "distance",
    "from_force",
    "from_module",
    "from_plumed",
    "from_torch",
    "gyration",
    "helix_content",
    "native_contacts",
    "path_distance",
    "path_progress",
    "plane_angle",
    "plane_distance",
    "puckering_amplitude",
    "puckering_coordinate",
    "puckering_phase",
    "puckering_theta",
    "resolve",
    "rmsd",
    "torsion",
]
