"""Works of the paths between the first two states, forward and reverse, and where they cross."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cvflow.estimate.cautions import Estimate, comparisons
from cvflow.estimate.schema import Summary
from cvflow.estimate.summary import summarise
from cvflow.estimate.work import DirectedWorks, crossing_works
from cvflow.report.figures.drawing import BLUE, VERMILION, in_our_style, say
from cvflow.store import Record

_CAP = 500.0
"""Work [kT] that `crossing_works` gives to paths that do not connect the states."""


class Direction(NamedTuple):
    """Works of one direction as they are drawn [kT]: w forward, -w reverse; `proposed` counts all paths.

    Paths that survived an early rejection weigh more than one: they stand for those that were given up.
    """

    name: str
    works: Float[np.ndarray, " connecting"]
    weights: Float[np.ndarray, " connecting"]
    proposed: int


@in_our_style()
def work_figure(record: Record, summary: Summary | None = None) -> Figure:
    """p_F(w) and p_R(-w), which cross at ΔF (Crooks, Phys. Rev. E 1999), with BAR's ΔF and its error.

    Each histogram's area is the fraction of its paths that connect the two states: with the others at w = ∞, that is
    the normalisation for which Crooks' relation holds.

    Raises:
        ValueError: there are no production turns yet.
    """
    figure = Figure(figsize=(7.2, 4.8), layout="constrained")
    axes = figure.add_subplot()
    names = list(record.header.states)
    if len(names) < 2:
        say(axes, "Fewer than two named states: there are no works between states.")
        return figure
    works = crossing_works(record, 0, 1)
    directions = [
        _direction(f"p_F(w), {names[0]} → {names[1]}", works.forward, 1.0),
        _direction(f"p_R(−w), {names[1]} → {names[0]}", works.reverse, -1.0),
    ]
    figure.suptitle(f"Works of the paths between {names[0]} and {names[1]}")
    if not any(len(direction.works) for direction in directions):
        proposed = sum(direction.proposed for direction in directions)
        say(axes, f"No path connects {names[0]} and {names[1]} ({proposed} proposed in production): no work to show.")
        return figure
    bar = comparisons(summarise(record) if summary is None else summary)[0].bar
    _draw(axes, directions, bar)
    axes.set_title(f"BAR: ΔF = {bar.text()}" if np.isfinite(bar.value) else "BAR: ΔF not determined")
    figure.legend(loc="outside lower left", alignment="left")
    return figure


def _direction(name: str, directed: DirectedWorks, sign: float) -> Direction:
    connecting = directed.works < _CAP
    return Direction(name, sign * directed.works[connecting], directed.weights[connecting], len(directed.works))


def _draw(axes: Axes, directions: list[Direction], bar: Estimate) -> None:
    edges = _edges(np.concatenate([direction.works for direction in directions]), bar)
    for direction, color, line in zip(directions, (BLUE, VERMILION), ("-", "--"), strict=True):
        if not len(direction.works):
            continue
        counts, _ = np.histogram(direction.works, bins=edges)
        weighted, _ = np.histogram(direction.works, bins=edges, weights=direction.weights)
        density = weighted / (direction.proposed * np.diff(edges))
        axes.stairs(density, edges, fill=True, color=color, alpha=0.25)
        axes.stairs(
            density, edges, color=color, linestyle=line, linewidth=1.6, label=_legend(direction, int(counts.sum()))
        )
    if np.isfinite(bar.value):
        label = "ΔF from BAR" + (", ± one standard error" if np.isfinite(bar.stderr) else "")
        axes.axvline(bar.value, color="black", linewidth=1.2, label=label)
    if np.isfinite(bar.stderr):
        axes.axvspan(bar.value - bar.stderr, bar.value + bar.stderr, color="black", alpha=0.2, linewidth=0)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("w = W + ln q(end) − ln q(start), with q normalised in each state [kT]")
    axes.set_ylabel("probability density [1/kT]")


def _legend(direction: Direction, shown: int) -> str:
    apart = direction.proposed - len(direction.works)
    text = f"{direction.name}: {len(direction.works)} of {direction.proposed} paths"
    beyond = len(direction.works) - shown
    left_out = [f"{apart} that were given up or do not connect the states are left out"] if apart else []
    left_out += [f"{beyond} outside the axis"] if beyond else []
    return "\n".join([text, *(["; ".join(left_out)] if left_out else [])])


def _edges(works: Float[np.ndarray, " paths"], bar: Estimate) -> Float[np.ndarray, " edges"]:
    """Bins over the bulk: a few works of hundreds of kT would squeeze the rest into one bin."""
    lower, middle, upper = np.percentile(works, [25, 50, 75])
    reach = 5 * max(upper - lower, 0.5)
    inside = [*works[np.abs(works - middle) <= reach], *([bar.value] if np.isfinite(bar.value) else [])]
    low, high = min(inside), max(inside)
    margin = max(0.05 * (high - low), 0.25)
    return np.linspace(low - margin, high + margin, int(np.clip(2 * np.sqrt(len(works)), 10, 50)) + 1)
