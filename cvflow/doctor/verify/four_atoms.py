"""Four atoms in a chain with an asymmetric torsion: drawn, placed and read in internal coordinates."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from cvflow.core.units import thermal_energy
from cvflow.proposals import GaussianMixture

KT_AT_300 = thermal_energy(300.0)
LENGTH = 0.15
"""Of the bonds [nm]."""
TORSION = ((60.0, 3.0, 1), (150.0, 4.0, 2), (20.0, 2.0, 3))
"""Phase [degrees], height [kJ/mol], multiplicity."""
BOX = 3.0
"""Edge of the cube in which they lie anywhere [nm]."""
TORSION_FLOW = GaussianMixture(((2.9,), (-0.7,)), ((0.4,), (0.35,)), (0.1, 0.9), (2 * np.pi,))
"""Wrong weights, widths and places."""

Drawn = Float[np.ndarray, "draws atoms 3"]
_Numbers = Float[np.ndarray, " *shape"]


def twist(phi: _Numbers) -> _Numbers:
    """Energy of the torsion [kJ/mol]; GROMACS manual, proper dihedrals of type 9."""
    return np.sum([k * (1 + np.cos(n * phi - np.radians(phase))) for phase, k, n in TORSION], axis=0)


def drawn(
    energy: Callable[[np.ndarray], np.ndarray], low: float, high: float, count: int, rng: np.random.Generator
) -> Float[np.ndarray, " count"]:
    """From exp(-energy/kT) between two bounds, on a fine grid, smeared over its cells."""
    edges = np.linspace(low, high, 4001)
    middle = 0.5 * (edges[1:] + edges[:-1])
    logs = -energy(middle) / KT_AT_300
    weight = np.exp(logs - logs.max())
    cells = rng.choice(len(middle), count, p=weight / weight.sum())
    return middle[cells] + (rng.random(count) - 0.5) * (edges[1] - edges[0])


def placed(
    r: Float[np.ndarray, "bonds count"],
    t: Float[np.ndarray, "angles count"],
    phi: Float[np.ndarray, " count"],
    rng: np.random.Generator,
) -> Drawn:
    """Chains of these lengths, angles and torsions, anywhere and any way round in the box; in single precision."""
    count = len(phi)
    zero = np.zeros(count)
    first = np.stack([zero, zero, zero], axis=1)
    second = np.stack([r[0], zero, zero], axis=1)
    third = second + r[1][:, None] * np.stack([-np.cos(t[0]), np.sin(t[0]), zero], axis=1)
    along = (third - second) / r[1][:, None]
    normal = np.tile([0.0, 0.0, 1.0], (count, 1))
    across = np.cross(normal, along)
    arm = np.stack([-np.cos(t[1]), np.sin(t[1]) * np.cos(phi), np.sin(t[1]) * np.sin(phi)], axis=1)
    fourth = third + r[2][:, None] * (arm[:, :1] * along + arm[:, 1:2] * across + arm[:, 2:] * normal)
    x = np.stack([first, second, third, fourth], axis=1)
    turns, triangular = np.linalg.qr(rng.standard_normal((count, 3, 3)))
    turns *= np.sign(np.einsum("nii->ni", triangular))[:, None]
    turns[:, :, 0] *= np.linalg.det(turns)[:, None]
    placed = np.einsum("nij,nkj->nki", turns, x) + rng.random((count, 1, 3)) * BOX
    return placed.astype(np.float32).astype(float)


def internal(
    x: Drawn,
) -> tuple[Float[np.ndarray, "draws bonds"], Float[np.ndarray, "draws angles"], Float[np.ndarray, " draws"]]:
    """Lengths [nm], angles and the torsion [rad], whichever image each atom is."""
    bonds = np.diff(x, axis=1)
    bonds -= BOX * np.round(bonds / BOX)
    r = np.linalg.norm(bonds, axis=2)
    cosines = -(bonds[:, :-1] * bonds[:, 1:]).sum(axis=2) / r[:, :-1] / r[:, 1:]
    a, b, c = np.swapaxes(bonds, 0, 1)
    n, m = np.cross(a, b), np.cross(b, c)
    phi = np.arctan2((np.cross(n, m) * b).sum(axis=1) / r[:, 1], (n * m).sum(axis=1))
    return r, np.arccos(cosines), phi
