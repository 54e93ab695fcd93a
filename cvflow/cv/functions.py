"""CVs as torch functions of positions (chains, atoms, 3), for the batch engine and as parts of one's own.

Some of the atoms: ``torsion(x[:, [4, 6, 8, 14]])``.
"""

from math import pi

import torch
from jaxtyping import Float
from torch import Tensor

Each = Float[Tensor, " chains"]
Vectors = Float[Tensor, "chains 3"]


def distance(x: Float[Tensor, "chains 2 3"]) -> Each:
    """Distance of two atoms."""
    return _norm(x[:, 1] - x[:, 0])


def angle(x: Float[Tensor, "chains 3 3"]) -> Each:
    """Angle [rad] at the second of three atoms, in [0, π]; smooth but where they are collinear."""
    a, b = x[:, 0] - x[:, 1], x[:, 2] - x[:, 1]
    return torch.atan2(_norm(torch.linalg.cross(a, b)), (a * b).sum(dim=1))


def torsion(x: Float[Tensor, "chains 4 3"]) -> Each:
    """Torsion [rad] in [-π, π); smooth but where three consecutive atoms are collinear.

    Source: sign convention of IUPAC and of PLUMED's TORSION: positive where, seen along the middle bond, the far bond
    is turned clockwise from the near one.
    """
    first, second, third = x[:, 1] - x[:, 0], x[:, 2] - x[:, 1], x[:, 3] - x[:, 2]
    before, after = torch.linalg.cross(first, second), torch.linalg.cross(second, third)
    phi = torch.atan2(_norm(second) * (first * after).sum(dim=1), (before * after).sum(dim=1))
    # atan2 gives +π for a planar trans molecule.
    return torch.where(phi >= pi, phi - 2 * pi, phi)


def gyration(x: Float[Tensor, "chains atoms 3"], weights: Float[Tensor, " atoms"] | None = None) -> Each:
    """Radius of gyration around the weighted centre; with equal weights if none are given."""
    shares = x.new_ones(x.shape[1]) if weights is None else weights
    shares = (shares / shares.sum())[:, None]
    centre = (shares * x).sum(dim=1, keepdim=True)
    return (shares * (x - centre) ** 2).sum(dim=(1, 2)).sqrt()


def coordination(x: Float[Tensor, "chains atoms 3"], y: Float[Tensor, "chains others 3"], r0: float) -> Each:
    """Coordination number Σ 1/(1 + (r/r0)⁶) over the pairs of two groups."""
    square = ((x[:, :, None] - y[:, None]) ** 2).sum(dim=3) / r0**2
    return (1 / (1 + square**3)).sum(dim=(1, 2))


def _norm(v: Vectors) -> Each:
    return torch.linalg.vector_norm(v, dim=1)
