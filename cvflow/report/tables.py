"""The run's main figures as rows of text, for the terminal and for `report.html`."""

import math

from rich.table import Table
from rich.text import Text

from cvflow.estimate.cautions import comparisons, discovery, plus_minus
from cvflow.estimate.schema import Exploration, JumpCounts, Steps, Summary, number
from cvflow.estimate.unsettled import relaxing
from cvflow.store import Header

TableRows = list[tuple[str, ...]]
"""Of a table: the cells of each row, of which the first says what it is about."""


def final_table(summary: Summary, header: Header) -> Table:
    """What a run prints when it is done."""
    title = f"cvflow {header.version}: {header.system}, seed {header.seed}"
    # Text throughout, so that a state called "[red]" is not taken for markup.
    table = Table(title=Text(title), show_header=False)
    table.add_column(style="bold")
    table.add_column()
    warnings = [("WARNING", caution) for caution in summary.warnings]
    for name, value in [*_free_energies(summary), *warnings, *_other_rows(summary, header)]:
        table.add_row(Text(name), Text(value))
    return table


def summary_rows(summary: Summary, header: Header) -> TableRows:
    """Name and value of every main figure, the free energies first."""
    return [*_free_energies(summary), *_other_rows(summary, header)]


def _other_rows(summary: Summary, header: Header) -> TableRows:
    return [
        ("states", discovery(summary)),
        *_bias(summary),
        *_settling(summary),
        *_jumps(summary, header),
        *_convergence(summary),
        *_effort(summary),
    ]


def duration(seconds: float) -> str:
    """Seconds in words, such as "5 min 12 s"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def acceptance(counts: JumpCounts) -> str:
    """Accepted of proposed jumps, with the error of their ratio."""
    beside = f"  ({counts.accepted:,} of {counts.proposed:,})" if counts.proposed else ""
    return acceptance_rate(counts) + beside


def acceptance_rate(counts: JumpCounts) -> str:
    """The same without the counts."""
    proposed, accepted = counts.proposed, counts.accepted
    if not proposed:
        return "none proposed"
    if accepted in (0, proposed):
        return f"{accepted / proposed:.0f}"
    return plus_minus(number(counts.acceptance), number(counts.acceptance_stderr))


def _bias(summary: Summary) -> TableRows:
    energies = [f"{seen.bias_kT:+.2f} kT in {name}" for name, seen in summary.states.items()]
    if not any(seen.bias_kT for seen in summary.states.values()):
        return []
    return [("bias of the states", f"{', '.join(energies)}: what is averaged over several states needs the weights")]


def _free_energies(summary: Summary) -> TableRows:
    kT = summary.kT
    rows: TableRows = []
    for found in comparisons(summary):
        molecular = summary.engine != "batch"  # a model's energies are in whatever unit its potential has
        in_kjmol = f" = {found.best.text('kJ/mol', kT)}" if molecular and math.isfinite(found.best.value) else ""
        rows.append((f"ΔF {found.pair}", found.best.text() + in_kjmol + found.aside))
        rows.append(("by chain, by BAR", f"{found.chain.text()}, {found.bar.text()}"))
        rows.append(("chain and BAR agree", found.verdict))
    return rows


def _jumps(summary: Summary, header: Header) -> TableRows:
    jumps, per_change = summary.jumps, summary.steps_per_mode_change
    failed = ", ".join(f"{count:,} {reason}" for reason, count in jumps.failed.items())
    beside = f"{header.local_steps:,} local steps a turn, {summary.steps.local:,} in production"
    return [
        ("acceptance in production", acceptance(jumps)),
        ("acceptance between states", acceptance(jumps.between_states)),
        ("failed jumps in production", failed or "none"),
        ("mode changes by jumps", f"{summary.mode_changes:,}"),
        ("crossings by local moves", f"{summary.local_crossings:,}"),
        (
            "steps per mode change",
            f"{f'{per_change:,.0f} path steps' if per_change else 'no mode change yet'}; beside them {beside}",
        ),
    ]


def _settling(summary: Summary) -> TableRows:
    made, found = summary.adaptation, summary.populations
    longer = f", {made.asked:,} asked for" if made.made > made.asked else ""
    verdict = {None: "", True: "; populations had settled", False: "; populations had NOT settled"}[made.passed]
    rows: TableRows = [("adaptation", f"{made.made:,} jumps a walker{longer}{verdict}")]
    return rows if found.passed is None else [*rows, ("populations of the states", relaxing(found))]


def _convergence(summary: Summary) -> TableRows:
    rows: TableRows = []
    for cv, value in summary.rhat.items():
        size = summary.ess[cv]
        rows.append((f"R-hat of {cv}", _text(value, ".3f")))
        rows.append((f"effective samples of {cv}", f"bulk {_text(size.bulk)}, tail {_text(size.tail)}"))
    return rows


def _effort(summary: Summary) -> TableRows:
    flow, wall, exact = summary.flow, summary.wall_s, summary.exact
    trained = (
        f"{flow.trainings} trainings, held-out -⟨ln q⟩ {_text(flow.holdout_nll, '.3f')} nats, from "
        f"{flow.samples:,} samples worth {_text(flow.effective_samples)} independent ones"
    )
    effort = (("path", wall.path), ("local", wall.local), ("training", wall.training))
    parts = ", ".join(f"{name} {duration(seconds)}" for name, seconds in effort)
    return [
        ("flow", f"version {flow.version}, {trained if flow.trainings else 'fixed, never trained'}"),
        ("force evaluations", _evaluations(summary.steps)),
        *(("exploration", _explored(found)) for found in summary.explored),
        *_of_truth(summary),
        ("wall time", f"{duration(wall.total)} ({parts})"),
        ("path steps per second", _text(summary.path_steps_per_s)),
        ("exact", f"{'yes' if exact.value else 'NO'}: {exact.reason}"),
        *(("part of the potential", words) for words in summary.walls),
    ]


def _explored(found: Exploration) -> str:
    """What an explorer found by itself, and what that may be taken for."""
    parts = ((one.state, 100 * number(one.value), 100 * number(one.stderr)) for one in found.shares)
    shares = ", ".join(f"{value:.3g} ± {stderr:.2g} % {state}" for state, value, stderr in parts)
    return (
        f"{found.method}: {shares}, ln Z = {number(found.log_z):.3g} ± {number(found.log_z_stderr):.2g} from "
        f"{found.evaluations:,} evaluations ({found.words}); {found.claim}"
    )
def _of_truth(summary: Summary) -> TableRows:
    """Where force evaluations are a surrogate's."""
    energies = summary.true_energies
    return [] if energies is None else [("energies of the system's own", f"{energies:,} in adaptation and production")]


def _evaluations(steps: Steps) -> str:
    """All of a run's, by what they were for."""
    parts = {
        "equilibration": steps.equilibration,
        "exploration": steps.exploration or None,
        "pilots": steps.pilots,
        "adaptation": steps.adaptation,
        "local moves": steps.local,
        "paths": steps.path,
    }
    known = ", ".join(f"{name} {count:,}" for name, count in parts.items() if count is not None)
    return f"{_text(steps.total)} ({known})"


def _text(value: float | None, form: str = ",.0f") -> str:
    known = number(value)
    if math.isinf(known):
        return "infinite"
    return "not available" if math.isnan(known) else format(known, form)
