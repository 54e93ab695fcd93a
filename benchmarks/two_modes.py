"""How well do samplers know the weight of a mode? The target of the 2025 talk's table, the built-in `two_modes`.

For each number of dimensions, each condition number of C and each seed: explorers alone, explorers followed by the
exact chain of a flow over all coordinates (kernel "none") or of paths along the one CV, and those chains without an
explorer, from starts in both modes. A JSON line for each run: the error of the mode's weight in %, its error bar, and
the evaluations of energy and forces. `table` makes rows of mean ± standard deviation over seeds.

    python benchmarks/two_modes.py run --dims 16 32 64 --conditions 1 100 --seeds 1 2 3 4 >> two_modes.jsonl
    python benchmarks/two_modes.py table two_modes.jsonl

With `--one-point` all walkers start at one point of the first mode, and the explorers' Gaussian, around it, has the
spread 2: chains without an explorer would never leave the mode, and are left out.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import exp
from pathlib import Path
from typing import Any

import numpy as np

from cvflow.config.settings import parse
from cvflow.engines.batch.system import TorchSystem
from cvflow.estimate.schema import number
from cvflow.estimate.summary import summarise
from cvflow.run.in_memory import run_in_memory
from cvflow.setup import Setup
from cvflow.setup.batch.chains import batch_setup
from cvflow.systems import TwoModes

EXACT = 2 / 3
WALKERS = 64
SPREAD = 2.0
EXPLORERS: Mapping[str, Mapping[str, Any]] = {
    "SMC": {"method": "sequential-monte-carlo"},
    "RE": {"method": "replica-exchange"},
}
NONE = "none"
"""No explorer: chains that begin at the target's own starts, in both modes."""

Row = dict[str, Any]


def at_one_point(system: TorchSystem, rng: np.random.Generator) -> TorchSystem:
    """The system with one configuration of its first state for all starts."""
    point = system.starts("first", 1, rng)
    return replace(system, starts=lambda state, count, rng: np.repeat(point, count, axis=0))


def over_all_coordinates(dim: int) -> Row:
    """Sections of flow-MCMC: the flow proposes configurations whole."""
    return {
        "cv": [{"name": f"x{i}", "type": "coordinate", "index": i} for i in range(dim)],
        "states": {"first": "x0 < 0", "second": "x0 >= 0"},
        "path": {"kernel": "none"},
        "run": {"jumps": 40, "adapt_jumps": 5, "local_steps": 5, "local_timestep": 0.1},
        "flow": {"labels": True, "transforms": 1, "hidden": [32], "bins": 8, "retrain_every": 2 * 20 * WALKERS},
    }


def along_the_cv(dim: int) -> Row:
    """Sections of paths along the discriminant."""
    return {
        "path": {"kernel": "constrained", "steps": 30, "timestep": 0.15, "early_rejection": False},
        "run": {"jumps": 40, "adapt_jumps": 5, "local_steps": 5, "local_timestep": 0.1},
        "flow": {"retrain_every": 2 * 20 * WALKERS},
    }


CHAINS: Mapping[str, Callable[[int], Row]] = {"flow-MCMC": over_all_coordinates, "CV paths": along_the_cv}


def made(reference: TwoModes, seed: int, chain: str, explorer: str | None, one_point: bool) -> Setup:
    """A run of the chain, after the explorer if there is one."""
    sections = CHAINS[chain](reference.dim)
    sections["run"] |= {"seed": seed, "walkers": WALKERS, "adapt_limit": 1}
    sections |= {"system": {"name": "two_modes"}, "engine": {"name": "batch", "compile": False}}
    if explorer:
        sections["explore"] = {**EXPLORERS[explorer], **({"spread": SPREAD} if one_point else {})}
    system = reference.system()
    if one_point:
        system = at_one_point(system, np.random.default_rng(seed))
    return batch_setup(parse(sections, "two_modes"), system, Path(), True)


def rows(
    reference: TwoModes, seed: int, chains: Sequence[str], explorers: Sequence[str], one_point: bool
) -> Iterator[Row]:
    """All runs of one target and seed; an explorer alone is what a chain's run has found before it begins."""
    common = {"dim": reference.dim, "condition": reference.condition, "seed": seed, "one_point": one_point}
    for explorer in (name for name in explorers if name in EXPLORERS):
        for place, chain in enumerate(chains or ["CV paths"]):
            begun, setup = time.perf_counter(), made(reference, seed, chain, explorer, one_point)
            with setup.walkers.executor(1) as executor:
                try:
                    setup = setup.completed(executor)
                except ArithmeticError as error:
                    yield {**common, "method": explorer, "failed": str(error)}
                    break
            if place == 0:
                yield {**common, "method": explorer, **alone(setup), "seconds": time.perf_counter() - begun}
            if chains:
                yield {**common, "method": f"{explorer} → {chain}", **of_chain(setup)}
    for chain in chains if NONE in explorers and not one_point else ():
        yield {**common, "method": chain, **of_chain(made(reference, seed, chain, None, one_point))}


