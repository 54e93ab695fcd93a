"""Umbrella sampling of the polymer's end-to-end distance: the reference free energy, without cvflow's paths and jumps.

Only the System and the two start structures come from cvflow. Every window is run from both states, so that hysteresis
would show in the difference of the two halves:

    python -m tests.systems.umbrella --steps 100000 --cores 0 1
"""

import argparse
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing.queues import SimpleQueue
from typing import NamedTuple

import numpy as np
import openmm
from openmm import unit
from pymbar import MBAR, timeseries

from cvflow.systems import Polymer

CENTRES = (3.05, 3.35, 3.6, 3.85, 4.1, 4.3, 4.45, 4.6, 4.75, 4.9, 5.1, 5.35, 5.65, 6.05)
KAPPA = 100.0
"""Stiffness of all windows; the barrier's own curvature is -28."""
BARRIER = 4.62
STARTS = ("compact", "extended")
BIN_EDGES = np.linspace(3.0, 6.2, 65)

TIMESTEP, FRICTION, INTERVAL = 0.005, 0.2, 10
DRAGS, STEPS_PER_DRAG, WAIT = 100, 50, 5000
"""Before sampling: the restraint goes to its window in so many moves, then stays. The beads forget in 1000 steps."""
BLOCKS, BOOTSTRAPS = 20, 40


class UmbrellaResult(NamedTuple):
    """ΔF = F(r >= 4.62) - F(r < 4.62) and F(r) = -ln P(r), with errors; energies in kT."""

    delta_f: float
    stderr: float
    bin_centres: np.ndarray
    free_energy: np.ndarray
    errors: np.ndarray


class Run(NamedTuple):
    """One window from one start structure."""

    centre: float
    start: str
    steps: int
    seed: int


def umbrella_delta_f(steps_per_window: int, seed: int, cores: Sequence[int] = (0,)) -> UmbrellaResult:
    """Sample all windows, half of the steps from each start structure, and analyse them together."""
    return analyse(sample_windows(steps_per_window, seed, cores), seed)


def sample_windows(steps_per_window: int, seed: int, cores: Sequence[int]) -> dict[str, list[np.ndarray]]:
    """Decorrelated samples of r in every window, by start structure; one process pinned to each core."""
    plan = list(product(STARTS, CENTRES))
    seeds = np.random.SeedSequence(seed).generate_state(len(plan)) >> 1
    steps = steps_per_window // len(STARTS)
    runs = [Run(centre, start, steps, int(s)) for (start, centre), s in zip(plan, seeds, strict=True)]
    spawn = multiprocessing.get_context("spawn")
    free = spawn.SimpleQueue()
    for core in cores:
        free.put(core)
    with ProcessPoolExecutor(len(cores), spawn, initializer=_pin, initargs=(free,)) as pool:
        samples = list(pool.map(sample, runs))
    return {start: samples[i * len(CENTRES) : (i + 1) * len(CENTRES)] for i, start in enumerate(STARTS)}


def _pin(free: "SimpleQueue[int]") -> None:
    os.sched_setaffinity(0, {free.get()})


def sample(run: Run) -> np.ndarray:
    """Decorrelated samples of r under the harmonic restraint."""
    context = _restrained_context(run)
    integrator = context.getIntegrator()
    for centre in np.linspace(_end_to_end(context), run.centre, DRAGS):
        context.setParameter("umbrella_centre", centre)
        integrator.step(STEPS_PER_DRAG)
    integrator.step(WAIT)
    r = np.empty(run.steps // INTERVAL)
    for i in range(len(r)):
        integrator.step(INTERVAL)
        r[i] = _end_to_end(context)
    return r[timeseries.subsample_correlated_data(r)]


def _restrained_context(run: Run) -> openmm.Context:
    polymer = Polymer()
    restraint = openmm.CustomBondForce("0.5*umbrella_kappa*(r-umbrella_centre)^2")
    restraint.addGlobalParameter("umbrella_kappa", KAPPA)
    restraint.addGlobalParameter("umbrella_centre", 0.0)
    restraint.addBond(0, polymer.n_beads - 1, [])
    system = polymer.system()
    system.addForce(restraint)
    temperature = polymer.kT / unit.MOLAR_GAS_CONSTANT_R.value_in_unit(unit.kilojoule_per_mole / unit.kelvin)
    integrator = openmm.LangevinMiddleIntegrator(temperature, FRICTION, TIMESTEP)
    integrator.setRandomNumberSeed(run.seed)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatform("CPU"), {"Threads": "1"})
    context.setPositions(polymer.start(run.start, np.random.default_rng(run.seed)).positions)
    context.setParameter("umbrella_centre", _end_to_end(context))
    openmm.LocalEnergyMinimizer.minimize(context)
    context.setVelocitiesToTemperature(temperature, run.seed)
    return context


