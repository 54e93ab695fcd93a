"""`report.html`: one file with everything in it, no network, no scripts; its words and its look are in templates/."""

import math
from base64 import b64encode
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cvflow.core.frames import Outcome
from cvflow.estimate.cautions import Estimate, comparisons, discovery
from cvflow.estimate.schema import Summary
from cvflow.report.beside import NOTE, Shown, lines, names
from cvflow.report.tables import TableRows, duration, summary_rows
from cvflow.store import Record


class Illustration(NamedTuple):
    """A figure as it is written: file name, caption for the page, PNG."""

    file: str
    caption: str
    image: bytes


def html_report(
    record: Record, summary: Summary, illustrations: Sequence[Illustration], runs: Sequence[Shown] = ()
) -> str:
    """The whole page; `runs` are this one and those beside it, if there are any."""
    return _templates().get_template("report.html").render(
        header=record.header,
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
    return found


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