def alone(setup: Setup) -> Row:
    """What an explorer says by itself."""
    found = setup.exploration
    assert found is not None
    share = found.shares[0]
    return {
        "error": 100 * abs(number(share.value) - EXACT), "stderr": 100 * number(share.stderr),
        "evaluations": found.evaluations, "log_z": found.log_z, "log_z_stderr": found.log_z_stderr,
        "words": found.words,
    }  # fmt: skip


def of_chain(setup: Setup) -> Row:
    """A run from its starts to its end; the weight is that of its best ΔF, from chains and works."""
    begun = time.perf_counter()
    with setup.walkers.executor(1) as executor:
        try:
            start = setup.equilibrate(executor)
            setup = setup.after(start)
            summary = summarise(run_in_memory(setup, executor, start, setup.kappa(start.samples)))
        except ArithmeticError as error:
            return {"failed": str(error)}
    found, steps, jumps = summary.delta_f[0], summary.steps, summary.jumps
    if found.value_kT is None:
        return {"failed": found.reason, "seconds": time.perf_counter() - begun}
    weight = 1 / (1 + exp(-found.value_kT))
    return {
        "error": 100 * abs(weight - EXACT), "stderr": 100 * weight * (1 - weight) * number(found.stderr_kT),
        "evaluations": steps.total, "exploration": steps.exploration,
        "acceptance": jumps.between_states.acceptance, "mode_changes": summary.mode_changes,
        "seconds": time.perf_counter() - begun,
    }  # fmt: skip


def table(lines: Sequence[Row]) -> Iterator[str]:
    """Rows of mean ± standard deviation over seeds, for a page."""
    groups: dict[tuple, list[Row]] = defaultdict(list)
    for line in lines:
        groups[line["one_point"], line["condition"], line["dim"], line["method"]].append(line)
    yield "| starts | condition of C | d | method | error, % | error bar, % | evaluations | acceptance | seeds |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for (one_point, condition, dim, method), all_runs in groups.items():
        runs = [run for run in all_runs if "error" in run]
        where, seeds = "one point" if one_point else "both modes", f"{len(runs)}"
        if len(runs) < len(all_runs):
            seeds += f", {len(all_runs) - len(runs)} failed"
        if not runs:
            yield f"| {where} | {condition:g} | {dim} | {method} | – | – | – | – | {seeds} |"
            continue
        errors = np.array([run["error"] for run in runs])
        bar = np.mean([run["stderr"] for run in runs])
        spent = np.mean([run["evaluations"] for run in runs])
        acceptances = [run["acceptance"] for run in runs if run.get("acceptance") is not None]
        accepted = f"{np.mean(acceptances):.2f}" if acceptances else ""
        spread = f" ± {errors.std(ddof=1):.1f}" if len(errors) > 1 else ""
        yield (
            f"| {where} | {condition:g} | {dim} | {method} | {errors.mean():.1f}{spread} | {bar:.1f} | {spent:,.0f} | "
            f"{accepted} | {seeds} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(required=True, dest="command")
    running = commands.add_parser("run")
    running.add_argument("--dims", type=int, nargs="+", default=[16, 32, 64])
    running.add_argument("--conditions", type=float, nargs="+", default=[1.0, 100.0])
    running.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4])
    running.add_argument("--chains", nargs="*", choices=list(CHAINS), default=list(CHAINS))
    running.add_argument("--explorers", nargs="*", choices=[*EXPLORERS, NONE], default=[*EXPLORERS, NONE])
    running.add_argument("--one-point", action="store_true")
    commands.add_parser("table").add_argument("lines", type=Path)
    given = parser.parse_args()
    if given.command == "table":
        print("\n".join(table([json.loads(line) for line in given.lines.read_text().splitlines()])))
        return
    for dim in given.dims:
        for condition in given.conditions:
            for seed in given.seeds:
                target = TwoModes(dim=dim, condition=condition)
                for row in rows(target, seed, given.chains, given.explorers, given.one_point):
                    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
