"""What to beware of where the populations of the states had not settled when production began, or while it went on."""

import math

from cvflow.estimate.schema import Adaptation, Populations, Summary, number

POPULATIONS_DISAGREE = 1.1
"""R-hat of being in a state from which a warning is due (Gelman and Rubin 1992)."""

BEGUN_LIMIT = 0.5
"""Bias from the start of production, in standard errors, from which a warning is due."""


def unsettled(summary: Summary) -> list[str]:
    """One plain sentence or two for each way in which production is not one of settled populations."""
    made, found = summary.adaptation, summary.populations
    warnings = _adaptation(made, found)
    if summary.mode_changes or summary.local_crossings:
        warnings += [*_begun(found), *_drift(found), *_left(found), *_disagreement(found)]
    return warnings


def settled(found: Populations) -> bool:
    """Whether nothing shows that averages over production are not those of equilibrium.

    Few passages between the states prove nothing, but are no sign of a bias either: their error is as large.
    """
    return not (number(found.drift) > 1.0 or number(found.begun) > BEGUN_LIMIT)


def relaxing(found: Populations) -> str:
    """How fast the slowest population forgets its start, in words."""
    jumps = found.relaxation_jumps
    return "were never seen to relax" if jumps is None else f"relax in about {max(1, round(jumps)):,} jumps"


def _adaptation(made: Adaptation, found: Populations) -> list[str]:
    if made.passed is not False:
        return []
    return [
        f"Production began before the populations of the states had settled: adaptation ended at its limit of "
        f"{made.made:,} jumps, and they {relaxing(found)}. ΔF by the chains may be off by many of its own "
        "errors: raise run.adapt_jumps, or find a proposal or a path that is accepted more often."
    ]


def _begun(found: Populations) -> list[str]:
    errors = number(found.begun)
    if not errors > BEGUN_LIMIT:
        return []
    return [
        f"Production began away from equilibrium, and that shifts a state's population by {errors:.1f} of its "
        f"errors: they {relaxing(found)}. Give run.adapt_jumps some times as many."
    ]


def _drift(found: Populations) -> list[str]:
    if not number(found.drift) > 1.0:
        return []
    return [
        "The populations of the states drift in production: its two halves differ by more than chance allows. Run "
        "longer, with more run.adapt_jumps."
    ]


def _left(found: Populations) -> list[str]:
    if found.passed is not False or number(found.drift) > 1.0:
        return []
    return [
        f"Production is too short to forget where it began: the populations of the states {relaxing(found)}. Its "
        "error bars cannot be trusted. Run longer."
    ]


def _disagreement(found: Populations) -> list[str]:
    r_hat = number(found.rhat)
    if not r_hat > POPULATIONS_DISAGREE:
        return []
    text = f"{r_hat:.2f}" if math.isfinite(r_hat) else "infinite"
    return [
        f"R-hat of being in a state is {text}, above {POPULATIONS_DISAGREE}: the walkers do not agree on "
        "the populations yet. Run longer."
    ]
