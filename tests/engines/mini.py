"""The mini target of the batch engine in OpenMM: p(z) = .7 N(0, 1) + .3 N(4, 1), y | z ~ N(z, .25), and a third number.

One particle's x, y and z; x is the CV. Springs as weak as the wells stray far from the CV, and what confuses the two
shows with few draws.
"""

import numpy as np
import openmm

from cvflow.core.states import States
from cvflow.cv import ForceCV, from_force
from cvflow.proposals import GaussianMixture

KT = 1.0
FLOW = GaussianMixture(((-0.5,), (3.4,)), ((1.8,), (1.5,)), (0.3, 0.7))


def states() -> States:
    return States({"low": "x < 2.0", "high": "x >= 2.0"}, ["x"])


def system() -> openmm.System:
    system = openmm.System()
    system.addParticle(1.0)
    modes = "log(0.7*exp(-0.5*x^2)+0.3*exp(-0.5*(x-4)^2))"
    well = openmm.CustomExternalForce(f"2*(y-x)^2+0.5*z^2-{modes}")
    well.addParticle(0, [])
    system.addForce(well)
    return system


def cv() -> ForceCV:
    x = openmm.CustomExternalForce("x")
    x.addParticle(0, [])
    return from_force("x", x)


def energy(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """U without the third number's."""
    return 2 * (y - x) ** 2 - np.log(0.7 * np.exp(-0.5 * x**2) + 0.3 * np.exp(-0.5 * (x - 4) ** 2))


def exact_draws(count: int, rng: np.random.Generator) -> np.ndarray:
    """Configurations from the Boltzmann distribution, (count, 1, 3)."""
    x = np.where(rng.random(count) < 0.7, 0.0, 4.0) + rng.standard_normal(count)
    return np.column_stack([x, x + 0.5 * rng.standard_normal(count), rng.standard_normal(count)])[:, None, :]


def observables(positions: np.ndarray) -> dict[str, np.ndarray]:
    """Functions of configurations (count, 1, 3), joint ones among them."""
    x, y, _ = positions[:, 0].T
    return {"x": x, "x²": x**2, "x > 2": (x > 2).astype(float), "y - x": y - x, "(y - x)²": (y - x) ** 2,
            "(y - x) x": (y - x) * x, "(y - x) x²": (y - x) * x**2, "U": energy(x, y)}  # fmt: skip
