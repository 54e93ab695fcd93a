"""What the numbers of a run say: each free-energy difference, its two estimates side by side, and what to beware of.

All of it reads the summary (`cvflow.estimate.schema`), whose numbers are None where they are not determined.
"""

import math
from typing import NamedTuple

from cvflow.estimate.schema import FreeEnergyDifference, Summary, number
from cvflow.estimate.unsettled import unsettled

R_HAT_LIMIT = 1.05
"""Above it the walkers disagree (Vehtari et al. 2021 ask for 1.01 at the end; this is where a warning is due)."""

FEW_MODE_CHANGES = 20
"""Below it the error of ΔF, about 2/√M kT, is itself hardly known."""

FAR_APART = 3.0
"""Errors of the difference between chain and BAR beyond which they disagree."""

MANY_FAILED = 0.05
"""Fraction of failed jumps above which something is wrong with the paths; the chain stays exact all the same."""


FEW_PATHS = 10
"""Effective paths below which BAR rests on a few lucky ones, and its error is uncertain (docs/theory.md, section 5)."""

NOT_DETERMINED = "not determined"

UNVISITED = "Modes that no walker has visited are not sampled"


class Estimate(NamedTuple):
    """A value and its standard error [kT]; NaN where there is none."""

    value: float
    stderr: float

    def text(self, unit: str = "kT", factor: float = 1.0) -> str:
        """Such as "0.80 ± 0.12 kT"; in another unit with its factor."""
        return plus_minus(self.value * factor, self.stderr * factor, unit)

    @property
    def errors(self) -> float:
        """Its size in standard errors; NaN if it cannot be had."""
        return abs(self.value) / self.stderr if self.stderr else math.nan


def apart(one: Estimate, other: Estimate) -> float:
    """Distance of two estimates of different runs in combined standard errors; NaN if it cannot be had."""
    return Estimate(one.value - other.value, math.hypot(one.stderr, other.stderr)).errors


class Comparison(NamedTuple):
    """F(end) - F(start), from the chain's averages, from the works (BAR), and from both.

    Attributes:
        start: a state.
        end: another one.
        best: from both.
        chain: from the chain's averages.
        bar: from the works.
        between: chain less BAR, with an error that knows that both come from the same turns.
        effective_paths: how many equal chances BAR rests on.
        reasons: why chain and BAR are not determined, empty where they are.
        alone: why one of them alone is the best estimate; empty where they are joined.
    """

    start: str
    end: str
    best: Estimate
    chain: Estimate
    bar: Estimate
    between: Estimate
    effective_paths: float = math.inf
    reasons: tuple[str, str] = ("", "")
    alone: str = ""

    @property
    def headline(self) -> str:
        """The difference in a line, and what it comes from where that is not both parts."""
        return f"ΔF {self.pair} = {self.best.text()}{self.aside}"

    @property
    def aside(self) -> str:
        """What stands after the best estimate, where there is something to be said of it."""
        return f" ({self.alone})" if self.alone else ""

    @property
    def pair(self) -> str:
        """The two states."""
        return f"{self.start} → {self.end}"

    @property
    def distance(self) -> float:
        """Distance of the two estimates in standard errors of their difference; NaN if it cannot be had."""
        return self.between.errors

    @property
    def verdict(self) -> str:
        """Whether the two agree, in words."""
        if math.isnan(self.distance):
            return "cannot be compared"
        answer = "yes" if self.distance <= FAR_APART else "no"
        return f"{answer}, {self.distance:.1f} errors of their difference apart"


def comparisons(summary: Summary) -> list[Comparison]:
    """All estimates of every difference from the first state."""
    rows = zip(summary.delta_f, summary.delta_f_chain, summary.delta_f_bar, summary.chain_less_bar, strict=True)
    return [
        Comparison(
            best.start,
            best.end,
            _estimate(best),
            _estimate(chain),
            _estimate(bar),
            _estimate(between),
            bar.effective_paths,
            (chain.reason or "", bar.reason or ""),
            best.alone or "",
        )
        for best, chain, bar, between in rows
    ]


def cautions(summary: Summary) -> list[str]:
    """What a reader must know before using the numbers, one plain sentence or two each."""
    found = []
    if not summary.exact.value:
        found.append(
            f"The chain is not exact: {summary.exact.reason}. Its averages carry a bias that no error bar shows."
        )
    found += [text for cv, value in summary.rhat.items() for text in _disagreeing_walkers(cv, number(value))]
    failed, made = sum(summary.jumps.failed.values()), summary.jumps.proposed
    if failed > MANY_FAILED * made:
        found.append(f"{failed:,} of {made:,} production jumps failed and were rejected: is the time step too long?")
    if summary.delta_f:
        found += [*_few_mode_changes(summary.mode_changes), *unsettled(summary)]
    return found + [text for comparison in comparisons(summary) for text in _disagreement(comparison)]


def discovery(summary: Summary) -> str:
    """Which states the walkers started in, which they have found, and what that leaves open; in one sentence or two."""
    visits = summary.states
    started = [f"{name} ({_count(seen.started, 'walker')})" for name, seen in visits.items() if seen.started]
    later = [name for name, seen in visits.items() if seen.found and not seen.started]
    never = [name for name, seen in visits.items() if not seen.found]
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
        return NOT_DETERMINED
    if not math.isfinite(stderr):
        return f"{value:.2f}{unit} (error not determined)"
    digits = min(4, max(0, 1 - math.floor(math.log10(stderr)))) if stderr > 0 else 2
    # Adding zero turns -0.0 into 0.0.
    return f"{round(value, digits) + 0.0:.{digits}f} ± {stderr:.{digits}f}{unit}"


def _disagreeing_walkers(cv: str, r_hat: float) -> list[str]:
    if math.isnan(r_hat):
        return [f"R-hat of {cv} could not be computed: too few turns, or the CV never moved."]
    if math.isinf(r_hat):
        return [f"R-hat of {cv} is infinite: no walker ever moved, and they are in different places."]
    if r_hat > R_HAT_LIMIT:
        return [
            f"R-hat of {cv} is {r_hat:.3f}, above {R_HAT_LIMIT}: the walkers do not agree with each other yet. "
            "Run longer."
        ]
    return []


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
    of_chain, of_bar = comparison.reasons
    texts = []
    if of_chain:
        texts.append(f"ΔF {comparison.pair} is not determined by the chains: {of_chain}.")
    elif math.isnan(comparison.chain.stderr):
        texts.append(f"The error of ΔF {comparison.pair} is not determined by the chains: too few independent visits.")
    if of_bar:
        texts.append(f"ΔF {comparison.pair} is not determined by BAR: {of_bar}.")
    elif comparison.effective_paths < FEW_PATHS:
        texts.append(
            f"ΔF {comparison.pair} by BAR rests on {comparison.effective_paths:.1f} effective paths (fewer than "
            f"{FEW_PATHS}) in one of the directions: its error is itself uncertain."
        )
    if comparison.distance > FAR_APART:
        texts.append(
            f"ΔF {comparison.pair}: chain ({comparison.chain.text()}) and BAR ({comparison.bar.text()}) differ "
            f"by {comparison.distance:.1f} errors of their difference. At least one of them has not converged: trust "
            "neither yet, nor what is made of both."
        )
    return texts


def _estimate(difference: FreeEnergyDifference) -> Estimate:
    return Estimate(number(difference.value_kT), number(difference.stderr_kT))
