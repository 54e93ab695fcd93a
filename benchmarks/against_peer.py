"""cvflow and the peer (cschoenle/mcmc_nonlincv) on the same systems: time a path step, and steps a mode change.

Both run on one core, one thread each, in turn, from the same proposal and with the same settings; each idles while the
other runs. Compilation and burn-in come before the timed runs. A run is a sampling call over all chains; its time is
divided by the path steps of all chains, so that waiting for the longest path counts. There are no local steps between
jumps on either side. Mode changes are counted on both sides' CV by the same code, over all runs but the first fifth of
the jumps; errors are from a jackknife over ten blocks, that of a number M of mode changes at least √M.

    python benchmarks/against_peer.py --peer CLONE --peer-python PYTHON [--problems tunnel phi4 dimer]
        [--chains 7 1024] [--repeats 5] [--changes 400] [--minutes 10] [--core 0] [--seed 0] [--json out.json]

PYTHON is one with the clone's requirements: jax, equinox, flowjax, jaxopt, optax, jax-md, scipy.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from json_lines import Server

HERE = Path(__file__).parent
PEER, OURS = "peer", "cvflow"
WARM_UP = 2
BLOCKS = 10


def like_the_peer(
    dt2_over_m: float, distance: float, steps: int, means: tuple[float, float], sigma: float
) -> dict[str, Any]:
    """Settings as the peer's paper has them: no friction, and two Gaussians of equal weight."""
    proposal = {"means": means, "sigma": sigma, "weight": 0.5}
    return {"dt2_over_m": dt2_over_m, "gamma": 0.0, "distance": distance, "steps": steps, "proposal": proposal}


SETTINGS = {
    "tunnel": like_the_peer(0.67, 10.0, 100, (0.0, 10.0), 1.0),
    "phi4": like_the_peer(1.4e-3, 2 * 6.283619, 1300, (6.283619, -6.283619), 0.4784879),
    "dimer": like_the_peer(4.5e-4, 1.0, 400, (0.0, 1.0), 0.2),
}
"""Settings of both sides. A path over `distance` has `steps` steps, others in proportion, rounded up; the dimer's draws
are repeated until they are distances that the box has, on both sides."""

CHAINS = {"tunnel": (7, 1024), "phi4": (7, 1024), "dimer": (7,)}
JUMPS = {"tunnel": (2800, 20), "phi4": (280, 4), "dimer": (140, 4)}
"""Jumps a run: in all chains together, and at least so many a chain."""


def thresholds(problem: str) -> tuple[float, float]:
    """Below the first a chain is in one mode, above the second in the other, between them in the last it was in."""
    return {"tunnel": (5.0, 5.0), "phi4": (0.0, 0.0), "dimer": (0.1, 0.9)}[problem]


