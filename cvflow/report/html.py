"""`report.html`: one file with everything in it, no network, no scripts."""

import math
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from cvflow.core.frames import Outcome
from cvflow.estimate.findings import Estimate, comparisons, discovery
from cvflow.estimate.schema import Summary
from cvflow.report.beside import NOTE, Shown, lines, names
from cvflow.report.stylesheet import CSS
from cvflow.report.tables import duration, summary_rows
from cvflow.store import Record

START_EVERYWHERE = (
    "The flow proposes only what it has learned from the walkers, so start one walker in every metastable state you "
    "know of."
)


class Strong(str):
    """The text of a cell in bold."""


class Illustration(NamedTuple):
    """A figure as it is written: file name, caption for the page, PNG."""

    file: str
    caption: str
    image: bytes


def html_report(
    record: Record, summary: Summary, illustrations: Sequence[Illustration], runs: Sequence[Shown] = ()
) -> str:
    """The whole page; `runs` are this one and those beside it, if there are any."""
    header = record.header
    title = f"cvflow: {header.system}"
    run = (
        f"engine {header.engine} · walkers {header.walkers} · worker processes {header.workers} · "
        f"CVs {', '.join(header.cvs)} · seed {header.seed} · kT {header.kT:.6g} kJ/mol · cvflow {header.version}"
    )
    sections = [
        f'<header><h1>{escape(title)}</h1><p class="about">{escape(run)}</p></header>',
        _result(summary),
        _cautions(summary),
        *([_beside(runs)] if len(runs) > 1 else []),
        *(_figure(illustration) for illustration in illustrations),
        _section("The run in numbers", _table(summary_rows(summary, header))),
        _section("The states", _states(record, summary)),
        _section("The flow", _flows(record)),
        _section("Failures", _failures(record.turns)),
        _section("Time", _times(record, summary)),
        _section("What was changed or chosen", _list(header.notes) or "<p>Nothing.</p>"),
        _section("Settings", _folded("The resolved config", header.config)),
    ]
    body = "\n".join(sections)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
        f"<style>{CSS}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _result(summary: Summary) -> str:
    """The key result, first: ΔF by both estimators, in both units, and whether they agree."""
    rows = []
    for found in comparisons(summary):
        both = (found.chain, found.bar)
        in_kT = [_key(estimate) for estimate in both]
        in_kjmol = [estimate.text("", summary.kT) for estimate in both]
        rows.append((found.pair, *in_kT, *in_kjmol, found.verdict))
    head = ("ΔF", "chain [kT]", "BAR [kT]", "chain [kJ/mol]", "BAR [kJ/mol]", "do they agree?")
    table = _table(rows, head) if rows else "<p>Fewer than two named states: there is no difference to report.</p>"
    exact = summary.exact
    answer = f"<strong>{'Exact' if exact.value else 'Not exact'}</strong>: {escape(exact.reason)}."
    how = (
        "Chain: from the time the walkers spend in each state. BAR: from the works of all paths between the states, "
        "accepted or not. Both come from the production turns of the same run. In reduced units, read kJ/mol as the "
        "unit of energy."
    )
    return _section("Free-energy differences", f"{table}<p>{answer}</p><p class='note'>{how}</p>", "result")


def _key(estimate: Estimate) -> str:
    """A figure that stands out, if it is one: no number without its error does."""
    text = estimate.text("")
    return Strong(text) if math.isfinite(estimate.errors) else text


def _cautions(summary: Summary) -> str:
    found = summary.warnings
    note = f"<p class='note'>Walkers {escape(discovery(summary))} {START_EVERYWHERE}</p>"
    return _section("Warnings", f"{_list(found) or '<p>None.</p>'}{note}", "warning" if found else "")


def _beside(runs: Sequence[Shown]) -> str:
    table = _table(lines(runs), ("", *names(runs)))
    return _section("Beside other runs", f"{table}<p class='note'>{escape(NOTE)}</p>", "beside")


