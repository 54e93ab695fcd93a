"""The CVs of every walker over time."""

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cvflow.core.state_bounds import named_in
from cvflow.core.states import States
from cvflow.estimate.grid import cv_period
from cvflow.estimate.modes import crossings
from cvflow.report.figures.drawing import (
    BLUE,
    GREY,
    VERMILION,
    cv_label,
    in_our_style,
    named_pieces,
    say,
    shade_adaptation,
    time_label,
)
from cvflow.report.plumed_text import turn_times
from cvflow.report.regions import state_intervals
from cvflow.store import Header, Record

_Points = Float[np.ndarray, " _turns"]

_WALKERS = 12
_CVS = 3

_LINE_HEIGHT = 0.16
"""Fraction of a panel's height that a state's name takes."""

_LINE: Any = {"color": BLUE, "linewidth": 0.5, "alpha": 0.5}


@in_our_style()
def trace_figure(record: Record) -> Figure:
    """CV against time: a row a walker, a column a CV, at most 12 by 3; adaptation grey, mode changes marked.

    Where there are more CVs, those by which states are told apart come first.
    """
    walkers, cvs = record.header.walkers, _shown(record.header)
    rows, columns = min(walkers, _WALKERS), len(cvs)
    figure = Figure(figsize=(max(7.2, 4.5 * columns), 1.6 + 1.25 * rows), layout="constrained")
    if not len(record.turns):
        say(figure.add_subplot(), "No turn was made yet.")
        return figure
    grid = figure.subplots(rows, columns, sharex=True, sharey="col", squeeze=False)
    for walker, row in enumerate(grid):
        chain = record.turns[record.turns["walker"] == walker]
        for cv, axes in zip(cvs, row, strict=True):
            _draw(axes, record, chain, record.header.cvs.index(cv))
        row[0].set_ylabel(f"walker {walker}" + (f"\n{cv_label(record.header, cvs[0])}" if columns == 1 else ""))
    for panels, cv in zip(grid.T, cvs, strict=True):
        panels[0].set_title(cv_label(record.header, cv) if columns > 1 else "")
        _state_names(panels, record, cv)
    for axes in grid[-1]:
        axes.set_xlabel(time_label(record.header))
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=len(labels))
    figure.suptitle(_title(rows, record.header, cvs))
    return figure


def _shown(header: Header) -> list[str]:
    """In their order, but those that name the states before all others where there is no room for all."""
    telling = set().union(*map(named_in, header.states.values()))
    first = sorted(header.cvs, key=lambda cv: cv not in telling)[:_CVS]
    return [cv for cv in header.cvs if cv in first]


def _draw(axes: Axes, record: Record, chain: np.ndarray, column: int) -> None:
    header = record.header
    times = turn_times(header, chain["jump"])
    learning = times[~chain["production"]]
    if len(learning):
        shade_adaptation(axes, learning[0], times[min(len(learning), len(times) - 1)])
    axes.plot(*unbroken(times, chain["cv"][:, column], cv_period(header, header.cvs[column])), **_LINE)
    axes.plot(times, chain["cv"][:, column], ".", color=BLUE, markersize=2.5, label="after each turn")
    changed = crossings(chain, States(header.states, header.cvs)).by_jump
    label = "jump accepted into another state"
    values = chain["cv_kept"][changed, column]
    size = 4 if len(values) < 60 else 2.5
    axes.plot(times[changed], values, "D", color=VERMILION, markersize=size, markerfacecolor="none", label=label)


def unbroken(times: _Points, values: _Points, period: float) -> tuple[_Points, _Points]:
    """The line through all points, with a gap (NaN) wherever a CV on a circle has gone over its seam.

    From +π to -π is no way at all, and a line between the two would run through all that lies between them.
    """
    over = np.flatnonzero(np.abs(np.diff(values)) > 0.5 * period) + 1
    return np.insert(times, over, np.nan), np.insert(values, over, np.nan)


def _state_names(panels: np.ndarray, record: Record, cv: str) -> None:
    """Boundaries of the states as lines in every panel, their names at its right."""
    low, high = panels[0].get_ylim()
    pieces = state_intervals(record.header, cv, low, high)
    named = named_pieces(pieces, low, high, lambda _: _LINE_HEIGHT)
    for axes in panels:
        for end in {end for piece in pieces for end in (piece.low, piece.high) if low < end < high}:
            axes.axhline(end, color=GREY, linewidth=0.8, linestyle=(0, (2, 3)), zorder=1)
        for piece in named:
            place = {"transform": axes.get_yaxis_transform(), "ha": "left", "va": "center", "color": GREY}
            axes.text(1.005, (piece.low + piece.high) / 2, piece.state, fontsize=8, **place)
    panels[0].set_ylim(low, high)


def _title(rows: int, header: Header, cvs: list[str]) -> str:
    shown = [f"the first {rows} of {header.walkers} walkers"] if rows < header.walkers else []
    shown += [f"{len(cvs)} of {len(header.cvs)} CVs"] if len(cvs) < len(header.cvs) else []
    return f"{', '.join(cvs)} of every walker" if not shown else f"CVs of the walkers ({', '.join(shown)})"
