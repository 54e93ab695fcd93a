"""The batch systems next to their second writing in numpy."""

from types import ModuleType
from typing import NamedTuple

from cvflow.systems import (
    BatchReference,
    Dimer,
    Ellipsoid,
    GaussianMixtureTarget,
    GaussianTunnel,
    Phi4,
    Phi4Modes,
    PlanarAngle,
    SingleTorsion,
    TwoDistances,
    TwoModes,
)
from tests.systems.exact import angle, ellipsoid, mixture, phi4, torsion, tunnel, two_distances, two_modes


class Case(NamedTuple):
    """A system and the module with its exact draws."""

    reference: BatchReference
    exact: ModuleType


CASES = {
    case.reference.name: case
    for case in (
        Case(GaussianTunnel(), tunnel),
        Case(Phi4(), phi4),
        Case(GaussianMixtureTarget(), mixture),
        Case(TwoModes(condition=100.0), two_modes),
        Case(PlanarAngle(), angle),
        Case(SingleTorsion(), torsion),
        Case(Ellipsoid(), ellipsoid),
        Case(TwoDistances(), two_distances),
    )
}
ZOO = ("angle", "torsion", "ellipsoid", "two_distances")
BATCH_SYSTEMS = {name: case.reference for name, case in CASES.items()} | {"dimer": Dimer(), "phi4_modes": Phi4Modes()}
