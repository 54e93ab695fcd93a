"""`report.html`: one file with everything in it, no network, no scripts; its words and its look are in templates/."""

import math
from base64 import b64encode
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from cvflow.core.frames import Outcome
from cvflow.estimate.cautions import Estimate, comparisons, discovery, plus_minus
from cvflow.estimate.comparison import Compared
from cvflow.estimate.convergence import production
from cvflow.estimate.passages import passages, spent
from cvflow.estimate.schema import Summary
from cvflow.estimate.verdict import verdict
from cvflow.report.beside import NOTE, Shown, lines, names
from cvflow.report.citation import CITATIONS
from cvflow.report.tables import TableRows, duration, summary_rows
from cvflow.store import Header, Record


class Illustration(NamedTuple):
    """A figure as it is written.

    Attributes:
        file: name of the picture.
        caption: for the page.
        image: PNG.
        alt: what is in the picture, for those who do not see it.
        beside: files that go with it: its data, and itself in other formats.
    """

    file: str
    caption: str
    image: bytes
    alt: str = ""
    beside: Mapping[str, bytes] = MappingProxyType({})


class LiveParts(NamedTuple):
    """What a page has more, while its run goes on.

    Attributes:
        standing: where the run stands, line by line.
        every: seconds after which the page looks again.
    """

    standing: Sequence[str]
    every: float


def waiting_page(title: str, live: LiveParts) -> str:
    """A page of a run that has nothing to report yet."""
    return _templates().get_template("waiting.html").render(title=title, live=live)


def html_report(
    record: Record,
    summary: Summary,
    illustrations: Sequence[Illustration],
    runs: Sequence[Shown] = (),
    pairs: Sequence[Compared] = (),
    live: LiveParts | None = None,
) -> str:
    """The whole page.

    Args:
        record: the run.
        summary: of it.
        illustrations: its figures.
        runs: this one and those beside it, if there are any.
        pairs: estimates of all pairs of its states.
        live: where it stands, for a page that looks again by itself.
    """
    return _templates().get_template("report.html").render(
        live=live,
        header=record.header,
        title=_title(record.header),
        headlines=[found.headline for found in comparisons(summary)],
        verdict=verdict(summary, production(record).shape[1]),
        pairs=_pairs(pairs),
        passages=_passages(record),
        spent=_spent(record, summary),
        versions=sorted(record.header.versions.items()),
        citations=CITATIONS,
        summary=summary,
        discovery=discovery(summary),
        differences=_differences(summary),
        beside_head=("", *names(runs)),
        beside=lines(runs) if len(runs) > 1 else [],
        beside_note=NOTE,
        illustrations=illustrations,
        numbers=summary_rows(summary, record.header),
        states=_states(record, summary),
        flows=_flows(record),
        failures=_failures(record.turns),
        times=_times(record, summary),
    )


