"""Three particles in LAMMPS with a known answer: an asymmetric double well on a distance.

A and B are bound by a quartic V(r) and repel each other by a cut and shifted Lennard-Jones; C hangs on both by equal
springs, so it is drawn to their middle, orthogonal to the CV and dragged along with it. The middle is anywhere in the
periodic box. Given r everything is Gaussian or uniform; p(r) ∝ r² exp(-βV(r)) is one quadrature, with what the springs
add to V.

Two models have this distribution: one of LAMMPS's own bonds in a wide box, and one of long bonds in a box so narrow
that the distance is often beyond its half.
"""

from dataclasses import dataclass

import numpy as np

from cvflow.core.frames import Frame
from cvflow.cv import AtomsCV, Distance, distance
from cvflow.engines.lammps import LammpsModel, LongBond

KT = 1.0
MASSES = (2.0, 3.0, 1.5)
R0 = 2.3
WELL = np.array([1.6, 0.8, -5.0, 0.0, 3.90625])
"""1.6 (1-(x/0.8)²)² + 0.8 x with x = r - R0: coefficients of 1, x, x², …"""
SPRING = 4.0
"""Of C to each of the others; at their middle it is twice as stiff, and half of it pulls A and B together."""
LJ_EPSILON, LJ_SIGMA = 0.5, 0.9
LJ_CUTOFF = 2 ** (1 / 6) * LJ_SIGMA
WIDE, NARROW = 20.0, 6.0
GRID = np.linspace(0.3, 4.8, 20001)

_SHARE = -SPRING / 4 * np.array([R0**2, 2 * R0, 1.0, 0.0, 0.0])
BOND = WELL + _SHARE
"""What is left for the bond of A and B when the springs have had their share."""


def native() -> LammpsModel:
    """Of LAMMPS's own bonds: the quartic around where it is flat, which is bond class2."""
    flat = float(min(np.polynomial.polynomial.polyroots(np.polynomial.polynomial.polyder(BOND)).real, key=abs))
    k2, k3, k4 = (np.polynomial.polynomial.polyval(flat, np.polynomial.polynomial.polyder(BOND, n)) for n in (2, 3, 4))
    return LammpsModel(
        (
            *_atoms(WIDE, "bond"),
            "bond_style hybrid class2 harmonic",
            f"bond_coeff 1 class2 {float(R0 + flat)!r} {float(k2 / 2)!r} {float(k3 / 6)!r} {float(k4 / 24)!r}",
            f"bond_coeff 2 harmonic {SPRING / 2!r} 0.0",
            "special_bonds lj 1 1 1",
            "create_bonds single/bond 1 1 2 special no",
            "create_bonds single/bond 2 1 3 special no",
            "create_bonds single/bond 2 2 3 special yes",
        )
    )


def of_long_bonds() -> LammpsModel:
    """Of bonds in the callback."""
    spring = (0.0, 0.0, SPRING / 2)
    bonds = (LongBond((0, 1), R0, tuple(BOND)), LongBond((0, 2), 0.0, spring), LongBond((1, 2), 0.0, spring))
    return LammpsModel(tuple(_atoms(NARROW, "atomic")), bonds)


def _atoms(side: float, style: str) -> list[str]:
    room = " bond/types 2 extra/bond/per/atom 2 extra/special/per/atom 4" if style == "bond" else ""
    return [
        "units lj",
        f"atom_style {style}",
        f"region box block 0 {side!r} 0 {side!r} 0 {side!r}",
        f"create_box 3 box{room}",
        *(f"create_atoms {kind} single {kind} 1 1" for kind in (1, 2, 3)),
        *(f"mass {kind} {mass!r}" for kind, mass in enumerate(MASSES, start=1)),
        f"pair_style lj/cut {LJ_CUTOFF!r}",
        "pair_modify shift yes",
        f"pair_coeff * * 0.0 {LJ_SIGMA!r}",
        f"pair_coeff 1 2 {LJ_EPSILON!r} {LJ_SIGMA!r}",
        "neighbor 0.5 bin",
        "neigh_modify every 1 delay 0 check yes",
        f"comm_modify cutoff {side / 2!r}",
    ]


def cv() -> Distance:
    """As the coordinates are, like the long bonds."""
    return distance("r", 0, 1, periodic=False)


@dataclass(frozen=True)
class OwnGradient(AtomsCV):
    """The distance as a CV that LAMMPS knows nothing of."""

    name: str = "r"
    atoms: tuple[int, int] = (0, 1)
    unit: str = "nm"
    periodic: bool = False

    def of_atoms(self, x):
        bond = x[1] - x[0]
        r = float(np.linalg.norm(bond))
        return r, np.array([-bond, bond]) / r


def radial(r: np.ndarray) -> np.ndarray:
    """V(r), with what the springs add."""
    ratio = (LJ_SIGMA / r) ** 6
    repulsion = np.where(r < LJ_CUTOFF, 4 * LJ_EPSILON * (ratio**2 - ratio + 0.25), 0.0)
    return np.polynomial.polynomial.polyval(r - R0, WELL) + repulsion


def density(r: np.ndarray) -> np.ndarray:
    """Normalised p(r) on a grid."""
    weight = r**2 * np.exp(-radial(r) / KT)
    return weight / np.trapezoid(weight, r)


def exact_draws(count: int, rng: np.random.Generator) -> np.ndarray:
    """Configurations from the Boltzmann distribution, (count, 3, 3)."""
    cumulative = np.cumsum(density(GRID))
    r = np.interp(rng.random(count), cumulative / cumulative[-1], GRID)
    direction = rng.standard_normal((count, 3))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    middle, half = WIDE * rng.random((count, 3)), 0.5 * r[:, None] * direction
    c = middle + np.sqrt(KT / (2 * SPRING)) * rng.standard_normal((count, 3))
    return np.stack([middle - half, middle + half, c], axis=1)


def observables(x: np.ndarray) -> dict[str, np.ndarray]:
    """Functions of configurations (count, 3, 3), joint ones among them."""
    bond = x[:, 1] - x[:, 0]
    r = np.linalg.norm(bond, axis=1)
    offset = x[:, 2] - 0.5 * (x[:, 0] + x[:, 1])
    square, along = (offset**2).sum(axis=1), (offset * bond).sum(axis=1) / r
    return {
        "r": r,
        "r²": r**2,
        "r > 2.3": (r > R0).astype(float),
        "offset²": square,
        "offset² r": square * r,
        "offset·n": along,
        "(offset·n) r": along * r,
        "(offset·n)²": along**2,
        "(offset·n)² r": along**2 * r,
        "n_z² r": bond[:, 2] ** 2 / r,
        "offset_x r": offset[:, 0] * r,
    }


def frame(seed: int = 0) -> Frame:
    return Frame(exact_draws(1, np.random.default_rng(seed))[0], None)
