"""Whether error bars are what they say: many short runs of one system whose free energy is known, a seed each.

z = (estimate - exact) / standard error, of the chains and of BAR. Right error bars give a mean of 0 within
1/sqrt(runs), a standard deviation near 1, and a pooled estimate that agrees with the exact one.

    python benchmarks/error_bars.py [--runs 24] [--jumps 60] [--first-seed 1]
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from jaxtyping import Float

from cvflow.cli import execute

TUNNEL = Path(__file__).parents[1] / "examples" / "tunnel.toml"
EXACT = float(np.log(0.3 / 0.7))
ESTIMATES = {"chains": "delta_f", "BAR": "delta_f_bar"}


def estimates(seed: int, jumps: int) -> Float[np.ndarray, "estimates 2"]:
    """Value and standard error [kT], of chains and BAR."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        words = ["--set", f"run.seed={seed}", "--set", f"run.jumps={jumps}", "--out", str(out), "--quiet"]
        if execute(["run", str(TUNNEL), *words]):
            raise SystemExit(f"the run of seed {seed} failed")
        summary = json.loads((out / "summary.json").read_text())
    return np.array([[summary[key][0]["value_kT"], summary[key][0]["stderr_kT"]] for key in ESTIMATES.values()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=24)
    parser.add_argument("--jumps", type=int, default=60)
    parser.add_argument("--first-seed", type=int, default=1)
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.runs)
    rows = np.array([estimates(seed, arguments.jumps) for seed in seeds])
    print(f"{len(rows)} runs of {TUNNEL.name}, {arguments.jumps} production jumps a chain, exact {EXACT:.3f} kT")
    for name, (values, errors) in zip(ESTIMATES, rows.transpose(1, 2, 0), strict=True):
        z = (values - EXACT) / errors
        of_mean = z.std(ddof=1) / len(z) ** 0.5
        print(f"{name}: mean {values.mean():.3f} ± {values.std(ddof=1) / len(z) ** 0.5:.3f} kT, median error bar "
              f"{np.median(errors):.3f} kT; z: mean {z.mean():+.2f} ± {of_mean:.2f}, standard deviation "
              f"{z.std(ddof=1):.2f}, largest {abs(z).max():.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
