"""Umbrella sampling of the dimer's length: the reference free energy, with nothing from cvflow in it.

The potential is written a second time here, in float64 numpy; windows and replicas move together by generalised
Hamiltonian Monte Carlo, which is exact at any time step.

    python -m tests.systems.dimer_umbrella --steps 10000 --seed 0 --cores 1
"""

import argparse
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from pymbar import MBAR

N, BOX, H, W = 100, 15.0, 2.0, 2.0
R0 = 2 ** (1 / 6)
"""Length of the compact dimer and cutoff of the repulsion; kT, ε and σ are 1."""
BARRIER = 0.5

CENTRES = np.linspace(-0.15, 1.25, 11)
KAPPA = 50.0
"""Stiffness of all windows [kT]; the barrier's own curvature is -32."""
REPLICAS = 4
"""Of each window, in each process."""

TIMESTEP, LEAPFROGS, MEMORY = 0.012, 10, 0.8
"""MEMORY is the part of the momentum that a trajectory takes over from the one before."""
SKIN = 1.2
EQUILIBRATION = 0.1
"""Part of the trajectories that is thrown away at the start."""
THINNING, BLOCKS, BOOTSTRAPS = 5, 10, 40


class UmbrellaResult(NamedTuple):
    """ΔF = F(ξ >= 0.5) - F(ξ < 0.5) in kT."""

    delta_f: float
    stderr: float


REFERENCE = UmbrellaResult(-0.828, 0.037)
"""Mean of two runs of 12000 steps: -0.769 ± 0.043 (seed 0) and -0.887 ± 0.061 (seed 1), of the same weight."""


class Trajectory(NamedTuple):
    """Where a trajectory ended, and the longest way that a particle of each configuration went."""

    x: np.ndarray
    p: np.ndarray
    force: np.ndarray
    energy: np.ndarray
    longest_way: np.ndarray


@dataclass(frozen=True)
class Pairs:
    """Pairs (config, i, j) that may come within the cutoff, over all configurations."""

    config: np.ndarray
    i: np.ndarray
    j: np.ndarray


def nearest(apart: np.ndarray) -> np.ndarray:
    return apart - BOX * np.round(apart / BOX)


def xi(x: np.ndarray) -> np.ndarray:
    """The CV of configurations (configs, N, 2)."""
    return (np.hypot(*nearest(x[:, 0] - x[:, 1]).T) - R0) / (2 * W)


def pairs_within(x: np.ndarray, distance: float) -> Pairs:
    i, j = np.triu_indices(N, k=1)
    i, j = i[1:], j[1:]  # without the dimer's own pair, the first
    apart = nearest(x[:, i] - x[:, j])
    config, pair = np.nonzero((apart**2).sum(axis=2) < distance**2)
    return Pairs(config, i[pair], j[pair])


