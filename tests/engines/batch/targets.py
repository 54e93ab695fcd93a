"""Targets of the one-jump test: densities that can be drawn from exactly, each with a CV and a bad proposal.

Three small ones are written here. The rest are the systems of the package, with the draws of `tests/systems/exact`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import inf, log, pi

import numpy as np
import torch
from torch import Tensor

from cvflow.cv.batch import BatchCV, Coordinates, FunctionCV
from cvflow.engines.batch.kernels.solver import ConstraintSolver, Newton, QuadraticDistance
from cvflow.engines.batch.potential import Potential
from cvflow.engines.batch.system import TorchSystem
from cvflow.proposals import GaussianMixture, Proposal
from tests.systems.exact.tabulated import Tabulated, sinhc, tilted_cosine

Draw = Callable[[int, np.random.Generator], np.ndarray]
Rest = Callable[[Tensor], dict[str, Tensor]]


@dataclass(frozen=True, eq=False)
class Target:
    """A density e^(-U/kT) that can be drawn from.

    Attributes:
        name: for the table.
        potential: U.
        cv: what is steered.
        draw: independent exact configurations.
        rest: degrees of freedom that are orthogonal to the CV, or what is left of them once their mean given the CV is
            taken off; of flat configurations.
        proposal: wrong in its weights, widths and positions.
        span: distance of the two modes.
        kT: thermal energy; not always one, so that a kernel that forgets it is caught.
        masses: one, or one a coordinate.
        solver: of the position constraint.
    """

    name: str
    potential: Potential
    cv: BatchCV
    draw: Draw
    rest: Rest
    proposal: Proposal
    span: float
    kT: float = 1.0
    masses: float | tuple[float, ...] = 1.0
    solver: ConstraintSolver = field(default_factory=Newton)

    def configurations(self, count: int) -> Tensor:
        """Exact draws, (count, dof), the same at every call."""
        return _drawn(self, count)

    def observables(self, x: Tensor) -> dict[str, Tensor]:
        """Functions of the CV, of the rest, and of both together."""
        along = {}
        for name, period, z in zip(self.cv.names, self.cv.periods, self.cv.value(x).unbind(dim=1), strict=True):
            if period == inf:
                along |= {name: z, f"{name}²": z * z}
            else:
                along |= {f"cos {name}": torch.cos(2 * pi / period * z), f"sin {name}": torch.sin(2 * pi / period * z)}
        rest = self.rest(x) | {"U": self.potential.energy(x)}
        squares = {f"({name})²": y * y for name, y in rest.items() if name != "U"}
        joint = {f"({y}) {z}": rest[y] * along[z] for y in rest for z in along}
        return along | rest | squares | joint


@lru_cache(maxsize=8)
def _drawn(target: Target, count: int) -> Tensor:
    x = target.draw(count, np.random.default_rng([5, count]))
    return torch.from_numpy(x.reshape(count, -1))


def of_system(system: TorchSystem, draw: Draw, rest: Rest, proposal: Proposal, span: float, name: str = "") -> Target:
    """A system of the package as a target."""
    return Target(
        name or system.name, system.potential, system.cv, draw, rest, proposal, span,
        system.kT, system.masses, system.solver,
    )  # fmt: skip


# The mini target: p(z) = .7 N(0, 1) + .3 N(4, 1), y | z ~ N(z, .25).


def _mini_energy(x: Tensor) -> Tensor:
    z, y = x.unbind(dim=1)
    modes = torch.logaddexp(log(0.7) - 0.5 * z**2, log(0.3) - 0.5 * (z - 4) ** 2)
    return 2 * (y - z) ** 2 - modes


def _mini_gradient(x: Tensor) -> Tensor:
    z, y = x.unbind(dim=1)
    share = torch.sigmoid(log(0.3 / 0.7) + 4 * z - 8)
    pull = 4 * (y - z)
    return torch.stack([z - 4 * share - pull, pull], dim=1)


def _mini_draw(count: int, rng: np.random.Generator) -> np.ndarray:
    z = np.where(rng.random(count) < 0.7, 0.0, 4.0) + rng.standard_normal(count)
    return np.column_stack([z, z + 0.5 * rng.standard_normal(count)])


MINI = Target(
    "mini",
    Potential(_mini_energy, (2,), _mini_gradient),
    Coordinates(("z",), (0,), 2),
    _mini_draw,
    lambda x: {"y - z": x[:, 1] - x[:, 0]},
    GaussianMixture(((-0.5,), (3.4,)), ((1.8,), (1.5,)), (0.3, 0.7)),
    span=4.0,
)

MINI_ALL = Target(
    "mini (all of x)",
    MINI.potential,
    Coordinates(("z", "y"), (0, 1), 2),
    _mini_draw,
    lambda x: {"y - z": x[:, 1] - x[:, 0]},
    GaussianMixture(((-0.5, -1.0), (3.4, 3.9)), ((1.8, 2.0), (1.5, 1.8)), (0.3, 0.7)),
    span=4.0,
)

WALL = 2.0


def _walled_draw(count: int, rng: np.random.Generator) -> np.ndarray:
    x = _mini_draw(2 * count, rng)
    return x[x[:, 1] < WALL][:count]


MINI_WALLED = replace(
    MINI,
    name="mini (wall)",
    # Not a number behind the wall: paths that end there fail.
    potential=Potential(lambda x: torch.where(x[:, 1] < WALL, _mini_energy(x), torch.nan), (2,)),
    draw=_walled_draw,
)

RANGE = (-1.0, 4.5)
MINI_RANGE = replace(
    MINI,
    name="mini (range)",
    # Draws lie outside too: no jump leads there, so none may lead out.
    cv=FunctionCV(("z",), lambda x: x[:, 0], (2,), ranges=(RANGE,)),
)

# Two atoms of unequal mass in space, the first on a tether; a force pulls the second upwards from the first.

PAIR_KT, PAIR_MASSES, PAIR_FIELD = 1.4, (1.0, 2.5), 1.2


def _pair_well(r: Tensor) -> Tensor:
    return 2.0 * (1 - ((r - 1.7) / 0.7) ** 2) ** 2 + 1.0 * r


def _pair_energy(x: Tensor) -> Tensor:
    apart = x[:, 1] - x[:, 0]
    tether = 1.5 * (x[:, 0] ** 2).sum(dim=1)
    return PAIR_KT * (tether + _pair_well(torch.linalg.vector_norm(apart, dim=1)) - PAIR_FIELD * apart[:, 2])


def _pair_marginal(r: np.ndarray) -> np.ndarray:
    return r**2 * np.exp(-_pair_well(torch.from_numpy(r)).numpy()) * sinhc(PAIR_FIELD * r)


_PAIR_TABLE = Tabulated(_pair_marginal, ((0.0, 4.0),), 20_000)


def _pair_draw(count: int, rng: np.random.Generator) -> np.ndarray:
    (r,) = _PAIR_TABLE.draw(count, rng)
    height, around = tilted_cosine(PAIR_FIELD * r, rng), rng.uniform(0, 2 * pi, count)
    level = np.sqrt(1 - height**2)
    direction = np.column_stack([level * np.cos(around), level * np.sin(around), height])
    tethered = rng.standard_normal((count, 3)) / np.sqrt(3.0)
    return np.stack([tethered, tethered + r[:, None] * direction], axis=1)


def distance(x: Tensor) -> Tensor:
    """|x_1 - x_0|."""
    return torch.linalg.vector_norm(x[:, 1] - x[:, 0], dim=1)


def _pair_rest(x: Tensor) -> dict[str, Tensor]:
    apart = x[:, 3:] - x[:, :3]
    return {"up": apart[:, 2] / torch.linalg.vector_norm(apart, dim=1), "tethered": x[:, 2]}


PAIR = Target(
    "pair",
    Potential(_pair_energy, (2, 3)),
    FunctionCV(("r",), distance, (2, 3), ranges=((0.0, inf),)),
    _pair_draw,
    _pair_rest,
    GaussianMixture(((1.2,), (2.7,)), ((0.5,), (0.4,)), (0.65, 0.35)),
    span=1.4,
    kT=PAIR_KT,
    masses=tuple(np.repeat(PAIR_MASSES, 3).tolist()),
)

PAIR_QUADRATIC = replace(
    PAIR, name="pair (closed form)", solver=QuadraticDistance(first=0, second=3, dimensions=3, scale=1.0, offset=0.0)
)

# A point in a harmonic well, the CV its distance from the origin: near zero, where a centre λ kept positive is felt.

BALL = Target(
    "ball",
    Potential(lambda x: 0.5 * (x * x).sum(dim=1), (3,)),
    FunctionCV(("r",), lambda x: torch.linalg.vector_norm(x, dim=1), (3,), ranges=((0.0, inf),)),
    lambda count, rng: rng.standard_normal((count, 3)),
    lambda x: {"up": x[:, 2] / torch.linalg.vector_norm(x, dim=1)},
    GaussianMixture(((0.7,), (2.2,)), ((0.8,), (0.8,)), (0.6, 0.4)),
    span=1.5,
)
