"""cvflow beside what users would take in its place: the error of ΔF against force evaluations and processor seconds.

Each method gets the same molecule, CVs, states, temperature, time step, starts and number of force evaluations, and one
run a seed. `comparison.toml` says which molecules, what each method is told of them, and the reference's ΔF.

    python benchmarks/comparison.py polymer alanine_vacuum --seeds 1 2 3 4 5 --out comparison.jsonl
    python benchmarks/comparison.py --table comparison.jsonl

A JSON line a run: ΔF after 1/32, 1/16, … of the force evaluations, NaN where the method cannot say yet, and the
processor seconds of the whole run with its imports, those of all its processes. The table has, for each molecule and
method, the median |ΔF - reference| over the seeds, and the largest; where one run cannot say, that is infinite.
OPES needs `pip install openmm-opes`.
"""

import argparse
import json
import resource
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from methods.work import Work

METHODS = ("jumps", "metadynamics", "opes", "umbrella", "replica_exchange", "plain")
"""Modules of `methods`; each has `differences`."""

PARTS = 32, 16, 8, 4, 2, 1
"""Of the force evaluations, after which ΔF is asked for."""

HERE = Path(__file__).parent

Row = dict[str, Any]
Differences = Callable[[Work, Any, Sequence[int]], Iterator[float]]


def works() -> dict[str, Work]:
    """What is compared, by name."""
    told = tomllib.loads((HERE / "comparison.toml").read_text(encoding="utf-8"))
    return {name: Work(**words | {"config": HERE / words["config"]}) for name, words in told.items()}


def run(name: str, method: str, seed: int) -> Row:
    """One run of a method, in a process that has done nothing else."""
    work = works()[name]
    checkpoints = [work.evaluations // part for part in PARTS]
    differences: Differences = import_module(f"methods.{method}").differences
    found = list(differences(work, work.setup(seed), checkpoints))
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    seconds = sum(each.ru_utime + each.ru_stime for each in used)
    said = {"evaluations": checkpoints, "delta_f": found, "seconds": round(seconds, 1)}
    return {"work": name, "method": method, "seed": seed} | said


def table(rows: Sequence[Row]) -> str:
    """Errors over the seeds, as markdown."""
    grouped: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row["work"], row["method"]].append(row)
    lines: list[str] = []
    for name, work in works().items():
        methods = [method for method in METHODS if (name, method) in grouped]
        if not methods:
            continue
        heads = [f"{work.evaluations // part:,}" for part in PARTS]
        lines += [f"**{name}**, reference {work.reference[0]:.2f} ± {work.reference[1]:.2f} kT", ""]
        lines += [f"| | runs | {' | '.join(heads)} | processor seconds |", "|---" * (len(heads) + 3) + "|"]
        lines += [_line(method, grouped[name, method], work) for method in methods] + [""]
    return "\n".join(lines)


def _line(method: str, rows: Sequence[Row], work: Work) -> str:
    off = np.abs(np.array([row["delta_f"] for row in rows], dtype=float) - work.reference[0])
    off[np.isnan(off)] = np.inf
    cells = [f"{middle:.2f} ({most:.2f})" for middle, most in zip(np.median(off, axis=0), off.max(axis=0), strict=True)]
    seconds = np.median([row["seconds"] for row in rows])
    return f"| {method} | {len(rows)} | {' | '.join(cells).replace('inf', '∞')} | {seconds:.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("works", nargs="*", metavar="WORK", help=f"of {', '.join(works())}; all of them unless said")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--processes", type=int, default=1, help="runs at a time")
    parser.add_argument("--out", type=Path, help="file that takes a JSON line a run, behind what it holds")
    parser.add_argument("--table", type=Path, help="print the table of such a file, and run nothing")
    given = parser.parse_args()
    if given.table:
        print(table([json.loads(line) for line in given.table.read_text(encoding="utf-8").splitlines()]))
        return
    if unknown := set(given.works) - set(works()):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(works())}")
    asked = product(given.seeds, given.works or works(), given.methods)
    with ProcessPoolExecutor(given.processes, get_context("spawn"), max_tasks_per_child=1) as pool:
        for row in pool.map(run, *zip(*((name, method, seed) for seed, name, method in asked), strict=True)):
            line = json.dumps(row)
            print(line, flush=True)
            if given.out:
                with given.out.open("a", encoding="utf-8") as file:
                    file.write(line + "\n")


if __name__ == "__main__":
    main()
