"""Whether error bars are what they say: many short runs of systems whose free energies are known.

z = (estimate - exact) / standard error, of the chains' ΔF, of BAR's, of the best that both make, of every bin of F(z)
as it is shown, and of the acceptance between states, whose exact value is taken to be that of all runs of a row
together. F(z) is zero at its lowest bin, and the exact curve at its own lowest one. Right error bars
give a mean of 0 and a standard deviation of 1. Exact answers are quadratures of the density along the CV.

The runs of a seed are one run of the batch engine with a fixed proposal, whose walkers know nothing of each other: cut
into groups of a few, they are as many independent runs. How long the walkers adapt they decide together.

    python benchmarks/error_bars.py [--runs 50] [--seeds 1 2]
"""

import argparse
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from scipy.integrate import quad
from scipy.stats import norm
from torch import Tensor

import cvflow
from cvflow.cv.batch import Coordinates
from cvflow.estimate.acceptance import acceptance_between_states
from cvflow.estimate.comparison import compared
from cvflow.estimate.free_energy import profile
from cvflow.estimate.modes import count_modes
from cvflow.store import Record
from cvflow.systems.tunnel import GaussianTunnel

BINS = 24
WALKERS = 8
"""Of each of the runs that a row is cut into."""


@dataclass(frozen=True)
class Known:
    """A system whose CV has a mixture of normals of width one for its density, one a state.

    Attributes:
        system: what is sampled.
        weights: of the normals.
        means: of the normals.
        path: settings of the paths.
        jumps: production jumps of each walker that make about 10 and about 150 mode changes in each run.
    """

    system: cvflow.TorchSystem
    weights: tuple[float, ...]
    means: tuple[float, ...]
    path: dict[str, Any]
    jumps: tuple[int, int]

    @property
    def walls(self) -> list[float]:
        """Between the states."""
        return [-np.inf, *(0.5 * (a + b) for a, b in pairwise(self.means)), np.inf]

    def population(self, low: float, high: float) -> float:
        """Of an interval of the CV."""

        def density(z: float) -> float:
            return float(np.dot(self.weights, norm.pdf(z, self.means)))

        return float(quad(density, max(low, self.means[0] - 9), min(high, self.means[-1] + 9), limit=500)[0])

    def differences(self) -> list[float]:
        """F of each state less that of the first [kT]."""
        shares = [self.population(low, high) for low, high in pairwise(self.walls)]
        return [float(np.log(shares[0] / share)) for share in shares[1:]]

    def proposal(self) -> dict[str, Any]:
        """Wider than the target, and of equal weights."""
        count = len(self.means)
        return {
            "means": [[mean + 0.2] for mean in self.means],
            "sigmas": [[1.3]] * count,
            "weights": [1 / count] * count,
        }


def three_wells() -> cvflow.TorchSystem:
    """The CV of three normals six apart, and four more coordinates around 2 sin(z/2), softer ones and stiffer ones."""
    log_weights = torch.tensor([0.3, 0.2, 0.5], dtype=torch.float64).log()
    means = torch.tensor([-6.0, 0.0, 6.0], dtype=torch.float64)
    widths = torch.tensor([0.6, 1.0, 1.5, 2.0], dtype=torch.float64)

    def energy(x: Float[Tensor, "chains 5"]) -> Float[Tensor, " chains"]:
        along = torch.logsumexp(log_weights - 0.5 * (x[:, :1] - means) ** 2, dim=1)
        return 0.5 * (((x[:, 1:] - 2 * torch.sin(0.5 * x[:, :1])) / widths) ** 2).sum(dim=1) - along

    def starts(state: str, count: int, rng: np.random.Generator) -> Float[np.ndarray, "count 5"]:
        z = {"left": -6.0, "middle": 0.0, "right": 6.0}[state] + 0.3 * rng.standard_normal((count, 1))
        return np.hstack([z, 2 * np.sin(0.5 * z) + widths.numpy() * rng.standard_normal((count, 4))])

    states = {"left": "z < -3", "middle": "-3 <= z < 3", "right": "z >= 3"}
    return cvflow.TorchSystem(
        cvflow.Potential(energy, (5,)), Coordinates(("z",), (0,), 5), states, starts, name="three wells"
    )


