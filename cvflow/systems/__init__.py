"""Reference systems, one file each."""

from cvflow.systems.ag6 import Ag6
from cvflow.systems.alanine_dipeptide import AlanineDipeptide, AlanineDipeptideImplicit
from cvflow.systems.base import AtomsReference, BatchReference, ReferenceSystem
from cvflow.systems.dimer import Dimer
from cvflow.systems.mixture import GaussianMixtureTarget
from cvflow.systems.phi4 import Phi4
from cvflow.systems.phi4_modes import Phi4Modes
from cvflow.systems.polymer import Polymer
from cvflow.systems.tunnel import GaussianTunnel
from cvflow.systems.two_modes import TwoModes
from cvflow.systems.zoo import Ellipsoid, PlanarAngle, SingleTorsion, TwoDistances

BUILT_IN: dict[str, type[ReferenceSystem]] = {
    system.name: system
    for system in (
        Polymer,
        AlanineDipeptide,
        AlanineDipeptideImplicit,
        Ag6,
        GaussianTunnel,
        Phi4,
        Phi4Modes,
        Dimer,
        GaussianMixtureTarget,
        TwoModes,
        PlanarAngle,
        SingleTorsion,
        Ellipsoid,
        TwoDistances,
    )
}
"""The built-in systems by the name that `[system] name` takes."""

__all__ = [
    "BUILT_IN",
    "Ag6",
    "AlanineDipeptide",
    "AlanineDipeptideImplicit",
    "AtomsReference",
    "BatchReference",
    "Dimer",
    "Ellipsoid",
    "GaussianMixtureTarget",
    "GaussianTunnel",
    "Phi4",
    "Phi4Modes",
    "PlanarAngle",
    "Polymer",
    "ReferenceSystem",
    "SingleTorsion",
    "TwoDistances",
    "TwoModes",
]