@dataclass
class Side:
    """What one side has returned for one case."""

    timed: list[float] = field(default_factory=list)  # µs a chain-step, one a timed run
    timed_cpu: list[float] = field(default_factory=list)  # the same in processor time: what others took is not in it
    z: list[Float[np.ndarray, "chains jumps"]] = field(default_factory=list)
    steps: list[Int[np.ndarray, "chains jumps"]] = field(default_factory=list)
    start: Float[np.ndarray, "chains 1"] | None = None
    failed: int = 0

    def add(self, answer: dict[str, Any], timed: bool) -> None:
        """Keep a run's answer."""
        z, steps = np.array(answer["z"]), np.array(answer["steps"])
        if timed:
            self.timed.append(1e6 * answer["seconds"] / float(steps.sum()))
            self.timed_cpu.append(1e6 * answer["cpu_seconds"] / float(steps.sum()))
        self.start = z[:, :1] if self.start is None else self.start
        self.z.append(z[:, 1:])
        self.steps.append(steps)
        self.failed += answer["failed"]

    def figures(self, problem: str) -> dict[str, Any]:
        """Acceptance and steps a mode change, with standard errors."""
        assert self.start is not None
        z, steps = np.hstack([self.start, *self.z]), np.hstack(self.steps)
        burnt = steps.shape[1] // 5
        moved = (z[:, 1:] != z[:, :-1])[:, burnt:]
        changed = mode_changes(z, *thresholds(problem))[:, burnt:]
        steps = steps[:, burnt:]
        acceptance, acceptance_error = ratio(moved, np.ones_like(steps))
        rate, rate_error = ratio(changed, steps)
        changes = int(changed.sum())
        return {
            "acceptance": acceptance,
            "acceptance_error": acceptance_error,
            "steps_per_mode_change": 1 / rate if rate else float("inf"),
            "steps_per_mode_change_error": max(rate_error, rate / np.sqrt(changes)) / rate**2 if rate else float("nan"),
            "mode_changes": changes,
            "jumps": steps.size,
            "path_steps": int(steps.sum()),
            "failed_paths": self.failed,
            "local_steps_between_jumps": 0,
            "us_per_chain_step": median(self.timed),
            "us_per_chain_step_runs": self.timed,
            "us_per_chain_step_cpu_runs": self.timed_cpu,
        }


def mode_changes(
    z: Float[np.ndarray, "chains jumps+1"], below: float, above: float
) -> Bool[np.ndarray, "chains jumps"]:
    """Which jumps brought a chain into the other mode."""
    mode = np.where(z > above, 1, np.where(z <= below, -1, 0))
    for i in range(1, mode.shape[1]):
        mode[:, i] = np.where(mode[:, i] == 0, mode[:, i - 1], mode[:, i])
    return mode[:, 1:] * mode[:, :-1] < 0


def ratio(over: Float[np.ndarray, "chains jumps"], under: Float[np.ndarray, "chains jumps"]) -> tuple[float, float]:
    """Sum over sum, and its jackknife error from blocks of chains, or of jumps where the chains are few."""
    axis = 0 if len(over) >= BLOCKS else 1
    tops, bottoms = (
        np.array([block.sum() for block in np.array_split(a, BLOCKS, axis)], dtype=float) for a in (over, under)
    )
    left_out = (tops.sum() - tops) / (bottoms.sum() - bottoms)
    error = np.sqrt((BLOCKS - 1) * np.mean((left_out - left_out.mean()) ** 2))
    return float(tops.sum() / bottoms.sum()), float(error)


