"""What an answer costs, all counted: whole runs of the `cvflow` command, a seed each, and the medians over the seeds.

Of each run: the force evaluations of everything (`steps.total` in summary.json), what they would be for the best ΔF to
± 0.1 kT, errors falling as one over the root of the length: total · (error/0.1)²; path steps for one mode change; and
processor seconds for one mode change, of the command and all its workers, from start to report.

    python benchmarks/efficiency.py polymer --seeds 1 2 3 4 5
    python benchmarks/efficiency.py examples/alanine_dipeptide.toml --metadynamics

Each run is a JSON line, the medians the last. `--metadynamics` puts well-tempered metadynamics by
`benchmarks/metadynamics.py` beside each run: the same molecule, CVs and states, as many force evaluations as the run
had in all, and the same seed. `--set` changes settings of a config.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cvflow.estimate.schema import Summary, number

WANTED = 0.1
"""kT."""

Row = dict[str, Any]


def processor_seconds(command: Sequence[str]) -> float:
    """Run a command to its end; user and system time of it and of all processes that it has waited for.

    Raises:
        RuntimeError: it failed.
    """
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with code {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def evaluations_wanted(evaluations: float, stderr: float) -> float:
    """Force evaluations to the wanted error, where so many came to another."""
    return evaluations * (stderr / WANTED) ** 2


def run(work: str, seed: int, settings: Sequence[str]) -> Row:
    """One run by cvflow, all counted."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        words = ["polymer", "--seed", str(seed)] if work == "polymer" else ["run", work, "--set", f"run.seed={seed}"]
        changes = [word for setting in settings for word in ("--set", setting)]
        cvflow = [sys.executable, "-c", "from cvflow.cli.commands import main; main()"]
        seconds = processor_seconds([*cvflow, *words, *changes, "--out", str(out), "--quiet"])
        summary = Summary.model_validate_json((out / "summary.json").read_text(encoding="utf-8"))
    return row(summary, seconds) | {"work": work, "seed": seed}


def row(summary: Summary, seconds: float) -> Row:
    """Figures of a run that took so many processor seconds; those of the second state, where there are more."""
    best, chain, works = (found[0] for found in (summary.delta_f, summary.delta_f_chain, summary.delta_f_bar))
    total, changes = number(summary.steps.total), summary.mode_changes
    return {
        "evaluations": total,
        "delta_f": best.value_kT,
        "stderr": best.stderr_kT,
        "stderr_chain": chain.stderr_kT,
        "stderr_bar": works.stderr_kT,
        "evaluations_wanted": evaluations_wanted(total, number(best.stderr_kT)),
        "mode_changes": changes,
        "path_steps_per_mode_change": number(summary.steps_per_mode_change),
        "processor_seconds_per_mode_change": seconds / changes if changes else np.nan,
        "local_share": summary.steps.local / total,
        "before_production": 1 - (summary.steps.local + summary.steps.path) / total,
    }


def metadynamics(work: str, seed: int, evaluations: float, settings: Sequence[str]) -> Row:
    """As many force evaluations of metadynamics."""
    script = Path(__file__).with_name("metadynamics.py")
    changes = [word for setting in (*settings, f"run.seed={seed}") for word in ("--set", setting)]
    command = [sys.executable, str(script), work, "--evaluations", str(int(evaluations)), *changes]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    wanted = evaluations_wanted(evaluations, found["stderr"])
    return {"metadynamics": found["delta_f"], "metadynamics_stderr": found["stderr"], "metadynamics_wanted": wanted}


def medians(rows: Sequence[Row]) -> Row:
    """Of every number but the seed; the spread of ΔF over the seeds beside them, which no single run has."""
    found: Row = {"median_of": len(rows)}
    for name, value in rows[0].items():
        if isinstance(value, int | float) and name != "seed":
            found[name] = float(np.median([each[name] for each in rows]))
    found["spread_of_delta_f"] = float(np.std([each["delta_f"] for each in rows], ddof=min(1, len(rows) - 1)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", help='"polymer", or a config')
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--metadynamics", action="store_true")
    given = parser.parse_args()
    if given.work == "polymer" and (given.set or given.metadynamics):
        parser.error("polymer is the built-in demo: give a config for settings of your own and for metadynamics")
    rows = []
    for seed in given.seeds:
        made = run(given.work, seed, given.set)
        if given.metadynamics:
            made |= metadynamics(given.work, seed, made["evaluations"], given.set)
        rows.append(made)
        print(json.dumps(made), flush=True)
    print(json.dumps(medians(rows)))


if __name__ == "__main__":
    main()
