"""A scan's outcome as a table, a figure and JSON."""

import json
import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from cvflow.estimate.cost import Cost
from cvflow.host.atomic import write_whole
from cvflow.report.figures.drawing import png
from cvflow.report.figures.scan import Varied, scan_figure

Value = float | str | Sequence[float]
"""Of one setting: a number, a word, or one number for each CV."""

Words = Mapping[str, Value]
"""All that a scan varies, by the names of `[path]`."""

Row = tuple[str, Words, Cost]
"""Which of the settings was varied, all of them, and what they cost."""

_LABELS = {
    "path length": ("steps", "path steps"),
    "path length again": ("steps", "path steps, again"),
    "time step": ("timestep", "time step, same duration"),
    "schedule": ("schedule", "schedule"),
    "friction": ("friction", "friction"),
    "kappa": ("kappa", "kappa of the first CV"),
}


def scan_table(rows: Sequence[Row], best: Words, again: Cost, local_steps: int) -> Table:
    """Every setting with its cost, a section each for what was varied; the best is bold, and measured again below."""
    title = (
        f"Acceptance between states, mode changes, and path steps per mode change; "
        f"{local_steps:,} local steps between two jumps"
    )
    caption = "bold: the best; the last line is the best again, with other random numbers"
    table = Table(title=Text(title), caption=Text(caption), box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    names = [name for name in best if _cell(best[name])]
    # Where the terminal is too narrow cells take a second line: a figure that is cut short is none.
    for name in (*names, "acceptance", "changes", "steps/change"):
        table.add_column(name, justify="right", overflow="fold")
    for _, group in groupby(rows, key=lambda row: row[0]):
        for _, setting, cost in group:
            cells = (_cell(setting[name]) for name in names)
            table.add_row(*cells, *_figures(cost), style="bold" if setting == best else "")
        table.add_section()
    table.add_row(*(_cell(best[name]) for name in names), *_figures(again), style="bold")
    return table


def write_scan(
    folder: Path, rows: Sequence[Row], best: Words, again: Cost, local_steps: int, title: str
) -> None:
    """Write `scan.png` and `scan.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "scan.png", png(scan_figure(_series(rows, best), title)))
    found = {
        "local_steps": local_steps,
        "measured": [{"varied": axis, **setting, **_numbers(cost)} for axis, setting, cost in rows],
        "best": best,
        "best_again": _numbers(again),
    }
    write_whole(folder / "scan.json", json.dumps(found, indent=2, allow_nan=False) + "\n")


def _series(rows: Sequence[Row], best: Words) -> list[Varied]:
    """One series a setting that was varied, by rising value."""
    series = []
    for axis, group in groupby(rows, key=lambda row: row[0]):
        key, label = _LABELS[axis]
        along = list(group)
        if not isinstance(along[0][1][key], str):
            along.sort(key=lambda row: _value(row[1][key]))
        chosen = next((i for i, row in enumerate(along) if row[1] == best), None)
        series.append(Varied(label, [_value(row[1][key]) for row in along], [row[2] for row in along], chosen))
    return series


def _value(value: Value) -> float | str:
    """The first of several: all of them are varied by one factor."""
    return value if isinstance(value, float | int | str) else value[0]


def _cell(value: Value) -> str:
    if isinstance(value, str):
        return value
    return " ".join(f"{part:.3g}" for part in (value if isinstance(value, Sequence) else [value]))


def _figures(cost: Cost) -> tuple[str, str, str]:
    per_change = cost.steps_per_mode_change
    return (
        _rate(cost),
        f"{cost.mode_changes:,}",
        f"{per_change:,.0f} ± {cost.stderr:,.0f}" if math.isfinite(per_change) else "none",
    )


def _rate(cost: Cost) -> str:
    if math.isnan(cost.acceptance):
        return "none"
    error = f" ± {cost.acceptance_stderr:.3f}" if math.isfinite(cost.acceptance_stderr) else ""
    return f"{cost.acceptance:.3f}{error}"


def _numbers(cost: Cost) -> dict[str, float | None]:
    values = {
        "acceptance_between_states": cost.acceptance,
        "acceptance_stderr": cost.acceptance_stderr,
        "mode_changes": cost.mode_changes,
        "path_steps": cost.path_steps,
        "steps_per_mode_change": cost.steps_per_mode_change,
        "steps_per_mode_change_stderr": cost.stderr,
    }
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
