"""How many jumps are accepted, and how well the flow knows the density, as the run goes on."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cvflow.core.states import States
from cvflow.estimate.modes import between_states
from cvflow.report.figures.drawing import BLUE, GREEN, GREY, VERMILION, in_our_style, say, shade_adaptation
from cvflow.store import FlowEntry, Record

_WINDOWS = 20
"""The running window is this fraction of the run, and at least five jumps of every walker."""

_LABEL_ROOM = 0.045
"""Fraction of the run that a version's name takes on the axis."""


class Running(NamedTuple):
    """Acceptance in a window around each jump, and its 68 % binomial interval (Wilson); NaN where none was proposed."""

    jumps: Int[np.ndarray, " jumps"]
    rate: Float[np.ndarray, " jumps"]
    low: Float[np.ndarray, " jumps"]
    high: Float[np.ndarray, " jumps"]


@in_our_style()
def acceptance_figure(record: Record) -> Figure:
    """Running acceptance, of all jumps and of those between states, above a learning flow's held-out likelihood."""
    turns, trained = record.turns, any(np.isfinite(flow.holdout_nll) for flow in record.flows)
    figure = Figure(figsize=(7.2, 6.4 if trained else 4.4), layout="constrained")
    if not len(turns):
        say(figure.add_subplot(), "No jump was made yet.")
        return figure
    panels = figure.subplots(1 + trained, 1, sharex=True, height_ratios=(3, 2)[: 1 + trained], squeeze=False)[:, 0]
    begins = version_begins(turns, record.flows)
    for axes in panels:
        shade_adaptation(axes, 0.0, float((~turns["production"] * (turns["jump"] + 1)).max()))
        for begin in begins if trained else ():
            axes.axvline(begin, color=GREY, linewidth=0.7, linestyle=(0, (1, 3)), zorder=1)
    _draw_acceptance(panels[0], record)
    panels[-1].set_xlabel("jump of each walker")
    if trained:
        end = int(turns["jump"].max()) + 1
        _name_versions(panels[0], record.flows, begins, end)
        _draw_training(panels[1], record.flows, begins, end)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=len(labels))
    figure.suptitle(f"Acceptance of the jumps{', and training of the flow' if trained else '; the proposal is fixed'}")
    return figure


def running_acceptance(jumps: np.ndarray, accepted: Bool[np.ndarray, " turns"], half: int, length: int) -> Running:
    """Acceptance over all walkers, `half` jumps to both sides of each jump number below `length`."""
    proposed, taken = np.bincount(jumps, minlength=length), np.bincount(jumps[accepted], minlength=length)
    padded = [np.concatenate([[0], np.cumsum(np.pad(counts, half))]) for counts in (proposed, taken)]
    n, a = (sums[2 * half + 1 :] - sums[: -2 * half - 1] for sums in padded)
    n = np.where(n > 0, n, np.nan)
    rate = a / n
    middle, half_width = (rate + 0.5 / n) / (1 + 1 / n), np.sqrt(rate * (1 - rate) / n + 0.25 / n**2) / (1 + 1 / n)
    return Running(np.arange(length), rate, middle - half_width, middle + half_width)


def version_begins(turns: np.ndarray, flows: Iterable[FlowEntry]) -> list[int]:
    """First jump that each flow version or a later one proposed; past the end if none has yet."""
    end = int(turns["jump"].max()) + 1
    return [int(turns["jump"][turns["flow_version"] >= flow.version].min(initial=end)) for flow in flows]


def _draw_acceptance(axes: Axes, record: Record) -> None:
    turns = record.turns
    between, arrived = between_states(turns, States(record.header.states, record.header.cvs))
    length = int(turns["jump"].max()) + 1
    half = max(2, length // (2 * _WINDOWS))
    everything = np.ones(len(turns), dtype=bool)
    chosen = [
        ("all jumps (bands: 68 % binomial)", everything, turns["accepted"], BLUE, "-"),
        ("between states", between, arrived, VERMILION, "--"),
    ]
    highest = 0.05
    for name, proposed, accepted, color, line in chosen:
        if not proposed.any():
            continue
        shown = running_acceptance(turns["jump"][proposed], accepted[proposed], half, length)
        axes.plot(shown.jumps, shown.rate, line, color=color, linewidth=1.6, label=name)
        axes.fill_between(shown.jumps, shown.low, shown.high, color=color, alpha=0.2, linewidth=0)
        highest = max(highest, float(np.nanmax(shown.high)))
    top = min(1.0, highest) * 1.12
    axes.set_ylim(-0.03 * top, top)  # a line at zero is to be seen
    axes.set_ylabel(f"acceptance (window of {2 * half + 1} jumps)")
    if not between.any():
        axes.set_title("no jump between two named states was proposed")


def _name_versions(axes: Axes, flows: list[FlowEntry], begins: list[int], end: int) -> None:
    """From the last, which is the one that production uses, back to the first, as far as there is room."""
    nearest = float("inf")
    for flow, begin in reversed(list(zip(flows, begins, strict=True))):
        if begin <= nearest - _LABEL_ROOM * end:
            place = axes.get_xaxis_transform()
            axes.text(begin, 0.995, f" v{flow.version}", color=GREY, transform=place, va="top", fontsize=8)
            nearest = begin


def _draw_training(axes: Axes, flows: list[FlowEntry], begins: list[int], end: int) -> None:
    """A step a version, as long as it proposes."""
    likelihood = np.array([flow.holdout_nll for flow in flows])
    axes.plot(begins, likelihood, "s", color=GREEN, markersize=5)
    axes.step([*begins, end], [*likelihood, likelihood[-1]], where="post", color=GREEN, linewidth=1.2)
    axes.set_ylabel("held-out −⟨ln q⟩ [nats]")
