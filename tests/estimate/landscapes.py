"""Landscapes with two wells, along one CV, around a circle and in a plane: exact draws, and exact masses of cells.

Each CV is a coordinate of its own. Energies are in kT.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cvflow.proposals.mixture import GaussianMixture

Points = Float[np.ndarray, "points cvs"]
Along = Float[np.ndarray, " points"]


@dataclass(frozen=True)
class Landscape:
    """What particles move in, and a proposal that is wrong on purpose.

    Attributes:
        cvs: their names.
        period: of each.
        states: regions of the wells.
        proposal: of paths between them.
        potential: at each point.
        slope: its gradient.
        draws: exact and independent points, so many.
    """

    cvs: tuple[str, ...]
    period: float
    states: dict[str, str]
    proposal: GaussianMixture
    potential: Callable[[Points], Along]
    slope: Callable[[Points], Points]
    draws: Callable[[int, np.random.Generator], Points]


GRID = np.linspace(-2.2, 2.2, 4401)
AROUND = np.linspace(-np.pi, np.pi, 4401)


def along(potential: Callable[[Along], Along], grid: Along) -> Callable[[int, np.random.Generator], Along]:
    """Draws along one coordinate, by its cumulative density."""
    cumulative = np.cumsum(np.exp(-potential(grid)))
    return lambda count, rng: np.interp(rng.random(count), cumulative / cumulative[-1], grid)


def masses(potential: Callable[[Along], Along], grid: Along, edges: Float[np.ndarray, " edges"]) -> np.ndarray:
    """Exact probabilities of bins along one coordinate."""
    weight = np.exp(-potential(grid))
    cumulative = np.concatenate([[0.0], np.cumsum(0.5 * (weight[1:] + weight[:-1]))])
    return np.diff(np.interp(edges, grid, cumulative)) / cumulative[-1]


def double_well(x: Along) -> Along:
    """The barrier is 6 kT high, the wells differ by 1.2."""
    return 6 * (x * x - 1) ** 2 + 0.6 * x


def _double_well_slope(x: Along) -> Along:
    return 24 * x * (x * x - 1) + 0.6


WELL = Landscape(
    ("x",),
    np.inf,
    {"left": "x < -0.2", "right": "x > 0.2"},
    GaussianMixture(((-1.0,), (1.05,)), ((0.3,), (0.16,)), (0.35, 0.65)),
    lambda x: double_well(x[:, 0]),
    _double_well_slope,
    lambda count, rng: along(double_well, GRID)(count, rng)[:, None],
)


def torsion(phi: Along) -> Along:
    """Two wells half a turn apart, and barriers on both ways round: of 6.7 and 5.3 kT from one of them."""
    return 3 * (1 - np.cos(2 * (phi - 0.5))) + 0.7 * np.sin(phi)


CIRCLE = Landscape(
    ("phi",),
    2 * np.pi,
    {"near": "-0.7 < phi < 1.7", "far": "phi < -1.5 or phi > 2.5"},
    GaussianMixture(((0.45,), (-2.7,)), ((0.3,), (0.25,)), (0.6, 0.4), (2 * np.pi,)),
    lambda x: torsion(x[:, 0]),
    lambda x: 6 * np.sin(2 * (x - 0.5)) + 0.7 * np.cos(x),
    lambda count, rng: along(torsion, AROUND)(count, rng)[:, None],
)
"""Half of the paths cross the seam."""

TURN = np.array([[0.8, 0.6], [-0.6, 0.8]])
"""The plane's valley lies askew: from (a, b) by TURN, a in the double well and b in a harmonic one."""


def _harmonic(b: Along) -> Along:
    return 8 * b * b


def plane(x: Points) -> Along:
    """The double well along one direction, a spring across it."""
    a, b = (x @ TURN.T).T
    return double_well(a) + _harmonic(b)


def _plane_slope(x: Points) -> Points:
    a, b = (x @ TURN.T).T
    return np.stack([_double_well_slope(a), 16 * b], axis=1) @ TURN


def _plane_draws(count: int, rng: np.random.Generator) -> Points:
    return np.stack([along(double_well, GRID)(count, rng), rng.standard_normal(count) / 4], axis=1) @ TURN


PLANE = Landscape(
    ("x", "y"),
    np.inf,
    {"left": "x < -0.2", "right": "x > 0.2"},
    GaussianMixture(((-0.8, -0.55), (0.8, 0.6)), ((0.3, 0.3), (0.25, 0.3)), (0.4, 0.6)),
    plane,
    _plane_slope,
    _plane_draws,
)


def plane_masses(edges: Float[np.ndarray, " edges"]) -> Float[np.ndarray, "bins bins"]:
    """Exact probabilities of the cells of a square grid, the first CV by the second, by quadrature."""
    fine = 8
    middles = 0.5 * (GRID[1::fine] + GRID[:-1:fine])
    x = np.stack(np.meshgrid(middles, middles, indexing="ij"), axis=-1).reshape(-1, 2)
    weight = np.exp(-plane(x))
    found, _, _ = np.histogram2d(x[:, 0], x[:, 1], [edges, edges], weights=weight)
    return found / weight.sum()
