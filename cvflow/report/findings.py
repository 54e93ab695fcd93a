"""What the numbers of a run say: the two estimates of each free-energy difference side by side, and what to beware of.

All of it reads the summary (`cvflow.estimate.summary`), whose numbers are null where they could not be had.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from cvflow.report.unsettled import unsettled

Summary = Mapping[str, Any]

R_HAT_LIMIT = 1.05
"""Above it the walkers disagree (Vehtari et al. 2021 ask for 1.01 at the end; this is where a warning is due)."""

FEW_MODE_CHANGES = 20
"""Below it the error of ΔF, about 2/√M kT, is itself hardly known."""

FAR_APART = 2.0
"""Combined errors between chain and BAR beyond which they disagree."""

MANY_FAILED = 0.05
"""Fraction of failed jumps above which something is wrong with the paths; the chain stays exact all the same."""


UNVISITED = "Modes that no walker has visited are not sampled"


class Estimate(NamedTuple):
    """A value and its standard error [kT]; NaN where there is none."""

    value: float
    stderr: float

    def text(self, unit: str = "kT", factor: float = 1.0) -> str:
        """Such as "0.80 ± 0.12 kT"; in another unit with its factor."""
        return plus_minus(self.value * factor, self.stderr * factor, unit)


def apart(one: Estimate, other: Estimate) -> float:
    """Distance of two estimates in combined standard errors; NaN if it cannot be had."""
    combined = math.hypot(one.stderr, other.stderr)
    return abs(one.value - other.value) / combined if combined else math.nan


class Comparison(NamedTuple):
    """F(end) - F(start), from the chain's averages and from the works (BAR)."""

    start: str
    end: str
    chain: Estimate
    bar: Estimate

    @property
    def pair(self) -> str:
        """The two states."""
        return f"{self.start} → {self.end}"

    @property
    def distance(self) -> float:
        """Distance of the two estimates in combined standard errors; NaN if it cannot be had."""
        return apart(self.chain, self.bar)

    @property
    def verdict(self) -> str:
        """Whether the two agree, in words."""
        if math.isnan(self.distance):
            return "cannot be compared"
        answer = "yes" if self.distance <= FAR_APART else "no"
        return f"{answer}, {self.distance:.1f} combined errors apart"


def comparisons(summary: Summary) -> list[Comparison]:
    """Both estimates of every difference from the first state."""
    return [
        Comparison(chain["from"], chain["to"], _estimate(chain), _estimate(bar))
        for chain, bar in zip(summary["delta_f"], summary["delta_f_bar"], strict=True)
    ]


def cautions(summary: Summary) -> list[str]:
    """What a reader must know before using the numbers, one plain sentence or two each."""
    found = []
    if not summary["exact"]["value"]:
        found.append(
            f"The chain is not exact: {summary['exact']['reason']}. Its averages carry a bias that no error bar shows."
        )
    for cv, value in summary["rhat"].items():
        if value is None:
            found.append(f"R-hat of {cv} could not be computed: too few turns, or the CV never moved.")
        elif value > R_HAT_LIMIT:
            found.append(
                f"R-hat of {cv} is {value:.3f}, above {R_HAT_LIMIT}: the walkers do not agree with each other yet. "
                "Run longer."
            )
    failed, made = sum(summary["jumps"]["failed"].values()), summary["jumps"]["proposed"]
    if failed > MANY_FAILED * made:
        found.append(f"{failed:,} of {made:,} production jumps failed and were rejected: is the time step too long?")
    if summary["delta_f"]:
        found += [*_few_mode_changes(summary["mode_changes"]), *unsettled(summary)]
    return found + [text for comparison in comparisons(summary) for text in _disagreement(comparison)]


def discovery(summary: Summary) -> str:
    """Which states the walkers started in, which they have found, and what that leaves open; in one sentence or two."""
    visits = summary["states"]
    started = [f"{name} ({_count(seen['started'], 'walker')})" for name, seen in visits.items() if seen["started"]]
    later = [name for name, seen in visits.items() if seen["found"] and not seen["started"]]
    never = [name for name, seen in visits.items() if not seen["found"]]
    parts = [f"started in {', '.join(started) or 'none of the named states'}"]
    parts += [f"found on the way: {', '.join(later)}"] if later else []
    parts += [f"never found: {', '.join(never)}"] if never else []
    return f"{'; '.join(parts)}. {UNVISITED}."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def plus_minus(value: float, stderr: float, unit: str = "") -> str:
    """A value with its standard error, to two digits of the error, and its unit."""
    unit = f" {unit}" if unit else ""
    if not math.isfinite(value):
        return "not available"
    if not math.isfinite(stderr):
        return f"{value:.2f}{unit} (error unknown)"
    digits = min(4, max(0, 1 - math.floor(math.log10(stderr)))) if stderr > 0 else 2
    # Adding zero turns -0.0 into 0.0.
    return f"{round(value, digits) + 0.0:.{digits}f} ± {stderr:.{digits}f}{unit}"


def _few_mode_changes(count: int) -> list[str]:
    if count == 0:
        return [
            "No mode change in production: no walker jumped from one state into another, so the chain's time in each "
            "state says only where the walkers started."
        ]
    if count < FEW_MODE_CHANGES:
        return [
            f"Only {count} mode change{'s' if count > 1 else ''} in production (fewer than {FEW_MODE_CHANGES}): the "
            "chain's free-energy differences rest on few events, and their errors are themselves uncertain. Run longer."
        ]
    return []


def _disagreement(comparison: Comparison) -> list[str]:
    texts = []
    if math.isnan(comparison.chain.value):
        texts.append(f"ΔF {comparison.pair} has no chain estimate: production did not visit both states.")
    if math.isnan(comparison.bar.value):
        texts.append(f"ΔF {comparison.pair} has no BAR estimate: no paths connect the two states in both directions.")
    if comparison.distance > FAR_APART:
        texts.append(
            f"ΔF {comparison.pair}: chain ({comparison.chain.text()}) and BAR ({comparison.bar.text()}) differ "
            f"by {comparison.distance:.1f} combined errors. At least one of them has not converged: trust neither yet."
        )
    return texts


def _estimate(difference: Mapping[str, Any]) -> Estimate:
    """An error of zero is that of a bootstrap with nothing to resample: unknown."""
    value, stderr = difference["value_kT"], difference["stderr_kT"]
    return Estimate(math.nan if value is None else value, stderr or math.nan)
