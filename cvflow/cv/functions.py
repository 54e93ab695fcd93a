"""CVs as torch functions of positions (chains, atoms, 3), for the batch engine and as parts of one's own.

Some of the atoms: ``torsion(x[:, [4, 6, 8, 14]])``.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cvflow.cv import formulas
from cvflow.cv.batch import Each


def distance(x: Float[Tensor, "chains 2 3"]) -> Each:
    """Distance of two atoms, in the unit of x."""
    return formulas.norm(x[:, 1] - x[:, 0], torch)


def angle(x: Float[Tensor, "chains 3 3"]) -> Each:
    """Angle [rad] at the second of three atoms, in [0, π]; smooth but where they are collinear."""
    a, b = x[:, 0] - x[:, 1], x[:, 2] - x[:, 1]
    return formulas.angle(a, b, torch.linalg.cross(a, b), torch)


def torsion(x: Float[Tensor, "chains 4 3"]) -> Each:
    """Torsion [rad] in [-π, π); smooth but where three consecutive atoms are collinear.

    Source: sign convention of IUPAC and of PLUMED's TORSION: positive where, seen along the middle bond, the far bond
    is turned clockwise from the near one.
    """
    first, middle, last = x[:, 1] - x[:, 0], x[:, 2] - x[:, 1], x[:, 3] - x[:, 2]
    before, after = torch.linalg.cross(first, middle), torch.linalg.cross(middle, last)
    return formulas.dihedral(first, middle, before, after, torch)


def gyration(x: Float[Tensor, "chains atoms 3"], weights: Float[Tensor, " atoms"] | None = None) -> Each:
    """Radius of gyration around the weighted centre, in the unit of x; with equal weights if none are given."""
    shares = x.new_ones(x.shape[1]) if weights is None else weights
    shares = (shares / shares.sum())[:, None]
    return formulas.gyration(formulas.from_centre(x, shares), shares, torch)


def coordination(x: Float[Tensor, "chains atoms 3"], y: Float[Tensor, "chains others 3"], r0: float) -> Each:
    """Coordination number Σ 1/(1 + (r/r0)⁶) over the pairs of two groups; r0 in the unit of x and y."""
    return formulas.counted(x[:, :, None] - y[:, None], r0)[0].sum((1, 2))