def _end_to_end(context: openmm.Context) -> float:
    positions = context.getState(getPositions=True).getPositions(asNumpy=True)._value
    return float(np.linalg.norm(positions[Polymer.n_beads - 1] - positions[0]))


def analyse(samples: dict[str, list[np.ndarray]], seed: int) -> UmbrellaResult:
    """ΔF and F(r) by MBAR; the error by drawing blocks of every window, from both starts, with replacement."""
    windows = [np.concatenate(both) for both in zip(*samples.values(), strict=True)]
    rng = np.random.default_rng(seed)
    mbar = solve(windows)
    drawn = [[_resample(r, rng) for r in windows] for _ in range(BOOTSTRAPS)]
    again = [(draw, solve(draw, mbar.f_k)) for draw in drawn]
    stderr = np.std([delta_f(*solved) for solved in again], ddof=1)
    errors = np.std([curve(*solved) for solved in again], axis=0, ddof=1)
    bin_centres = 0.5 * (BIN_EDGES[1:] + BIN_EDGES[:-1])
    return UmbrellaResult(delta_f(windows, mbar), float(stderr), bin_centres, curve(windows, mbar), errors)


def solve(windows: Sequence[np.ndarray], guess: np.ndarray | None = None) -> MBAR:
    """MBAR over the windows and, as the last state, the polymer without restraint, from which nothing was drawn."""
    r = np.concatenate(windows)
    bias = 0.5 * KAPPA * (r - np.array(CENTRES)[:, None]) ** 2 / Polymer.kT
    counts = [len(window) for window in windows]
    return MBAR(np.vstack([bias, np.zeros_like(r)]), [*counts, 0], initial_f_k=guess)


def delta_f(windows: Sequence[np.ndarray], mbar: MBAR) -> float:
    """-ln(P(r >= 4.62) / P(r < 4.62)) without restraint."""
    extended = float(np.sum(_weights(mbar)[np.concatenate(windows) >= BARRIER]))
    return float(np.log((1 - extended) / extended))


def curve(windows: Sequence[np.ndarray], mbar: MBAR) -> np.ndarray:
    """-ln P(r) without restraint, of each bin; NaN for one that nothing was seen in, as in some draws at the ends."""
    density, _ = np.histogram(np.concatenate(windows), BIN_EDGES, weights=_weights(mbar), density=True)
    return -np.log(density, where=density > 0, out=np.full(len(density), np.nan))


def _weights(mbar: MBAR) -> np.ndarray:
    return mbar.weights()[:, -1]


def _resample(r: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    blocks = np.array_split(r, BLOCKS)
    return np.concatenate([blocks[i] for i in rng.integers(BLOCKS, size=BLOCKS)])


def main() -> None:
    parser = argparse.ArgumentParser(description="Umbrella-sampling reference of the polymer")
    parser.add_argument("--steps", type=int, default=100_000, help="time steps in each of the windows")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cores", type=int, nargs="+", default=[0], help="cores to pin one process to, each")
    arguments = parser.parse_args()
    samples = sample_windows(arguments.steps, arguments.seed, arguments.cores)
    result = analyse(samples, arguments.seed)
    overlap = solve([np.concatenate(both) for both in zip(*samples.values(), strict=True)]).compute_overlap()["matrix"]
    lines = [f"dF(extended - compact) = {result.delta_f:.4f} +- {result.stderr:.4f} kT"]
    lines += [f"windows from {start} alone: {delta_f(r, solve(r)):.4f} kT" for start, r in samples.items()]
    lines += ["overlap with the next window: " + " ".join(f"{o:.2f}" for o in np.diag(overlap, 1)[:-1])]
    curve_of = (result.bin_centres, result.free_energy - result.free_energy.min(), result.errors)
    lines += [f"{r:7.3f} {f:8.4f} {error:7.4f}" for r, f, error in zip(*curve_of, strict=True)]
    print("\n".join(lines))


if __name__ == "__main__":
    main()
