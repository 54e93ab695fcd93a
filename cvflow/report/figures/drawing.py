"""What all figures share: colours, labels, shading, and words where there is nothing to draw.

Colours are Okabe and Ito's, which colour-blind readers tell apart; lines differ in style too.
"""

import io
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any

from matplotlib import rc_context, rcdefaults, rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from cvflow.report.regions import state_intervals
from cvflow.store import Header

BLUE, VERMILION, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#5A5A5A"
_TINTS = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7")

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.titlesize": 12,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "text.parse_math": False,  # a state's name may hold a dollar sign
    "figure.facecolor": "white",
}
"""Over matplotlib's own defaults."""

_DPI = 150


@contextmanager
def in_our_style() -> Iterator[None]:
    """Draw with matplotlib's defaults and `STYLE`, whatever the user's matplotlibrc says; it is as it was afterwards.

    A matplotlibrc may ask for LaTeX, which may not be there.
    """
    with rc_context():
        rcdefaults()
        rcParams.update(STYLE)
        yield


@in_our_style()
def laid_out(figure: Figure) -> Figure:
    """The figure with all its parts made, which would else be in the style of whoever shows it."""
    figure.draw_without_rendering()
    return figure


@in_our_style()
def png(figure: Figure) -> bytes:
    """The figure as a PNG file, the same bytes for the same figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()


def say(axes: Axes, text: str) -> None:
    """Words in place of a plot."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, textwrap.fill(text, 60), ha="center", va="center", color=GREY, transform=axes.transAxes)


def cv_label(header: Header, cv: str) -> str:
    """The CV's name with its unit; in reduced units there is none."""
    unit = header.units[header.cvs.index(cv)]
    return f"{cv} [{unit}]" if unit else cv


def time_label(header: Header) -> str:
    """Time of local dynamics, in ps unless the units are reduced."""
    return "time of local moves [ps]" if any(header.units) else "time of local moves"


def shade_states(axes: Axes, header: Header, cv: str) -> None:
    """Tint the states along the x axis, as far as it reaches now, and name them along the top."""
    low, high = axes.get_xlim()
    for found, tint in zip(state_intervals(header, cv, low, high), cycle(_TINTS), strict=False):
        axes.axvspan(found.low, found.high, color=tint, alpha=0.13, linewidth=0, zorder=0)
        middle = (found.low + found.high) / 2
        axes.text(
            middle,
            0.985,
            found.state,
            transform=axes.get_xaxis_transform(),
            ha="center",
            va="top",
            color=GREY,
            zorder=5,
            path_effects=[withStroke(linewidth=3, foreground="white")],
        )
        for end in (found.low, found.high):
            if low < end < high:
                axes.axvline(end, color=GREY, linewidth=0.8, linestyle=(0, (2, 3)), zorder=1)
    axes.set_xlim(low, high)


def shade_adaptation(axes: Axes, begin: float, end: float, label: str) -> None:
    """Grey out the part of the x axis in which the flow was still learning."""
    if end > begin:
        axes.axvspan(begin, end, color=GREY, alpha=0.12, linewidth=0, zorder=0, label=label)
