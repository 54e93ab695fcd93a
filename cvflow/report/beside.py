"""Several runs of one system side by side: what each kernel, path length and CV costs, and whether they agree."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from cvflow.estimate.cautions import Comparison, Estimate, apart, comparisons
from cvflow.estimate.schema import Summary, number
from cvflow.estimate.summary import summarise
from cvflow.report.tables import TableRows, acceptance_rate
from cvflow.store import Header, Record

KERNEL_WORDS = {
    "none": "K0",
    "euler": "K1",
    "mala": "K2",
    "mala-coin": "K2",
    "langevin": "K3",
    "constrained": "K4",
    "restraint": "K5",
}
"""What the documentation calls them."""

NOTE = (
    "All figures are those of production. The error of the steps per mode change is that of a count, one over the root "
    "of the mode changes. Local steps come on top: as many as said after each jump."
)


class Shown(NamedTuple):
    """A run as it stands beside others."""

    folder: Path
    header: Header
    summary: Summary

    @property
    def settings(self) -> Mapping[str, Mapping[str, object]]:
        """The resolved config."""
        return tomllib.loads(self.header.config)

    @property
    def differences(self) -> list[Comparison]:
        """ΔF of each state from the first."""
        return comparisons(self.summary)


def shown(folder: Path, record: Record, beside: Header) -> Shown:
    """A run that is to stand beside another.

    Raises:
        ValueError: the two are runs of different systems or have different states, so that their free energies are
            different quantities; or a walker has no production turn yet.
    """
    unlike = _unlike(record.header, beside)
    if unlike:
        raise ValueError(f"{folder} cannot stand beside this run: {unlike}")
    try:
        return Shown(folder, record.header, summarise(record))
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from error


def names(runs: Sequence[Shown]) -> list[str]:
    """What the runs are called: their folders' own names, or with the way there if two have the same."""
    short = [run.folder.resolve().name for run in runs]
    return short if len(set(short)) == len(short) else [str(run.folder) for run in runs]


def lines(runs: Sequence[Shown]) -> TableRows:
    """Every quantity that is compared, with a cell for each run; the first run is the one the others stand beside."""
    first = names(runs)[0]
    table = [
        ("CVs", *(_cvs(run.header) for run in runs)),
        ("kernel", *(_kernel(run.header) for run in runs)),
        ("path steps", *(_path_steps(run) for run in runs)),
        ("local steps", *(f"{run.header.local_steps:,}" for run in runs)),
        ("jumps", *(f"{run.summary.jumps.proposed:,}" for run in runs)),
        ("acceptance", *(acceptance_rate(run.summary.jumps) for run in runs)),
        ("acceptance between states", *(acceptance_rate(run.summary.jumps.between_states) for run in runs)),
        ("mode changes", *(f"{run.summary.mode_changes:,}" for run in runs)),
        ("path steps per mode change", *(_price(run.summary) for run in runs)),
    ]
    for index, difference in enumerate(runs[0].differences):
        of_pair = [run.differences[index] for run in runs]
        table += _estimates(difference.pair, "best", [found.best for found in of_pair], first)
        table += _estimates(difference.pair, "chain", [found.chain for found in of_pair], first)
        table += _estimates(difference.pair, "BAR", [found.bar for found in of_pair], first)
    return [
        *table,
        ("largest R-hat", *(_largest_r_hat(run.summary) for run in runs)),
        ("exact", *("yes" if run.summary.exact.value else "NO" for run in runs)),
    ]


def beside_table(runs: Sequence[Shown]) -> Table:
    """What the terminal shows."""
    # Text throughout, so that a folder called "[red]" is not taken for markup.
    table = Table(title=Text("Side by side"), caption=Text(NOTE), box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("", *names(runs)):
        table.add_column(Text(name), overflow="fold")
    for name, *cells in lines(runs):
        table.add_row(Text(name, style="bold"), *map(Text, cells))
    return table


def _unlike(header: Header, other: Header) -> str:
    """What makes two runs' free energies different quantities, in words; nothing if they are the same."""
    pairs = [
        ("system", header.system, other.system),
        ("states", _states(header), _states(other)),
        ("kT", f"{header.kT:.6g}", f"{other.kT:.6g}"),
        ("system.parameters", _parameters(header), _parameters(other)),
    ]
    return "; ".join(
        f"its {name} {'are' if name[-1] == 's' else 'is'} {mine}, not {theirs}"
        for name, mine, theirs in pairs
        if mine != theirs
    )


def _states(header: Header) -> str:
    return ", ".join(f"{name} = {text!r}" for name, text in header.states.items())


def _parameters(header: Header) -> str:
    given = tomllib.loads(header.config).get("system", {}).get("parameters", {})
    return ", ".join(f"{name} = {given[name]}" for name in sorted(given)) or "the system's own"


def _cvs(header: Header) -> str:
    few = len(header.cvs) <= 3
    return ", ".join(header.cvs) if few else f"{', '.join(header.cvs[:2])}, … ({len(header.cvs)})"


def _kernel(header: Header) -> str:
    return f"{header.kernel} ({KERNEL_WORDS[header.kernel]})" if header.kernel in KERNEL_WORDS else header.kernel


def _path_steps(run: Shown) -> str:
    """As configured; those of a single path follow the distance it goes, and it may be given up."""
    steps = run.settings.get("path", {}).get("steps")
    return f"{steps:,}" if isinstance(steps, int) else "not known"


def _price(summary: Summary) -> str:
    price = summary.steps_per_mode_change
    if price is None:
        return "no mode change"
    return f"{price:,.0f} ± {price / math.sqrt(summary.mode_changes):,.0f}"


def _estimates(pair: str, estimator: str, found: Sequence[Estimate], first: str) -> TableRows:
    """A ΔF of all runs, and how far each is from that of the first."""
    distances = [apart(found[0], estimate) for estimate in found[1:]]
    words = (f"{distance:.1f} combined errors" if math.isfinite(distance) else "–" for distance in distances)
    return [
        (f"ΔF {pair}, {estimator}", *(estimate.text() for estimate in found)),
        (f"{estimator}, apart from {first}", "–", *words),
    ]


def _largest_r_hat(summary: Summary) -> str:
    known = {cv: found for cv, value in summary.rhat.items() if not math.isnan(found := number(value))}
    if not known:
        return "not available"
    worst = max(known, key=lambda cv: known[cv])
    return f"{known[worst]:.3f} ({worst})" if math.isfinite(known[worst]) else f"infinite ({worst})"
