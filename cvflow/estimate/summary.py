"""The run in numbers: `summary.json`."""

import math
from collections import Counter
from typing import Any

import numpy as np

from cvflow.core.frames import Outcome
from cvflow.estimate.acceptance import Acceptance, acceptance, acceptance_between_states
from cvflow.estimate.comparison import Compared, compared
from cvflow.estimate.convergence import cv_chains, effective_sample_size, r_hat
from cvflow.estimate.discovery import state_visits
from cvflow.estimate.equilibration import adaptation, populations
from cvflow.estimate.free_energy import Difference
from cvflow.estimate.modes import count_modes
from cvflow.store import Record

INFINITY = "Infinity"
"""What stands for an infinite R-hat in the summary, and is read back by `float`."""


def summarise(record: Record) -> dict[str, Any]:
    """Collect the summary. Numbers that are not determined are null; an infinite R-hat is the text "Infinity".

    Acceptances and mode changes are those of production; steps and wall times are those of the whole run.
    """
    header, turns = record.header, record.turns
    made = turns[turns["production"]]
    modes = count_modes(record)
    chains = cv_chains(record)
    differences, settled = compared(record), populations(record)
    production_steps = int(made["steps"].sum())
    summary = {
        "version": header.version,
        "seed": header.seed,
        "system": header.system,
        "engine": header.engine,
        "cvs": header.cvs,
        "kT": header.kT,
        "walkers": header.walkers,
        "jumps": _jumps(record, made),
        "mode_changes": modes.mode_changes,
        "local_crossings": modes.local_crossings,
        "steps": _steps(turns),
        "steps_per_mode_change": production_steps / modes.mode_changes if modes.mode_changes else None,
        "delta_f": [_difference(found.chain) for found in differences],
        "delta_f_bar": [_bar(found) for found in differences],
        "chain_less_bar": [_difference(found.apart) for found in differences],
        "states": {name: visits._asdict() for name, visits in state_visits(record).items()},
        "adaptation": adaptation(record)._asdict(),
        "populations": {**settled._asdict(), "rhat": _r_hat(settled.rhat)},
        "ess": {cv: effective_sample_size(chains[:, :, i]) for i, cv in enumerate(header.cvs)},
        "rhat": {cv: _r_hat(r_hat(chains[:, :, i])) for i, cv in enumerate(header.cvs)},
        "flow": {
            "version": record.flows[-1].version,
            "trainings": sum(flow.epochs > 0 for flow in record.flows),
            "holdout_nll": record.flows[-1].holdout_nll,
            "training_nll": record.flows[-1].training_nll,
            "samples": record.flows[-1].samples,
            "effective_samples": record.flows[-1].effective_samples,
        },
        "wall_s": _wall(record),
        "path_steps_per_s": _rate(turns, header.workers),
        "exact": {"value": header.exact, "reason": header.exact_reason},
    }
    return _finite(summary)


def _jumps(record: Record, made: np.ndarray) -> dict[str, Any]:
    outcomes = [Outcome(code) for code in made["outcome"]]
    failed = Counter(outcome.words for outcome in outcomes if outcome.failed)
    return {
        **_acceptance(acceptance(record)),
        "failed": dict(failed),
        "given_up": outcomes.count(Outcome.GIVEN_UP),
        "within_state": outcomes.count(Outcome.WITHIN_STATE),
        "between_states": _acceptance(acceptance_between_states(record)),
    }


def _acceptance(found: Acceptance) -> dict[str, Any]:
    return {
        "proposed": found.proposed,
        "accepted": found.accepted,
        "acceptance": found.rate,
        "acceptance_stderr": found.stderr,
    }


def _steps(turns: np.ndarray) -> dict[str, int]:
    local, path = int(turns["local_steps"].sum()), int(turns["steps"].sum())
    return {"local": local, "path": path, "total": local + path}


def _wall(record: Record) -> dict[str, float]:
    """Seconds; path and local are the workers' mean, training runs beside them."""
    workers = record.header.workers
    return {
        "total": record.commit.wall_seconds,
        "path": float(record.turns["path_seconds"].sum()) / workers,
        "local": float(record.turns["local_seconds"].sum()) / workers,
        "training": float(sum(flow.seconds for flow in record.flows)),
    }


def _rate(turns: np.ndarray, workers: int) -> float:
    """Path steps a second of all workers together."""
    seconds = float(turns["path_seconds"].sum()) / workers
    return float(turns["steps"].sum()) / seconds if seconds else float("nan")


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "from": difference.start,
        "to": difference.end,
        "value_kT": difference.value,
        "stderr_kT": difference.stderr,
        "determined": not difference.reason,
        "reason": difference.reason or None,
    }


def _bar(found: Compared) -> dict[str, Any]:
    return {**_difference(found.bar), "effective_paths": found.effective_paths}


def _r_hat(value: float) -> float | str:
    """Infinite where chains are stuck in different places, which must not read as if it could not be had."""
    return INFINITY if math.isinf(value) else value


def _finite(value: Any) -> Any:
    """NaN and infinities have no place in JSON: null instead."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
