"""A chain of four atoms in a field, with a fifth tied to its end: exact draws, for the one-jump test of positions.

Bonds, angles and the torsion are independent: b² exp(-k(b - b0)²/2kT), sin θ exp(-k(θ - θ0)²/2kT), and its own.
The field pulls the first bond along z, so the potential is not invariant under rotation, and ties the first atom.
"""

from functools import cache

import numpy as np
import openmm
from jaxtyping import Float

from cvflow.cv.internal_coordinates import Chain, Shapes
from cvflow.doctor.verify.dumbbell import KT
from cvflow.proposals.conformations import ConformationProposal, Untilted
from cvflow.proposals.contaminated_normal import ContaminatedNormal
from cvflow.proposals.pair_functions import PairFunctions
from cvflow.proposals.torsion_histograms import BINS, TorsionHistograms

BOND, BOND_K = 1.0, 40.0
ANGLE, ANGLE_K = 1.9, 12.0
TORSION, TWIST = 1.2, 0.9
FIELD, TIE, LEASH = 1.5, 3.0, 6.0

SHAPES = Shapes(Chain("c", (0, 1, 2, 3)), ((0, 3),))

_Configurations = Float[np.ndarray, "draws 5 3"]
_Table = tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"]]


def system() -> openmm.System:
    """The five atoms and their forces."""
    made = openmm.System()
    for mass in (1.0, 2.0, 1.0, 1.5, 1.0):
        made.addParticle(mass)
    bonds = openmm.HarmonicBondForce()
    for i in range(3):
        bonds.addBond(i, i + 1, BOND, BOND_K)
    bonds.addBond(3, 4, 0.0, LEASH)
    angles = openmm.HarmonicAngleForce()
    for i in range(2):
        angles.addAngle(i, i + 1, i + 2, ANGLE, ANGLE_K)
    torsion = openmm.CustomTorsionForce(f"{TORSION}*cos(2*theta-1)+{TWIST}*sin(theta)")
    torsion.addTorsion(0, 1, 2, 3, [])
    field = openmm.CustomExternalForce(f"{FIELD}*slope*z+{TIE / 2}*tied*(x^2+y^2+z^2)")
    field.addPerParticleParameter("slope")
    field.addPerParticleParameter("tied")
    field.addParticle(0, [1.0, 1.0])
    field.addParticle(1, [-1.0, 0.0])
    for force in (bonds, angles, torsion, field):
        made.addForce(force)
    return made


def exact_draws(count: int, rng: np.random.Generator) -> _Configurations:
    """_Configurations from the Boltzmann distribution."""
    first = _drawn(_first_bond(), count, rng)
    bonds = np.stack([first, *(_drawn(_bond(), count, rng) for _ in range(2))], axis=1)
    angles = np.stack([_drawn(_angle(), count, rng) for _ in range(2)], axis=1)
    torsion = _drawn(_torsion(), count, rng)[:, None]
    spans = np.sqrt(bonds[:, :-1] ** 2 + bonds[:, 1:] ** 2 - 2 * bonds[:, :-1] * bonds[:, 1:] * np.cos(angles))
    beads = SHAPES.chain.beads_at(np.hstack([bonds, spans, torsion]))
    placed = np.einsum("nij,nkj->nki", _orientations(FIELD * first / KT, rng), beads)
    placed += np.sqrt(KT / TIE) * rng.standard_normal((count, 1, 3))
    last = placed[:, 3:] + np.sqrt(KT / LEASH) * rng.standard_normal((count, 1, 3))
    return np.concatenate([placed, last], axis=1)


def observables(x: _Configurations) -> dict[str, Float[np.ndarray, " draws"]]:
    """Functions of configurations, joint ones among them."""
    points = SHAPES.points(x[:, :4])
    torsion, tail, bond = points[:, -1], x[:, 4] - x[:, 3], x[:, 1] - x[:, 0]
    return {
        "cos t": np.cos(torsion),
        "sin t": np.sin(torsion),
        "cos 2t": np.cos(2 * torsion),
        "end to end": points[:, 0],
        "bonds": points[:, 1:4].sum(axis=1),
        "spans": points[:, 4:6].sum(axis=1),
        "spans²": (points[:, 4:6] ** 2).sum(axis=1),
        "leash": (tail**2).sum(axis=1),
        "leash cos t": (tail**2).sum(axis=1) * np.cos(torsion),
        "along z": bond[:, 2],
        "along z sin t": bond[:, 2] * np.sin(torsion),
        "tie": (x[:, 0] ** 2).sum(axis=1),
        "last z": x[:, 4, 2],
    }


