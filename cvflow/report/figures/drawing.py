"""What all figures share: colours, labels, shading, and words where there is nothing to draw.

Colours are Okabe and Ito's, which colour-blind readers tell apart; lines differ in style too.
"""

import io
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any, Literal

import numpy as np
from matplotlib import rc_context, rcdefaults, rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from cvflow.report.regions import Interval, state_intervals
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

_LETTER = 0.014
"""Fraction of a figure's width that a letter of the usual size takes."""


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


@in_our_style()
def vector(figure: Figure, form: Literal["svg", "pdf"]) -> bytes:
    """The figure as a file for a paper: its text stays text, and the same figure gives the same bytes."""
    buffer = io.BytesIO()
    nothing = {"svg": {"Date": None, "Creator": None}, "pdf": {"CreationDate": None, "Creator": None, "Producer": None}}
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "cvflow", "pdf.fonttype": 42}):
        figure.savefig(buffer, format=form, dpi=_DPI, metadata=nothing[form])
    return buffer.getvalue()


def alt_text(figure: Figure) -> str:
    """What stands above a figure and its panels, and on its axes, in a line: for those who do not see it."""
    panels = [axes for axes in figure.axes if axes.axison]
    titles = [figure.get_suptitle(), *(axes.get_title() for axes in panels)]
    axes = [f"{panel.get_ylabel()} against {panel.get_xlabel()}" for panel in panels if panel.get_xlabel()]
    said = [text.get_text() for panel in figure.axes if not panel.axison for text in panel.texts]
    return ". ".join(" ".join(part.split()) for part in dict.fromkeys([*titles, *axes[:1], *said]) if part)


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
    """Tint the states along the x axis, as far as it reaches now, and name them along the top.

    All pieces of a state have its one colour.
    """
    low, high = axes.get_xlim()
    tints = dict(zip(header.states, cycle(_TINTS), strict=False))
    found = state_intervals(header, cv, low, high)
    for piece in found:
        axes.axvspan(piece.low, piece.high, color=tints[piece.state], alpha=0.13, linewidth=0, zorder=0)
        for end in (piece.low, piece.high):
            if low < end < high:
                axes.axvline(end, color=GREY, linewidth=0.8, linestyle=(0, (2, 3)), zorder=1)
    for piece in named_pieces(found, low, high, lambda name: _LETTER * (len(name) + 1)):
        axes.text(
            (piece.low + piece.high) / 2,
            0.985,
            piece.state,
            transform=axes.get_xaxis_transform(),
            ha="center",
            va="top",
            color=GREY,
            zorder=5,
            path_effects=[withStroke(linewidth=3, foreground="white")],
        )
    axes.set_xlim(low, high)


def named_pieces(pieces: list[Interval], low: float, high: float, room: Callable[[str], float]) -> list[Interval]:
    """Pieces of states that get a name: those with room for it, and the widest of a state that has no such piece.

    Args:
        pieces: of the axis.
        low: where the axis begins.
        high: where it ends.
        room: fraction of the axis that a name takes.

    Returns:
        The pieces; one at the end of the axis, too narrow for its name, is widened inwards so that its middle is where
        the name fits.
    """
    widest = {piece.state: piece for piece in sorted(pieces, key=lambda piece: piece.high - piece.low)}
    named = []
    for piece in pieces:
        need = room(piece.state) * (high - low)
        if piece.high - piece.low >= need:
            named.append(piece)
        elif piece == widest[piece.state]:
            middle = float(np.clip((piece.low + piece.high) / 2, low + need / 2, max(low, high - need / 2)))
            named.append(Interval(piece.state, middle - need / 2, middle + need / 2))
    return named


def shade_adaptation(axes: Axes, begin: float, end: float) -> None:
    """Grey out the part of the x axis before production."""
    if end > begin:
        axes.axvspan(begin, end, color=GREY, alpha=0.12, linewidth=0, zorder=0, label="adaptation")
