"""Works of the paths between two states, forward and reverse, and where they cross."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cvflow.estimate.cautions import Estimate
from cvflow.estimate.comparison import compared_pairs
from cvflow.estimate.work import CrossingWorks, DirectedWorks, crossing_works
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

    @property
    def effective(self) -> float:
        """Kish's number of equal paths that they are worth; that of the paths where all weigh the same."""
        return float(self.weights.sum() ** 2 / (self.weights**2).sum()) if len(self.weights) else 0.0


class Histogram(NamedTuple):
    """A direction's density of works in bins, with the standard error of each [1/kT]."""

    edges: Float[np.ndarray, " edges"]
    density: Float[np.ndarray, " bins"]
    stderr: Float[np.ndarray, " bins"]
    shown: int


@in_our_style()
def work_figure(record: Record, pair: tuple[int, int] = (0, 1), bar: Estimate | None = None) -> Figure:
    """p_F(w) and p_R(-w), which cross at ΔF (Crooks, Phys. Rev. E 1999), with BAR's ΔF and its error.

    Each histogram's area is the fraction of its paths that connect the two states: with the others at w = ∞, that is
    the normalisation for which Crooks' relation holds.

    Args:
        record: the run.
        pair: the two states, as indices into the header's.
        bar: BAR's ΔF of the pair [kT], where it is at hand.

    Raises:
        ValueError: there are no production turns yet.
    """
    figure = Figure(figsize=(7.2, 4.8), layout="constrained")
    axes = figure.add_subplot()
    if len(record.header.states) < 2:
        say(axes, "Fewer than two named states: there are no works between states.")
        return figure
    names = [list(record.header.states)[index] for index in pair]
    works = crossing_works(record, *pair)
    directions = [
        _direction(f"p_F(w), {names[0]} → {names[1]}", works.forward, 1.0),
        _direction(f"p_R(−w), {names[1]} → {names[0]}", works.reverse, -1.0),
    ]
    figure.suptitle(f"Works of the paths between {names[0]} and {names[1]}")
    if not any(len(direction.works) for direction in directions):
        say(axes, _nothing(works, names))
        return figure
    if bar is None:
        of_pair = compared_pairs(record, [pair])[0].bar
        bar = Estimate(of_pair.value, of_pair.stderr)
    _draw(axes, directions, bar)
    axes.set_title(f"BAR: ΔF = {bar.text()}" if np.isfinite(bar.value) else "BAR: ΔF not determined")
    figure.legend(loc="outside lower left", alignment="left")
    return figure


def _nothing(works: CrossingWorks, names: list[str]) -> str:
    """Why there is no work to show."""
    proposed = sum(len(directed.works) for directed in works)
    if any(np.isinf(directed.works).any() for directed in works):
        return (
            f"Production starts in one of {names[0]} and {names[1]} alone: how probable it is to propose the way back "
            f"is not known, and without that the works of {proposed} paths have no zero."
        )
    return f"No path connects {names[0]} and {names[1]} ({proposed} proposed in production): no work to show."


def _direction(name: str, directed: DirectedWorks, sign: float) -> Direction:
    connecting = np.isfinite(directed.works) & (directed.works < _CAP)
    return Direction(name, sign * directed.works[connecting], directed.weights[connecting], len(directed.works))


def _draw(axes: Axes, directions: list[Direction], bar: Estimate) -> None:
    edges = _edges(directions, bar)
    for direction, color, line, shift in zip(directions, (BLUE, VERMILION), ("-", "--"), (-0.1, 0.1), strict=True):
        if not len(direction.works):
            continue
        found = histogram(direction, edges)
        axes.stairs(found.density, edges, fill=True, color=color, alpha=0.25)
        legend = _legend(direction, found.shown)
        axes.stairs(found.density, edges, color=color, linestyle=line, linewidth=1.6, label=legend)
        middles, filled = 0.5 * (edges[1:] + edges[:-1]) + shift * (edges[1] - edges[0]), found.density > 0
        points = (middles[filled], found.density[filled], found.stderr[filled])
        axes.errorbar(*points, fmt="none", ecolor=color, elinewidth=1.1, capsize=2)
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
    if direction.effective < 0.99 * len(direction.works):
        text += f", by their weights worth {direction.effective:.3g} equal ones"
    beyond = len(direction.works) - shown
    left_out = [f"{apart} that were given up or do not connect the states are left out"] if apart else []
    left_out += [f"{beyond} outside the axis"] if beyond else []
    return "\n".join([text, *(["; ".join(left_out)] if left_out else [])])


def histogram(direction: Direction, edges: Float[np.ndarray, " edges"]) -> Histogram:
    """Density of all proposed paths' works; the error of a bin is that of a sum of independent weights."""
    shown = int(((direction.works >= edges[0]) & (direction.works <= edges[-1])).sum())
    weighted, squares = (np.histogram(direction.works, edges, weights=direction.weights**power)[0] for power in (1, 2))
    norm = direction.proposed * np.diff(edges)
    return Histogram(edges, weighted / norm, np.sqrt(squares) / norm, shown)


def _edges(directions: list[Direction], bar: Estimate) -> Float[np.ndarray, " edges"]:
    """Bins over the bulk: a few works of hundreds of kT would squeeze the rest into one bin.

    As many as the paths are worth: where few of them weigh most, fine bins would show those paths one by one.
    """
    works = np.concatenate([direction.works for direction in directions])
    effective = sum(direction.effective for direction in directions)
    lower, middle, upper = np.percentile(works, [25, 50, 75])
    reach = 5 * max(upper - lower, 0.5)
    inside = [*works[np.abs(works - middle) <= reach], *([bar.value] if np.isfinite(bar.value) else [])]
    low, high = min(inside), max(inside)
    margin = max(0.05 * (high - low), 0.25)
    return np.linspace(low - margin, high + margin, int(np.clip(2 * np.sqrt(effective), 6, 50)) + 1)