def compare(
    servers: dict[str, Server], problem: str, chains: int, arguments: argparse.Namespace
) -> dict[str, dict[str, Any]]:
    """Warm up, then alternate until there are enough runs and enough mode changes, or the time is up."""
    total, least = JUMPS[problem]
    request = {"problem": problem, "chains": chains, "jumps": max(least, total // chains)}
    request |= {"ask": "run", "settings": SETTINGS[problem]}
    sides = {name: Side() for name in servers}
    done, timed_runs, begun = 0, 0, time.monotonic()
    while True:
        # Who goes first alternates too, so that a drift of the machine's speed cancels.
        order = list(servers) if done % 2 == 0 else list(servers)[::-1]
        seed = arguments.seed + 1000 * chains + done
        answers = {name: servers[name].ask(seed=seed, **request) for name in order}
        # A run in which something was still compiled is one more warm-up, on both sides.
        timed = done >= WARM_UP and not any(answer["compiled"] for answer in answers.values())
        for name, answer in answers.items():
            sides[name].add(answer, timed)
        done, timed_runs = done + 1, timed_runs + timed
        if done == WARM_UP:
            begun = time.monotonic()
        if timed_runs < arguments.repeats:
            continue
        found = {name: side.figures(problem) for name, side in sides.items()}
        enough = min(figures["mode_changes"] for figures in found.values()) >= arguments.changes
        if enough or time.monotonic() - begun > 60 * arguments.minutes:
            return found


def throughput(case: str, found: dict[str, dict[str, Any]]) -> str:
    """A row of the first table."""
    columns = [f"{case:<16}"]
    for runs in ("us_per_chain_step_runs", "us_per_chain_step_cpu_runs"):
        peer, ours = (found[name][runs] if name in found else [] for name in (PEER, OURS))
        ratios = [a / b for a, b in zip(peer, ours, strict=False)]
        columns += [f"{median(times):10.3f}" if times else f"{'-':>10}" for times in (peer, ours)]
        columns.append(f"{median(ratios):10.2f} ({min(ratios):.2f} to {max(ratios):.2f})" if ratios else "")
    return "".join(columns)


def efficiency(case: str, name: str, figures: dict[str, Any]) -> str:
    """A row of the second table."""
    acceptance = f"{figures['acceptance']:.3f} ± {figures['acceptance_error']:.3f}"
    cost = f"{figures['steps_per_mode_change']:.0f} ± {figures['steps_per_mode_change_error']:.0f}"
    return (
        f"{case:<16}{name:<8}{acceptance:>16}{cost:>18}{figures['mode_changes']:>10}{figures['failed_paths']:>9}{0:>9}"
    )


def report(results: dict[str, dict[str, dict[str, Any]]]) -> None:
    print(
        "\nµs a chain-step, medians: by the clock, then in processor time; peer/ours with its range over pairs of runs"
    )
    print(f"{'case':<16}" + 2 * f"{PEER:>10}{OURS:>10}{'peer/ours':>10}{'':15}")
    for case, found in results.items():
        print(throughput(case, found))
    heads = f"{'acceptance':>16}{'steps/change':>18}{'changes':>10}{'failed':>9}{'local':>9}"
    print(f"\n{'case':<16}{'side':<8}{heads}  (local: steps between jumps)")
    for case, found in results.items():
        for name, figures in found.items():
            print(efficiency(case, name, figures))


def start(arguments: argparse.Namespace) -> dict[str, Server]:
    """Both servers, one thread each; they inherit this process's core."""
    clone = arguments.peer.resolve()
    one = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    xla = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    peer = {**one, "XLA_FLAGS": xla, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(clone)}
    servers = {PEER: Server([arguments.peer_python, str(HERE / "peer_server.py")], clone, peer)}
    if not arguments.peer_only:
        servers[OURS] = Server([sys.executable, str(HERE / "our_server.py")], HERE.parent, one)
    return servers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", type=Path, required=True, help="a clone of cschoenle/mcmc_nonlincv")
    parser.add_argument("--peer-python", required=True, help="Python of an environment that runs it")
    parser.add_argument("--problems", nargs="+", choices=list(SETTINGS), default=list(SETTINGS))
    parser.add_argument("--chains", nargs="+", type=int, help="for all problems; by default 7 and 1024, the dimer 7")
    parser.add_argument("--repeats", type=int, default=5, help="timed runs a side, at least")
    parser.add_argument("--changes", type=int, default=400, help="mode changes to see on each side")
    parser.add_argument("--minutes", type=float, default=10.0, help="no further runs of a case after this time")
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write all figures here")
    parser.add_argument("--peer-only", action="store_true", help="leave our side out")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {arguments.core})

    results: dict[str, dict[str, dict[str, Any]]] = {}
    for problem in arguments.problems:
        for chains in arguments.chains or CHAINS[problem]:
            # New ones for each case: what one case made the compiler remember would slow the next.
            servers = start(arguments)
            versions = {name: server.ask(ask="versions") for name, server in servers.items()}
            case = f"{problem}, {chains}"
            results[case] = compare(servers, problem, chains, arguments)
            print(throughput(case, results[case]), file=sys.stderr)
            for server in servers.values():
                server.close()
    report(results)
    if arguments.json is not None:
        arguments.json.write_text(
            json.dumps({"versions": versions, "settings": SETTINGS, "results": results}, indent=1)
        )


if __name__ == "__main__":
    main()
