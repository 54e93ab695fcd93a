"""What to beware of where the populations of the states had not settled when production began, or while it went on."""

import math
from collections.abc import Mapping
from typing import Any

Found = Mapping[str, Any]

POPULATIONS_DISAGREE = 1.1
"""R-hat of being in a state from which a warning is due (Gelman and Rubin 1992)."""

BEGUN_LIMIT = 0.5
"""Bias from the start of production, in standard errors, from which a warning is due."""


def unsettled(summary: Found) -> list[str]:
    """One plain sentence or two for each way in which production is not one of settled populations."""
    made, found = summary["adaptation"], summary["populations"]
    warnings = _adaptation(made, found)
    if summary["mode_changes"] or summary["local_crossings"]:
        warnings += [*_begun(found), *_drift(found), *_left(found), *_disagreement(found)]
    return warnings


def relaxing(found: Found) -> str:
    """How fast the slowest population forgets its start, in words."""
    jumps = found["relaxation_jumps"]
    return "were never seen to relax" if jumps is None else f"relax in about {max(1, round(jumps)):,} jumps"


def _adaptation(made: Found, found: Found) -> list[str]:
    if made["passed"] is not False:
        return []
    return [
        f"Production began before the populations of the states had settled: adaptation ended at its limit of "
        f"{made['made']:,} jumps, and they {relaxing(found)}. ΔF may be off by many of its own errors: raise "
        "run.adapt_jumps, or find a proposal or a path that is accepted more often."
    ]


def _begun(found: Found) -> list[str]:
    if not _above(found["begun"], BEGUN_LIMIT):
        return []
    return [
        f"Production began away from equilibrium, and that shifts a state's population by {found['begun']:.1f} of its "
        f"errors: they {relaxing(found)}. Give run.adapt_jumps some times as many."
    ]


def _drift(found: Found) -> list[str]:
    if not _above(found["drift"], 1.0):
        return []
    return [
        "The populations of the states drift in production: its two halves differ by more than chance allows. Run "
        "longer, with more run.adapt_jumps."
    ]


def _left(found: Found) -> list[str]:
    if found["passed"] is not False or _above(found["drift"], 1.0):
        return []
    return [
        f"Production is too short to forget where it began: the populations of the states {relaxing(found)}. Its "
        "error bars cannot be trusted. Run longer."
    ]


def _disagreement(found: Found) -> list[str]:
    if not _above(found["rhat"], POPULATIONS_DISAGREE):
        return []
    value = float(found["rhat"])
    text = f"{value:.2f}" if math.isfinite(value) else "infinite"
    return [
        f"R-hat of being in a state is {text}, above {POPULATIONS_DISAGREE}: the walkers do not agree on "
        "the populations yet. Run longer."
    ]


def _above(value: float | str | None, limit: float) -> bool:
    return value is not None and float(value) > limit
