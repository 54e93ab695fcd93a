"""What a scan found: cost and acceptance against each setting that was varied."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from cvflow.estimate.cost import Cost
from cvflow.report.figures.drawing import BLUE, GREY, VERMILION, in_our_style


class Varied(NamedTuple):
    """Costs along one axis: the values that were tried, numbers or names; `best` is the chosen one's place, if here."""

    label: str
    values: Sequence[float | str]
    costs: Sequence[Cost]
    best: int | None


@in_our_style()
def scan_figure(series: Sequence[Varied], title: str) -> Figure:
    """One column a setting: steps per mode change above, acceptance between the states below, with standard errors."""
    figure = Figure(figsize=(2.6 * max(2, len(series)), 5.4), layout="constrained")
    upper, lower = figure.subplots(2, len(series), squeeze=False, sharex="col", sharey="row")
    for column, found in enumerate(series):
        _draw(upper[column], lower[column], found)
    upper[0].set_ylabel("path steps per mode change")
    lower[0].set_ylabel("acceptance between states")
    figure.suptitle(title)
    return figure


def _points(
    axes: Axes, x: Float[np.ndarray, " points"], y: Float[np.ndarray, " points"], errors: Float[np.ndarray, " points"]
) -> None:
    axes.errorbar(x, y, errors, fmt="o", color=BLUE, capsize=3, markersize=5)


def _draw(cost_axes: Axes, acceptance_axes: Axes, found: Varied) -> None:
    names = isinstance(found.values[0], str)
    x = np.arange(len(found.values), dtype=float) if names else np.array(found.values, dtype=float)
    cost = np.array([point.steps_per_mode_change for point in found.costs])
    known = np.isfinite(cost)
    errors = np.array([point.stderr for point in found.costs])
    accepted = np.array([(point.acceptance, point.acceptance_stderr) for point in found.costs])
    _points(cost_axes, x[known], cost[known], errors[known])
    _points(acceptance_axes, x, accepted[:, 0], accepted[:, 1])
    if found.best is not None:
        cost_axes.plot(x[found.best], cost[found.best], "o", mfc="none", mec=VERMILION, markersize=12, mew=1.8)
    cost_axes.set_yscale("log", nonpositive="clip")  # a bad setting costs a hundred times what a good one does
    cost_axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    cost_axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    cost_axes.yaxis.set_minor_locator(NullLocator())
    acceptance_axes.set_ylim(bottom=0)
    for axes in (cost_axes, acceptance_axes):
        axes.grid(axis="y", color=GREY, alpha=0.25, linewidth=0.6)
        if names:
            axes.set_xticks(x, [str(value) for value in found.values])
            axes.set_xlim(-0.5, len(x) - 0.5)
        elif (x > 0).all() and x.max() > 3 * x.min():
            axes.set_xscale("log")
            axes.set_xticks(x, [f"{value:.3g}" for value in x], minor=False)
            axes.xaxis.minorticks_off()
            axes.tick_params(axis="x", rotation=45)
        else:
            axes.set_xticks(x, [f"{value:.3g}" for value in x])
            axes.tick_params(axis="x", rotation=45)
    acceptance_axes.set_xlabel(found.label)
