"""What a run says in ten seconds: whether it has converged as far as can be seen, and what to do next."""

from typing import NamedTuple

from cvflow.estimate.cautions import MANY_FAILED
from cvflow.estimate.schema import Summary

RARE = 0.1
"""Part of the samples below which a state is worth a bias that makes chains go there."""


class RunVerdict(NamedTuple):
    """Of a whole run.

    Attributes:
        converged: whether nothing speaks against it; no sign of trouble is no proof.
        words: the same in a sentence.
        next: what to do, the most pressing first.
    """

    converged: bool
    words: str
    next: tuple[str, ...]


def verdict(summary: Summary, jumps: int) -> RunVerdict:
    """Judge a run by its warnings.

    Args:
        summary: of the run, with its warnings.
        jumps: of each walker in production so far.
    """
    if not summary.delta_f:
        return RunVerdict(not summary.warnings, _words(summary), ("Name two states or more to get a ΔF.",))
    if summary.warnings:
        return RunVerdict(False, _words(summary), tuple(_mends(summary, jumps)))
    longer = f"`cvflow resume FOLDER --jumps {4 * jumps}` halves the error: it falls with the root of the jumps."
    return RunVerdict(True, _words(summary), (longer,))


def _words(summary: Summary) -> str:
    count = len(summary.warnings)
    if count:
        return f"Not converged, or not to be trusted as it is: {count} warning{'s' if count > 1 else ''}, below."
    return "Converged as far as this run can tell: walkers agree, populations have settled, and nothing is amiss."


def _mends(summary: Summary, jumps: int) -> list[str]:
    found, counts = [], summary.jumps
    missing = [name for name, seen in summary.states.items() if not seen.found]
    if not summary.exact.value:
        found.append("Remove what makes the chain inexact (the first warning says it): no length of run does.")
    if missing:
        found.append(f"Start a walker in {', '.join(missing)}: no walker has been there.")
    if sum(counts.failed.values()) > MANY_FAILED * counts.proposed:
        found.append("Shorten path.timestep: too many paths fail.")
    if summary.mode_changes == 0:
        return [*found, *_without_changes(summary)]
    if summary.adaptation.passed is False:
        found.append("Begin anew with more run.adapt_jumps: the populations had not settled before production.")
    return [*found, f"Run longer: `cvflow resume FOLDER --jumps {2 * jumps}`, and look again.", *_rare(summary)]


def _rare(summary: Summary) -> list[str]:
    """What is to be said of a state that chains are rarely in, where nothing makes them go there."""
    learns = summary.flow.trainings > 0  # a fixed proposal takes no bias
    if not learns or any(seen.bias_kT for seen in summary.states.values()):
        return []
    name, seen = min(summary.states.items(), key=lambda each: each[1].share)
    if not 0 < seen.share < RARE:
        return []
    held = f"{name} holds {100 * seen.share:.2g} %, and few turns go there."
    return [f'Or begin anew with run.state_bias = "flat": {held}']


def _without_changes(summary: Summary) -> list[str]:
    between = summary.jumps.between_states
    if not between.proposed:
        return ["Start one walker in each state: the proposal knows one alone, and no jump into another was proposed."]
    if not between.accepted:
        return ["Make the paths between the states longer (`path.steps`), or let `cvflow scan` find what is cheapest."]
    return ["Run longer: hardly any jump between the states was accepted yet."]