SYSTEMS: dict[str, Callable[[], Known]] = {
    "tunnel, two states": lambda: Known(
        GaussianTunnel(dim_y=4).system(),
        (0.3, 0.7),
        (0.0, 10.0),
        {"kernel": "langevin", "steps": 20, "timestep": 0.6},
        (16, 240),
    ),
    "three wells": lambda: Known(
        three_wells(),
        (0.3, 0.2, 0.5),
        (-6.0, 0.0, 6.0),
        {"kernel": "langevin", "steps": 12, "timestep": 0.5},
        (110, 1600),
    ),
}


def runs(known: Known, count: int, jumps: int, seed: int) -> Iterator[Record]:
    """As many independent runs, cut out of one."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = cvflow.sample(
            known.system, out=Path(folder) / "run", quiet=True, walkers=WALKERS * count, adapt_jumps=100, jumps=jumps,
            local_steps=5, local_timestep=0.2, seed=seed, path=known.path, proposal=known.proposal(),
        )  # fmt: skip
    turns = result.record.turns.reshape(WALKERS * count, -1)
    header = replace(result.record.header, walkers=WALKERS)
    for i in range(count):
        group = turns[i * WALKERS : (i + 1) * WALKERS].copy()
        group["walker"] = np.arange(WALKERS)[:, None]
        yield result.record._replace(header=header, turns=group.reshape(-1))


def of_profile(known: Known, record: Record) -> Float[np.ndarray, "bins 2"]:
    """Deviation and error of every bin, both curves zero at their own lowest bins.

    A bin that is sure to be the lowest has no error, and counts only if it is not the exact curve's lowest one.
    """
    found = profile(record, "z", BINS)
    edges = [-np.inf, *found.axis.edges[1:-1], np.inf]
    exact = -np.log([known.population(low, high) for low, high in pairwise(edges)])
    table = np.stack([found.free_energy - (exact - exact.min()), found.stderr], axis=1)
    return table[np.isfinite(table[:, 0]) & table.any(axis=1)]


def row(
    known: Known, count: int, jumps: int, seeds: list[int]
) -> tuple[float, dict[str, Float[np.ndarray, "values 2"]]]:
    """Mode changes a run; deviations and errors of all runs, by estimator."""
    exact = known.differences()
    found: dict[str, list[tuple[float, float]]] = {"chain": [], "BAR": [], "best": [], "acceptance": []}
    curves, changes = [], []
    for record in chain.from_iterable(runs(known, count, jumps, seed) for seed in seeds):
        for both, truth in zip(compared(record), exact, strict=True):
            found["chain"].append((both.chain.value - truth, both.chain.stderr))
            found["BAR"].append((both.bar.value - truth, both.bar.stderr))
            found["best"].append((both.best.found.value - truth, both.best.found.stderr))
        rate = acceptance_between_states(record)
        found["acceptance"].append((rate.rate, rate.stderr))
        curves.append(of_profile(known, record))
        changes.append(count_modes(record).mode_changes)
    tables = {name: np.array(values) for name, values in found.items()}
    tables["acceptance"][:, 0] -= tables["acceptance"][:, 0].mean()
    return float(np.mean(changes)), tables | {"F(z)": np.concatenate(curves)}


def figures(table: Float[np.ndarray, "values 2"], count: int) -> str:
    """Mean z with its error, standard deviation, largest, mean and median error, and how many have no error."""
    with np.errstate(divide="ignore"):
        z = table[:, 0] / table[:, 1]
    known = z[np.isfinite(z)]
    error = known.std() / count**0.5
    numbers = f"{known.mean():+.2f} ± {error:.2f} | {known.std():.2f} | {abs(known).max():.1f}"
    return f"{numbers} | {np.nanmean(table[:, 1]):.3f} | {np.nanmedian(table[:, 1]):.3f} | {len(z) - len(known)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    arguments = parser.parse_args()
    columns = ("system", "mode changes", "estimator", "mean z", "standard deviation", "largest", "mean error")
    print("|", " | ".join((*columns, "median error", "not determined")), "|")
    print("|", "---|" * (len(columns) + 2), sep="")
    together = arguments.runs * len(arguments.seeds)
    for name, make in SYSTEMS.items():
        known = make()
        for jumps in known.jumps:
            changes, tables = row(known, arguments.runs, jumps, arguments.seeds)
            for estimator, table in tables.items():
                print(f"| {name} | {changes:.0f} | {estimator} | {figures(table, together)} |", flush=True)


if __name__ == "__main__":
    main()