def energy_and_force(x: np.ndarray, pairs: Pairs, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the potential and the restraints, (configs,) and (configs, N, 2)."""
    flat = x.reshape(-1, 2)
    i, j = pairs.config * N + pairs.i, pairs.config * N + pairs.j
    apart = nearest(flat[i] - flat[j])
    square = (apart**2).sum(axis=1)
    close = square < R0**2
    i, j, apart, square, config = i[close], j[close], apart[close], square[close], pairs.config[close]
    s6 = square**-3
    energy = np.bincount(config, 4 * (s6**2 - s6) + 1, len(x))
    pull = (24 * (2 * s6**2 - s6) / square)[:, None] * apart
    force = np.column_stack(
        [np.bincount(i, pull[:, k], len(flat)) - np.bincount(j, pull[:, k], len(flat)) for k in range(2)]
    ).reshape(x.shape)
    force = force.astype(float)  # bincount of no pairs at all gives integers

    bond = nearest(x[:, 0] - x[:, 1])
    length = np.hypot(*bond.T)
    u, excess = (length - R0 - W) / W, (length - R0) / (2 * W) - centres
    energy = energy + H * (1 - u**2) ** 2 + KAPPA / 2 * excess**2
    slope = -4 * H / W * u * (1 - u**2) + KAPPA * excess / (2 * W)
    along = (slope / length)[:, None] * bond
    force[:, 0] -= along
    force[:, 1] += along
    return energy, force


def starts(centres: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Dimers of their window's length, in random directions, the solvent on a lattice around."""
    line = (np.arange(12) + 0.5) * BOX / 12
    sites = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    x = np.empty((len(centres), N, 2))
    for config, centre in enumerate(centres):
        angle = rng.uniform(0, 2 * np.pi)
        second = (R0 + 2 * W * centre) * np.array([np.cos(angle), np.sin(angle)])
        clear = np.minimum(np.hypot(*nearest(sites).T), np.hypot(*nearest(sites - second).T)) > 1.05
        x[config] = np.vstack([[0, 0], second, rng.permutation(sites[clear])[: N - 2]])
    return x


def leapfrog(x: np.ndarray, p: np.ndarray, force: np.ndarray, pairs: Pairs, centres: np.ndarray) -> Trajectory:
    way, energy = np.zeros(x.shape[:2]), np.zeros(len(x))
    for _ in range(LEAPFROGS):
        p = p + TIMESTEP / 2 * force
        x = x + TIMESTEP * p
        way += TIMESTEP * np.hypot(p[..., 0], p[..., 1])
        energy, force = energy_and_force(x, pairs, centres)
        p = p + TIMESTEP / 2 * force
    return Trajectory(x, p, force, energy, way.max(axis=1))


def sample(steps: int, seed: int, process: int) -> np.ndarray:
    """ξ after each trajectory, (windows, replicas, steps), equilibration left out."""
    rng = np.random.default_rng([seed, process])
    centres = np.repeat(CENTRES, REPLICAS)
    x = starts(centres, rng)
    p = rng.normal(size=x.shape)
    skip, series, accepted = int(EQUILIBRATION * steps), [], 0.0
    for step in range(steps + skip):
        p = MEMORY * p + np.sqrt(1 - MEMORY**2) * rng.normal(size=x.shape)
        pairs = pairs_within(x, R0 + SKIN)
        energy, force = energy_and_force(x, pairs, centres)
        end = leapfrog(x, p, force, pairs, centres)
        loss = end.energy - energy + ((end.p**2).sum(axis=(1, 2)) - (p**2).sum(axis=(1, 2))) / 2
        # Only pairs in the list act. None is missed on the way, nor would one be on the way back, as long as no
        # particle goes further than half the skin: the length of the way is the same in both directions.
        keep = (np.log(rng.uniform(size=len(x))) < -loss) & (end.longest_way < SKIN / 2)
        x, p = np.where(keep[:, None, None], end.x, x), np.where(keep[:, None, None], end.p, -p)
        if step >= skip:
            series.append(xi(x))
            accepted += keep.mean() / steps
    print(f"process {process}: {accepted:.3f} of the trajectories accepted", flush=True)
    return np.array(series).T.reshape(len(CENTRES), REPLICAS, steps)


def sample_all(steps: int, seed: int, cores: Sequence[int]) -> np.ndarray:
    """One process pinned to each core, each with its own replicas: (windows, replicas · cores, steps)."""
    spawn = multiprocessing.get_context("spawn")
    free = spawn.SimpleQueue()
    for core in cores:
        free.put(core)
    with ProcessPoolExecutor(len(cores), spawn, initializer=_pin, initargs=(free,)) as pool:
        runs = [pool.submit(sample, steps, seed, process) for process in range(len(cores))]
        return np.concatenate([run.result() for run in runs], axis=1)


def _pin(free: "multiprocessing.queues.SimpleQueue[int]") -> None:
    os.sched_setaffinity(0, {free.get()})


def analyse(series: np.ndarray, seed: int) -> UmbrellaResult:
    """ΔF by MBAR; the error by drawing blocks of each window's replicas with replacement."""
    rng = np.random.default_rng(seed)
    blocks = np.array([np.concatenate([np.split(r, BLOCKS) for r in replicas]) for replicas in _thinned(series)])
    windows, count, _ = blocks.shape
    value, free_energies = delta_f(blocks.reshape(windows, -1))
    drawn = []
    for _ in range(BOOTSTRAPS):
        chosen = rng.integers(count, size=(windows, count))
        drawn.append(delta_f(blocks[np.arange(windows)[:, None], chosen].reshape(windows, -1), free_energies)[0])
    return UmbrellaResult(value, float(np.std(drawn, ddof=1)))


def _thinned(series: np.ndarray) -> np.ndarray:
    thin = series[:, :, ::THINNING]
    return thin[:, :, : thin.shape[2] // BLOCKS * BLOCKS]


def delta_f(windows: np.ndarray, guess: np.ndarray | None = None) -> tuple[float, np.ndarray]:
    """ΔF, and the free energies of the windows and of the dimer without restraint, from which nothing was drawn."""
    points = windows.ravel()
    bias = KAPPA / 2 * (points - CENTRES[:, None]) ** 2
    mbar = MBAR(np.vstack([bias, np.zeros_like(points)]), [windows.shape[1]] * len(CENTRES) + [0], initial_f_k=guess)
    stretched = float(mbar.weights()[points >= BARRIER, -1].sum())
    return float(np.log((1 - stretched) / stretched)), mbar.f_k


def main() -> None:
    parser = argparse.ArgumentParser(description="Umbrella-sampling reference of the dimer")
    parser.add_argument("--steps", type=int, default=10_000, help="trajectories of each replica of each window")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cores", type=int, nargs="+", default=[1], help="cores to pin one process to, each")
    arguments = parser.parse_args()
    series = sample_all(arguments.steps, arguments.seed, arguments.cores)
    result = analyse(series, arguments.seed)
    print(f"dF(stretched - compact) = {result.delta_f:.4f} +- {result.stderr:.4f} kT")
    half = arguments.steps // 2
    for name, part in (("first", series[:, :, :half]), ("second", series[:, :, half:])):
        print(f"{name} half of the trajectories alone: {delta_f(_thinned(part).reshape(len(CENTRES), -1))[0]:.4f} kT")
    middles = [f"{part.mean():.3f} ({part.std():.3f})" for part in series]
    print("xi in the windows, mean (standard deviation): " + ", ".join(middles))


if __name__ == "__main__":
    main()
