"""Formulas of geometry, each once for numpy's arrays and for torch's tensors.

`xp` is the module that the arrays are of, numpy or torch; vectors are the last axis, and all before it are a batch.
"""

from math import pi
from typing import Any

Array = Any
"""numpy's or torch's: vectors (…, 3) or numbers (…)."""


def norm(v: Array, xp: Any) -> Array:
    """Length of each vector, in its unit."""
    return xp.linalg.norm(v, None, -1)


def angle(a: Array, b: Array, normal: Array, xp: Any) -> Array:
    """Angle [rad] between two vectors, in [0, π], smooth but where they are parallel; `normal` is a × b."""
    return xp.arctan2(norm(normal, xp), (a * b).sum(-1))


def dihedral(first: Array, middle: Array, before: Array, after: Array, xp: Any) -> Array:
    """Torsion [rad] of three bonds, in [-π, π), smooth but where two of them are parallel.

    Args:
        first: the first bond.
        middle: the second bond.
        before: first × middle.
        after: middle × last.
        xp: numpy or torch.

    Source: sign convention of IUPAC and of PLUMED's TORSION: positive where, seen along the middle bond, the far bond
    is turned clockwise from the near one.
    """
    phi = xp.arctan2(norm(middle, xp) * (first * after).sum(-1), (before * after).sum(-1))
    # The arctangent gives +π for a planar trans molecule.
    return xp.where(phi >= pi, phi - 2 * pi, phi)


def from_centre(x: Array, shares: Array) -> Array:
    """Positions (…, atoms, 3) as seen from their centre; shares (atoms, 1) add up to one."""
    return x - (shares * x).sum(-2)[..., None, :]


def gyration(apart: Array, shares: Array, xp: Any) -> Array:
    """Radius of gyration, in the unit of the positions (…, atoms, 3) as seen from their centre."""
    return xp.sqrt((shares * apart**2).sum((-2, -1)))


def counted(apart: Array, r0: float) -> tuple[Array, Array]:
    """How much each pair counts, 1/(1 + s³), and s = (r/r0)², of displacements (…, 3) in the unit of r0."""
    square = (apart**2).sum(-1) / r0**2
    return 1 / (1 + square**3), square