def _templates() -> Environment:
    """All that is put into them is text, and escaped; a name that is not there is an error."""
    found = Environment(
        loader=PackageLoader("cvflow.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["base64"] = lambda data: b64encode(data).decode()
    found.filters["code"] = _code
    return found


def _code(words: str) -> Markup:
    """Text with what stands between backticks set as code."""
    parts = [Markup("<code>{}</code>").format(part) if place % 2 else escape(part)
             for place, part in enumerate(words.split("`"))]  # fmt: skip
    return Markup("").join(parts)


def _differences(summary: Summary) -> TableRows:
    """ΔF in both units, by chain and BAR, and whether they agree."""
    rows: TableRows = []
    for found in comparisons(summary):
        in_kjmol = found.best.text("", summary.kT)
        parts = (found.chain.text(""), found.bar.text(""))
        rows.append((found.pair, _key(found.best), in_kjmol, *parts, found.alone or found.verdict))
    return rows


def _key(estimate: Estimate) -> str:
    """A figure that stands out, if it is one: no number without its error does."""
    text = estimate.text("")
    return Markup("<strong>{}</strong>").format(text) if math.isfinite(estimate.errors) else text


def _title(header: Header) -> str:
    """The system's name; where that is only its engine's, the states and the CVs that tell them apart."""
    if header.system != header.engine:
        return header.system
    return f"{', '.join(header.states) or 'one state'} by {', '.join(header.cvs)}"


def _pairs(pairs: Sequence[Compared]) -> TableRows:
    """Every difference, where there are more than the first state's."""
    if len(pairs) < 2:
        return []
    return [
        (
            f"{found.chain.start} → {found.chain.end}",
            *(plus_minus(part.value, part.stderr) for part in (found.best.found, found.chain, found.bar)),
            f"{found.effective_paths:.3g}",
        )
        for found in pairs
    ]


def _passages(record: Record) -> TableRows:
    """From each state into each other: proposals, how many got there, and how probable a turn is to go there."""
    found, names = passages(record), list(record.header.states)
    return [
        (
            f"{one} → {other}",
            f"{found.proposed[a, b]:,}",
            f"{found.accepted[a, b]:,}",
            f"{found.accepted[a, b] / found.proposed[a, b]:.3g}" if found.proposed[a, b] else "–",
            f"{found.moved[a, b]:,}",
            _finite(float(found.probability[a, b]), ".3g"),
        )
        for a, one in enumerate(names)
        for b, other in enumerate(names)
    ]


def _spent(record: Record, summary: Summary) -> TableRows:
    """Where the force evaluations went, as a part of all that are known."""
    steps = summary.steps
    of_run = [
        ("equilibration, and making starts", "", steps.equilibration),
        *([("exploration", "", steps.exploration)] if summary.explored else []),
        ("pilot jumps that settings were found by", "", steps.pilots),
        ("adaptation", "", steps.adaptation),
        ("local moves of production", f"{int(record.turns['production'].sum()):,}", steps.local),
        *((f"paths of production: {one.fate}", f"{one.paths:,}", one.steps) for one in spent(record)),
    ]
    total = sum(count for _, _, count in of_run if count is not None)
    rows = [
        (what, moves, "not known" if count is None else f"{count:,}", f"{100 * (count or 0) / max(total, 1):.1f} %")
        for what, moves, count in of_run
    ]
    return [*rows, ("all", "", f"{total:,}", "100 %")]


def _states(record: Record, summary: Summary) -> TableRows:
    return [
        (name, record.header.states[name], str(seen.started), str(seen.found), f"{100 * seen.share:.3g} %")
        for name, seen in summary.states.items()
    ]


def _flows(record: Record) -> TableRows:
    return [
        (
            str(flow.version),
            f"{flow.samples:,}",
            _finite(flow.effective_samples, ",.0f"),
            f"{flow.kept_epoch} of {flow.epochs}" if flow.epochs else "–",
            _finite(flow.training_nll, ".3f"),
            _finite(flow.holdout_nll, ".3f"),
            f"{flow.span:.4g}",
            duration(flow.seconds),
        )
        for flow in record.flows
    ]


def _finite(value: float, form: str) -> str:
    return format(value, form) if np.isfinite(value) else "–"


def _failures(turns: np.ndarray) -> TableRows:
    """By reason; a failed path is rejected, never retried."""
    made = turns["production"]
    rows = []
    for outcome in Outcome:
        jumps, local = turns["outcome"] == outcome, turns["local_outcome"] == outcome
        if outcome is not Outcome.COMPLETED and (jumps | local).any():
            counts = ((jumps & ~made).sum(), (jumps & made).sum(), local.sum())
            rows.append((outcome.words, *(f"{count:,}" for count in counts)))
    return rows


def _times(record: Record, summary: Summary) -> TableRows:
    wall, turns = summary.wall_s, record.turns
    path, local = int(turns["steps"].sum()), int(turns["local_steps"].sum())
    rate = summary.path_steps_per_s
    speed = f", {rate:,.0f} path steps a second" if rate else ""
    return [
        ("wall time", duration(wall.total)),
        ("paths", f"{duration(wall.path)} a worker, {path:,} steps{speed}"),
        ("local moves", f"{duration(wall.local)} a worker, {local:,} steps"),
        ("training, beside them", duration(wall.training)),
        ("turns", f"{len(turns):,}, of which {int(turns['production'].sum()):,} in production"),
    ]
