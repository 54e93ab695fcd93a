"""Works of a step from one target to another by a map: targeted perturbation, and DeepBAR from a flow's density.

The work of a point x of the start is u_end(M(x)) - u_start(x) - log|det ∂M/∂x|, for which Jarzynski's and Crooks's
relations hold. With both ways, `cvflow.estimate.bennett` has the free-energy difference; with one, it is minus
`cvflow.estimate.importance.log_normalisation` of minus the works.

Sources: Jarzynski, Phys. Rev. E 65, 046122 (2002); Wirnsberger et al., J. Chem. Phys. 153, 144112 (2020); Ding and
Zhang, J. Phys. Chem. Lett. 12, 2509 (2021), for BAR between a normalised density and a target.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from cvflow.proposals.base import CVPoints

PerPoint = Float[np.ndarray, " points"]
PointEnergy = Callable[[CVPoints], PerPoint]
"""In kT, of points, a row each; +∞ where there is no such configuration. Of a normalised density: -log q."""

PointMap = Callable[[CVPoints], tuple[CVPoints, PerPoint]]
"""Images of points, and the log of the map's volume change, log|det|, at each."""


def mapped_works(points: CVPoints, start: PointEnergy, end: PointEnergy, by: PointMap) -> PerPoint:
    """Work [kT] of each point of the start that is mapped towards the end.

    The way back is the same with start and end exchanged, and with the map's inverse.

    Args:
        points: in equilibrium at the start.
        start: energy there.
        end: energy where the map leads.
        by: the map, one to one.
    """
    images, log_volumes = by(points)
    return end(images) - start(points) - log_volumes


def in_place(points: CVPoints) -> tuple[CVPoints, PerPoint]:
    """The map that leaves points where they are: free-energy perturbation, and BAR between a flow and a target."""
    return points, np.zeros(len(points))