def _states(record: Record, summary: Summary) -> str:
    rows = [
        (name, record.header.states[name], str(seen.started), str(seen.found), f"{100 * seen.share:.3g} %")
        for name, seen in summary.states.items()
    ]
    head = ("state", "definition", "walkers that started in it", "walkers that have been in it", "part of production")
    return _table(rows, head)


def _flows(record: Record) -> str:
    rows = [
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
    span = "span [√(kJ/mol)]" if record.header.kappa else "span"
    note = (
        "Production draws from the last version, frozen. −⟨ln q⟩ is per sample, [nats]; held-out samples are blocks of "
        "the walkers' histories that the flow did not learn from: training keeps the epoch that does best on them, and "
        "stops when later ones do worse. The effective number is that of independent samples, from the autocorrelation "
        "of the CV that knows least. The span is the distance between the states' mean CVs that takes a path of the "
        "length given in the config."
    )
    head = ("version", "samples", "effective", "epoch kept", "−⟨ln q⟩ learned", "−⟨ln q⟩ held out", span, "training")
    return f"{_table(rows, head)}<p class='note'>{note}</p>"


def _finite(value: float, form: str) -> str:
    return format(value, form) if np.isfinite(value) else "–"


def _failures(turns: np.ndarray) -> str:
    """By reason; a failed path is rejected, never retried."""
    made = turns["production"]
    rows = []
    for outcome in Outcome:
        jumps, local = turns["outcome"] == outcome, turns["local_outcome"] == outcome
        if outcome is not Outcome.COMPLETED and (jumps | local).any():
            counts = ((jumps & ~made).sum(), (jumps & made).sum(), local.sum())
            rows.append((outcome.words, *(f"{count:,}" for count in counts)))
    if not rows:
        return "<p>None: every path and every local move reached its end.</p>"
    return _table(rows, ("reason", "jumps while adapting", "jumps in production", "local moves")) + (
        "<p class='note'>A path that fails is rejected and counted, never retried.</p>"
    )


def _times(record: Record, summary: Summary) -> str:
    wall, steps = summary.wall_s, summary.steps
    rate = summary.path_steps_per_s
    speed = f", {rate:,.0f} path steps a second" if rate else ""
    rows = [
        ("wall time", duration(wall.total)),
        ("paths", f"{duration(wall.path)} a worker, {steps.path:,} steps{speed}"),
        ("local moves", f"{duration(wall.local)} a worker, {steps.local:,} steps"),
        ("training, beside them", duration(wall.training)),
        ("turns", f"{len(record.turns):,}, of which {int(record.turns['production'].sum()):,} in production"),
    ]
    return _table(rows)


def _figure(illustration: Illustration) -> str:
    text, data = escape(illustration.caption), b64encode(illustration.image).decode()
    return f'<figure><img alt="{text}" src="data:image/png;base64,{data}"><figcaption>{text}</figcaption></figure>'


def _section(title: str, body: str, kind: str = "") -> str:
    return f'<section class="{kind}"><h2>{escape(title)}</h2>{body}</section>'


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{escape(title)}</summary><pre>{escape(text)}</pre></details>"


def _list(items: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>" if items else ""


def _table(rows: Sequence[Sequence[str]], head: Sequence[str] = ()) -> str:
    """A table; without a head, the first cell of a row is its name."""
    first = "td" if head else "th"
    heading = f"<thead><tr>{''.join(f'<th>{escape(cell)}</th>' for cell in head)}</tr></thead>" if head else ""
    lines = [f"<tr><{first}>{escape(row[0])}</{first}>{''.join(map(_cell, row[1:]))}</tr>" for row in rows]
    return f'<div class="table"><table>{heading}<tbody>{"".join(lines)}</tbody></table></div>'


def _cell(text: str) -> str:
    return f"<td><strong>{escape(text)}</strong></td>" if isinstance(text, Strong) else f"<td>{escape(text)}</td>"
