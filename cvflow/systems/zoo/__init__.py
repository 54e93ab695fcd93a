"""Small systems whose CV has a Gram matrix G = ∇ξᵀ M⁻¹ ∇ξ that changes with the configuration.

In each, the density is a product of simple densities of internal coordinates, so that exact draws are possible; it has
two modes of different weight along the CV, and another degree of freedom whose distribution depends on the CV. A kernel
that forgets the Fixman term, or anything else about the metric, samples them wrongly.
"""

from cvflow.systems.zoo.angle import PlanarAngle
from cvflow.systems.zoo.ellipsoid import Ellipsoid
from cvflow.systems.zoo.torsion import SingleTorsion
from cvflow.systems.zoo.two_distances import TwoDistances

__all__ = ["Ellipsoid", "PlanarAngle", "SingleTorsion", "TwoDistances"]
