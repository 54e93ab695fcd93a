"""ΔF against the jumps made and the force evaluations spent."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from cvflow.estimate.running import RunningDifferences, running_differences
from cvflow.report.figures.drawing import BLUE, GREEN, GREY, PURPLE, VERMILION, in_our_style, say
from cvflow.store import Record

_LINES = ((BLUE, "-"), (VERMILION, "--"), (GREEN, "-."), (PURPLE, ":"))


@in_our_style()
def running_figure(record: Record, found: RunningDifferences | None = None) -> Figure:
    """The best ΔF of each state from the first after ever more jumps, ± one standard error; force evaluations on top.

    Args:
        record: the run.
        found: its running differences, where they are at hand.

    Raises:
        ValueError: a walker has no production turn yet.
    """
    found = running_differences(record) if found is None else found
    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = figure.add_subplot()
    figure.suptitle("ΔF as the run goes on")
    if not found.names:
        say(axes, "Fewer than two named states: there is no difference to follow.")
    elif np.isnan(found.value).all():
        say(axes, "ΔF was not determined at any length: the walkers have not gone there and back yet.")
    else:
        _draw(axes, found, next(iter(record.header.states)))
        _evaluations_on_top(axes, found)
        figure.legend(loc="outside lower left", ncols=2)
    return figure


def _draw(axes: Axes, found: RunningDifferences, first: str) -> None:
    for column, name in enumerate(found.names):
        color, line = _LINES[column % len(_LINES)]
        value, error = found.value[:, column], found.stderr[:, column]
        axes.plot(found.jumps, value, line, marker="o", markersize=3, color=color, label=f"ΔF {first} → {name}")
        axes.fill_between(found.jumps, value - error, value + error, color=color, alpha=0.2, linewidth=0)
        if np.isfinite(value[-1]):
            axes.axhline(value[-1], color=GREY, linewidth=0.7, linestyle=(0, (2, 3)), zorder=1)
    axes.set_xlabel("jumps of each walker in production")
    axes.set_ylabel("ΔF [kT], ± one standard error")


def _evaluations_on_top(axes: Axes, found: RunningDifferences) -> None:
    """The same axis in force evaluations, at its own ticks: the two go nearly in proportion."""
    if len(found.jumps) < 2:
        return
    top = axes.secondary_xaxis("top")
    axes.set_xlim(0, float(found.jumps[-1]) * 1.02)
    places = np.linspace(found.jumps[0], found.jumps[-1], 5)
    spent = np.interp(places, found.jumps, found.evaluations)
    top.set_xticks(places, [EngFormatter(places=1, sep="")(count) for count in spent])
    top.set_xlabel("force evaluations of all walkers so far")
