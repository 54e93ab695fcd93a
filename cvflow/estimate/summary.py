"""The run in numbers, from its record."""

from collections import Counter

import numpy as np

from cvflow.core.frames import Outcome
from cvflow.estimate.acceptance import Acceptance, acceptance, acceptance_between_states
from cvflow.estimate.cautions import cautions
from cvflow.estimate.comparison import Compared, compared
from cvflow.estimate.convergence import cv_chains, effective_sample_size, r_hat
from cvflow.estimate.discovery import state_visits
from cvflow.estimate.equilibration import adaptation, populations
from cvflow.estimate.free_energy import Difference
from cvflow.estimate.modes import count_modes
from cvflow.estimate.schema import (
    Best,
    ByBar,
    Exact,
    Exploration,
    FlowSummary,
    FreeEnergyDifference,
    Jumps,
    Steps,
    Summary,
    WallTimes,
)
from cvflow.store import Record


def summarise(record: Record) -> Summary:
    """Collect the summary, warnings and all.

    Raises:
        ValueError: a walker has no production turn yet.
    """
    numbers = _numbers(record)
    return numbers.model_copy(update={"warnings": tuple(cautions(numbers))})


def _numbers(record: Record) -> Summary:
    header, turns = record.header, record.turns
    made = turns[turns["production"]]
    modes = count_modes(record)
    chains = dict(zip(header.cvs, np.moveaxis(cv_chains(record), 2, 0), strict=True))
    differences = compared(record)
    return Summary(
        version=header.version,
        seed=header.seed,
        system=header.system,
        engine=header.engine,
        cvs=tuple(header.cvs),
        kT=header.kT,
        walkers=header.walkers,
        jumps=_jumps(record, made),
        mode_changes=modes.mode_changes,
        local_crossings=modes.local_crossings,
        steps=_steps(record),
        true_energies=_true_energies(record),
        steps_per_mode_change=int(made["steps"].sum()) / modes.mode_changes if modes.mode_changes else None,
        delta_f=tuple(_best(found) for found in differences),
        delta_f_chain=tuple(_difference(found.chain) for found in differences),
        delta_f_bar=tuple(_by_bar(found) for found in differences),
        chain_less_bar=tuple(_difference(found.apart) for found in differences),
        states=state_visits(record),
        adaptation=adaptation(record),
        populations=populations(record),
        ess={cv: effective_sample_size(chain) for cv, chain in chains.items()},
        rhat={cv: r_hat(chain) for cv, chain in chains.items()},
        flow=_flow(record),
        wall_s=_wall(record),
        path_steps_per_s=_rate(turns, header.workers),
        exact=Exact(value=header.exact, reason=header.exact_reason),
        explored=_explored(record),
        walls=tuple(header.walls),
    )


def _jumps(record: Record, made: np.ndarray) -> Jumps:
    outcomes = [Outcome(code) for code in made["outcome"]]
    counts = {
        "failed": dict(Counter(outcome.words for outcome in outcomes if outcome.failed)),
        "given_up": outcomes.count(Outcome.GIVEN_UP),
        "within_state": outcomes.count(Outcome.WITHIN_STATE),
        "between_states": _counts(acceptance_between_states(record)),
    }
    return Jumps.model_validate(_counts(acceptance(record)) | counts)


def _counts(found: Acceptance) -> dict[str, object]:
    return {
        "proposed": found.proposed,
        "accepted": found.accepted,
        "acceptance": found.rate,
        "acceptance_stderr": found.stderr,
    }


def _steps(record: Record) -> Steps:
    turns, before = record.turns, (record.header.equilibration_steps, record.header.pilot_steps)
    of_turns = turns["local_steps"].sum() + turns["steps"].sum()
    made = turns[turns["production"]]
    local, path = int(made["local_steps"].sum()), int(made["steps"].sum())
    known = [steps for steps in before if steps is not None]
    exploration = sum(found.evaluations for found in _explored(record))
    total = int(of_turns) + sum(known) + exploration if len(known) == len(before) else None
    adaptation = int(of_turns) - local - path
    return Steps(
        equilibration=before[0], exploration=exploration, pilots=before[1], adaptation=adaptation, local=local,
        path=path, total=total,
    )  # fmt: skip


def _explored(record: Record) -> tuple[Exploration, ...]:
    found = record.header.exploration
    return (Exploration.model_validate(found),) if found else ()


def _true_energies(record: Record) -> int | None:
    """Those of turns; an energy serves the path that ends there and the next that begins there."""
    if not record.header.surrogate:
        return None
    turns = record.turns
    ended = (turns["steps"] > 0) & (turns["outcome"] != Outcome.GIVEN_UP)
    return int(ended.sum() + (turns["local_steps"] > 0).sum())


def _best(found: Compared) -> Best:
    how = {"chain_weight": found.best.chain_weight, "alone": found.best.alone or None}
    return Best.model_validate(_estimated(found.best.found) | how)


def _difference(found: Difference) -> FreeEnergyDifference:
    return FreeEnergyDifference.model_validate(_estimated(found))


def _by_bar(found: Compared) -> ByBar:
    return ByBar.model_validate(_estimated(found.bar) | {"effective_paths": found.effective_paths})


def _estimated(difference: Difference) -> dict[str, object]:
    return {
        "from": difference.start,
        "to": difference.end,
        "value_kT": difference.value,
        "stderr_kT": difference.stderr,
        "determined": not difference.reason,
        "reason": difference.reason or None,
    }


def _flow(record: Record) -> FlowSummary:
    last = record.flows[-1]
    return FlowSummary(
        version=last.version,
        trainings=sum(flow.epochs > 0 for flow in record.flows),
        holdout_nll=last.holdout_nll,
        training_nll=last.training_nll,
        samples=last.samples,
        effective_samples=last.effective_samples,
    )


def _wall(record: Record) -> WallTimes:
    workers = record.header.workers
    return WallTimes(
        total=record.commit.wall_seconds,
        path=float(record.turns["path_seconds"].sum()) / workers,
        local=float(record.turns["local_seconds"].sum()) / workers,
        training=float(sum(flow.seconds for flow in record.flows)),
    )


def _rate(turns: np.ndarray, workers: int) -> float | None:
    seconds = float(turns["path_seconds"].sum()) / workers
    return float(turns["steps"].sum()) / seconds if seconds else None
