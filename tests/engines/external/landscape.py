"""A two-dimensional asymmetric double well for `plumed pesmd`, with exact draws."""

import numpy as np

from cvflow.engines.external import ExternalSpec, PesMD
from cvflow.proposals import GaussianMixture

KT = 1.0
LINES = (
    "d: DISTANCE ATOMS=1,2 COMPONENTS",
    "v: CUSTOM ARG=d.x,d.y FUNC=3*(x^2-1)^2+0.7*x+3*(y-x^2/2)^2 PERIODIC=NO",
    "landscape: BIASVALUE ARG=v",
    "x: COMBINE ARG=d.x PERIODIC=NO",
)
STIFFNESS = 3.0
BAD_FLOW = GaussianMixture(((-0.6,), (1.3,)), ((0.5,), (0.35,)), (0.15, 0.85))
"""Wrong weights, widths and places."""


def well(x: np.ndarray) -> np.ndarray:
    """What is left of the landscape along its valley y = x²/2."""
    return 3 * (x**2 - 1) ** 2 + 0.7 * x


def exact_draws(count: int, rng: np.random.Generator) -> np.ndarray:
    """From exp(-V/kT), (count, 1, 2): x from a fine grid, smeared over its cells, y about x²/2."""
    edges = np.linspace(-2.6, 2.6, 5201)
    middle = 0.5 * (edges[1:] + edges[:-1])
    weight = np.exp(-well(middle) / KT)
    x = rng.choice(middle, count, p=weight / weight.sum()) + (rng.random(count) - 0.5) * (edges[1] - edges[0])
    y = x**2 / 2 + np.sqrt(0.5 * KT / STIFFNESS) * rng.standard_normal(count)
    return np.stack([x, y], axis=1)[:, None]


def left_of_zero() -> float:
    """Population of x < 0, by quadrature."""
    x = np.linspace(-3, 3, 60001)
    weight = np.exp(-well(x) / KT)
    return float(weight[x < 0].sum() / weight.sum())


def value(x: np.ndarray) -> np.ndarray:
    return x[:, 0, 0]


def nowhere() -> None:
    """No box."""


def observables(position: np.ndarray) -> dict[str, np.ndarray]:
    x, y = position[:, 0].T
    off = y - x**2 / 2
    return {
        "right": (x > 0).astype(float),
        "x": x,
        "x²": x**2,
        "x³": x**3,
        "off": off,
        "off²": off**2,
        "off² x": off**2 * x,
        "off x": off * x,
        "well": well(x),
    }


def spec(action: str, timestep: float) -> ExternalSpec:
    return ExternalSpec(PesMD(("d.x", "d.y")), LINES, ("x",), action, KT, timestep)