def bad_proposal() -> ConformationProposal:
    """Wrong means, widths and weights, and a tilt."""
    span = float(np.sqrt(2 * BOND**2 * (1 - np.cos(ANGLE))))
    mean = np.array([1.02, 1.05, 1.02, span - 0.05, span + 0.05])
    factor = np.diag([0.2, 0.19, 0.2, 0.25, 0.22])
    factor[3, 0] = factor[4, 2] = 0.08
    masses = np.full((1, BINS), 1 / BINS)
    masses[0, : BINS // 2] *= 4.0
    tilt = PairFunctions(0.5, 2.5 / 43, 0.8 * np.sin(np.linspace(0, 5, 44))[None])
    return ConformationProposal(
        SHAPES, Untilted(ContaminatedNormal(mean, factor, 0.1), TorsionHistograms(masses / masses.sum())), tilt,
        0.5, -0.6, 0,
    )  # fmt: skip


def handed_proposal() -> ConformationProposal:
    """Distances as the target has them, so that many jumps are accepted; torsions of the hand it avoids."""
    points = SHAPES.points(exact_draws(4000, np.random.default_rng(6))[:, :4])[:, 1:6]
    lengths = ContaminatedNormal(points.mean(axis=0), 1.08 * np.linalg.cholesky(np.cov(points.T)), 0.1)
    torsions = 2 * np.pi * (np.arange(BINS) + 0.5) / BINS - np.pi
    masses = np.exp(1.5 * np.sin(torsions) + 0.9 * np.cos(2 * torsions))[None]
    flat = PairFunctions(0.5, 2.5 / 43, np.zeros((1, 44)))
    return ConformationProposal(SHAPES, Untilted(lengths, TorsionHistograms(masses / masses.sum())), flat, 0.5, 0.0, 0)


def _drawn(table: _Table, count: int, rng: np.random.Generator) -> Float[np.ndarray, " count"]:
    grid, cumulative = table
    return np.interp(rng.random(count), cumulative, grid)


def _table(grid: Float[np.ndarray, " points"], density: Float[np.ndarray, " points"]) -> _Table:
    cumulative = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]))])
    return grid, cumulative / cumulative[-1]


@cache
def _bond() -> _Table:
    grid = np.linspace(1e-6, 2.5, 20_001)
    return _table(grid, grid**2 * np.exp(-0.5 * BOND_K * (grid - BOND) ** 2 / KT))


@cache
def _first_bond() -> _Table:
    """The field's integral over directions comes in: sinh(f b)/(f b)."""
    grid = np.linspace(1e-6, 2.5, 20_001)
    pull = FIELD * grid / KT
    return _table(grid, grid**2 * np.exp(-0.5 * BOND_K * (grid - BOND) ** 2 / KT) * np.sinh(pull) / pull)


@cache
def _angle() -> _Table:
    grid = np.linspace(0, np.pi, 20_001)
    return _table(grid, np.sin(grid) * np.exp(-0.5 * ANGLE_K * (grid - ANGLE) ** 2 / KT))


@cache
def _torsion() -> _Table:
    grid = np.linspace(-np.pi, np.pi, 40_001)
    return _table(grid, np.exp(-(TORSION * np.cos(2 * grid - 1) + TWIST * np.sin(grid)) / KT))


def _orientations(pull: Float[np.ndarray, " count"], rng: np.random.Generator) -> Float[np.ndarray, "count 3 3"]:
    """Rotations that turn x to a direction with density exp(pull cos) around z, and evenly around that."""
    u = rng.random(len(pull))
    cosine = np.log(np.exp(-pull) + u * 2 * np.sinh(pull)) / pull
    sine, around, turn = np.sqrt(1 - cosine**2), *rng.uniform(-np.pi, np.pi, (2, len(pull)))
    first = np.stack([sine * np.cos(around), sine * np.sin(around), cosine], axis=1)
    side = np.stack([-np.sin(around), np.cos(around), np.zeros(len(pull))], axis=1)
    third = np.cross(first, side)
    second = np.cos(turn)[:, None] * side + np.sin(turn)[:, None] * third
    return np.stack([first, second, np.cross(first, second)], axis=2)
