"""How a step's cost grows with the number of chains and with the dimension, and what a chain takes of memory.

    python benchmarks/scaling.py --out scaling

Microseconds per chain-step of kernel K3 (γ = 0), medians of alternating runs on one core, each measurement in a process
of its own so that its peak memory is its own; then the resident memory of one process over many jumps, which must not
grow. Writes scaling.png and scaling.json. Quarter an hour; `--quick` looks at fewer points.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from cvflow.core.schedule import Linear
from cvflow.cv.batch import SplitCV
from cvflow.engines.batch.compilation import compile_or_not
from cvflow.engines.batch.kernels.langevin import UnderdampedLangevin
from cvflow.engines.batch.paths import Paths
from cvflow.engines.batch.system import TorchSystem
from cvflow.proposals.mixture import GaussianMixture
from cvflow.sampler.ensemble import EnsembleState, jump_along, step
from cvflow.sampler.jump_proposal import Learned
from cvflow.systems import GaussianTunnel, Phi4

STEPS = 64
CHAINS = (1, 4, 16, 64, 256, 1024, 4096, 16384)
DIMENSIONS = (8, 16, 32, 64, 128, 256, 512)
AT_CHAINS = 1024


def system(name: str, dimension: int) -> TorchSystem:
    if name == "gaussian_tunnel":
        return GaussianTunnel(dim_y=dimension - 1).system()
    return Phi4(n=dimension).system()


def start(name: str, dimension: int, chains: int, compiled: bool) -> tuple[Paths, EnsembleState]:
    torch.set_num_threads(1)
    model = system(name, dimension)
    assert isinstance(model.cv, SplitCV)
    kernel = UnderdampedLangevin(model.potential, model.cv, model.kT, 0.02)
    rng = np.random.default_rng(0)
    x = torch.as_tensor(model.starts(next(iter(model.states)), chains, rng), dtype=torch.float32).flatten(1)
    return Paths(kernel, Linear(), block=16, compiled=compile_or_not(compiled)), EnsembleState(x, model.cv.value(x))


def measure(name: str, dimension: int, chains: int, repeats: int, compiled: bool) -> dict[str, Any]:
    """One process: seconds of paths of equal length, after the first, and the peak memory over the empty process's."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    paths, state = start(name, dimension, chains, compiled)
    generator, lengths = torch.Generator().manual_seed(0), np.full(chains, STEPS)
    end = state.cv + 0.5
    paths.drive(state.x, state.cv, end, lengths, generator)
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        paths.drive(state.x, state.cv, end, lengths, generator)
        seconds.append(time.perf_counter() - begun)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "system": name, "dimension": dimension, "chains": chains, "compiled": compiled,
        "us_per_chain_step": median(seconds) / (chains * STEPS) * 1e6,
        "kib_above_start": peak - before,
    }  # fmt: skip


def growth(jumps: int) -> list[int]:
    """Resident memory [KiB] of one process at ten moments of a long run."""
    paths, state = start("gaussian_tunnel", 20, 256, False)
    jump = jump_along(paths, 20, np.ones(1))
    learned = Learned(GaussianMixture(((0.0,), (10.0,)), ((1.0,), (1.0,)), (0.5, 0.5)), 10.0)
    generator, seen = torch.Generator().manual_seed(0), []
    for number in range(jumps):
        state, _ = step(state, jump, learned, paths, generator)
        if (number + 1) % (jumps // 10) == 0:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            seen.append(pages * os.sysconf("SC_PAGE_SIZE") // 1024)
    return seen


def alone(*arguments: str) -> Any:
    """The result of this script with other arguments, in a process of its own."""
    command = [sys.executable, __file__, *arguments]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


def one(name: str, dimension: int, chains: int, repeats: int, compiled: bool) -> dict[str, Any]:
    words = ("--one", name, str(dimension), str(chains), str(repeats), "compiled" if compiled else "eager")
    found = alone(*words)
    print(f"{name} dimension {dimension} chains {chains} {words[-1]}: {found['us_per_chain_step']:.3f} us", flush=True)
    return found


def draw(found: dict[str, Any], file: Path) -> None:
    figure = Figure(figsize=(11, 3.8), layout="constrained")
    axes = figure.subplots(1, 3)
    for (name, compiled), marker in zip(
        [(n, c) for n in ("gaussian_tunnel", "phi4") for c in (True, False)], "o^sv", strict=True
    ):
        style = {"marker": marker, "linestyle": "-" if compiled else ":", "label": f"{name}, {_how(compiled)}"}
        for place, series, over in ((0, "chains", "chains"), (1, "dimensions", "dimension")):
            rows = [row for row in found[series] if row["system"] == name and row["compiled"] == compiled]
            if rows:
                axes[place].plot([row[over] for row in rows], [row["us_per_chain_step"] for row in rows], **style)
    axes[0].set_xlabel("chains (dimension 20 and 64)")
    axes[1].set_xlabel(f"dimension ({AT_CHAINS:,} chains)")
    for plot in axes[:2]:
        plot.set_xscale("log")
        plot.set_yscale("log")
        plot.set_ylabel("µs per chain-step, one core")
        plot.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    for name in ("gaussian_tunnel", "phi4"):
        rows = [row for row in found["chains"] if row["system"] == name and not row["compiled"]]
        chains, kib = (np.array([row[key] for row in rows], dtype=float) for key in ("chains", "kib_above_start"))
        axes[2].plot(chains, kib / 1024, marker="o", label=name)
    axes[2].set_xscale("log")
    axes[2].set_xlabel("chains")
    axes[2].set_ylabel("peak memory above the start [MiB]")
    axes[2].grid(alpha=0.3)
    axes[2].legend(fontsize=8)
    figure.suptitle(f"Batch engine, float32, kernel K3, {STEPS} steps a path")
    figure.savefig(file, dpi=130)


def _how(compiled: bool) -> str:
    return "compiled" if compiled else "eager"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("scaling"))
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--jumps", type=int, default=2000, help="of the process whose memory is watched")
    parser.add_argument("--quick", action="store_true", help="fewer points")
    parser.add_argument("--one", nargs=5, metavar=("SYSTEM", "DIMENSION", "CHAINS", "REPEATS", "HOW"))
    parser.add_argument("--growth", type=int)
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if arguments.one:
        name, dimension, chains, repeats, how = arguments.one
        print(json.dumps(measure(name, int(dimension), int(chains), int(repeats), how == "compiled")))
        return
    if arguments.growth:
        print(json.dumps(growth(arguments.growth)))
        return
    repeats, every = arguments.repeats, 3 if arguments.quick else 1
    found: dict[str, Any] = {"chains": [], "dimensions": []}
    for compiled in (True, False):
        for name, dimension in (("gaussian_tunnel", 20), ("phi4", 64)):
            found["chains"] += [one(name, dimension, chains, repeats, compiled) for chains in CHAINS[::every]]
            found["dimensions"] += [one(name, size, AT_CHAINS, repeats, compiled) for size in DIMENSIONS[::every]]
    found["resident_kib_over_jumps"] = alone("--growth", str(arguments.jumps))
    print("resident memory over jumps [KiB]:", found["resident_kib_over_jumps"])
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "scaling.json").write_text(json.dumps(found, indent=1) + "\n")
    draw(found, arguments.out / "scaling.png")


if __name__ == "__main__":
    main()
