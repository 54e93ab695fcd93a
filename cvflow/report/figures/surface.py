"""F along two CVs as a contour picture."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from cvflow.core.states import States
from cvflow.estimate.grid import Axis
from cvflow.estimate.surface import FreeEnergySurface, surface
from cvflow.report.figures.drawing import GREY, cv_label, in_our_style, say
from cvflow.store import Header, Record

_LEVELS = 14
"""Steps of the colour scale, at most."""

_MARGIN = 0.06
"""Fraction of the picture, at each side, in which no state's name has its middle."""

_FINE = 400
"""Points a side on which the states' borders are sought."""

_PI_TICKS = {-1.0: "−π", -0.5: "−π/2", 0.0: "0", 0.5: "π/2", 1.0: "π"}


@in_our_style()
def surface_figure(record: Record, first: str, second: str, bins: int = 60) -> Figure:
    """F(first, second) [kT] in steps, white where there is no error, with the borders of the named states.

    Raises:
        ValueError: the CVs are unknown or the same, there are fewer than two bins, or no production turns yet.
    """
    found = surface(record, (first, second), bins)
    figure = Figure(figsize=(7.2, 6.0), layout="constrained")
    axes = figure.add_subplot()
    if not (np.ptp(found.first.edges) > 0 and np.ptp(found.second.edges) > 0):
        say(axes, f"{first} or {second} never moved in production: there is nothing to draw.")
    elif np.isnan(found.free_energy).all():
        say(axes, "Too few visits and paths for errors: nothing is known yet.")
    else:
        _draw(figure, axes, found, record.header.kT)
        _draw_states(axes, found, record.header)
        _label(axes, found, record.header)
    figure.suptitle(f"F({first}, {second}); white where too few visits or paths tell an error")
    return figure


def _draw(figure: Figure, axes: Axes, found: FreeEnergySurface, kT: float) -> None:
    """Filled steps, bin by bin, so that what was not visited stays white; lines at every other step."""
    x, y, F = _unrolled(found.first), _unrolled(found.second), _around(found)
    highest = float(np.nanmax(F))
    step = float(next(size for size in (0.25, 0.5, 1, 2, 5, 10, 20, 50, np.inf) if highest <= size * _LEVELS))
    levels = np.arange(0, highest + 2 * step, step)[: _LEVELS + 1] if np.isfinite(step) else np.array([0, highest + 1])
    norm = BoundaryNorm(levels, 256)
    axes.pcolormesh(x, y, F.T, norm=norm, cmap="viridis", shading="nearest", rasterized=True)
    if np.isfinite(F).sum() > F.size // 20 and len(levels) > 3:
        axes.contour(x, y, F.T, levels=levels[1:-1:2], colors="white", linewidths=0.6, alpha=0.7)
    bar = figure.colorbar(ScalarMappable(norm, "viridis"), ax=axes, label=f"F [kT], 1 kT = {kT:.4g} kJ/mol")
    bar.ax.tick_params(length=2)


def _unrolled(axis: Axis) -> np.ndarray:
    """Centres, on a circle once more at its far end: the first bin lies on the seam."""
    return np.append(axis.centres, axis.centres[0] + axis.period) if axis.periodic else axis.centres


def _around(found: FreeEnergySurface) -> np.ndarray:
    """F on the unrolled centres."""
    return np.pad(found.free_energy, ((0, int(found.first.periodic)), (0, int(found.second.periodic))), mode="wrap")


def _draw_states(axes: Axes, found: FreeEnergySurface, header: Header) -> None:
    """Borders between the states, as far as these two CVs define them, and each one's name at its lowest F."""
    cvs = [found.first.cv, found.second.cv]
    try:
        states = States(header.states, cvs)
    except ValueError:  # a state is defined by a third CV
        return
    x, y = (np.linspace(*_ends(axis), _FINE) for axis in (found.first, found.second))
    inside = states.assign(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)).reshape(_FINE, _FINE)
    middles = np.stack(np.meshgrid(found.first.centres, found.second.centres, indexing="ij"), axis=-1)
    home = states.assign(middles.reshape(-1, 2)).reshape(found.free_energy.shape)
    for index, name in enumerate(states.names):
        if 0 < (inside == index).sum() < inside.size:
            axes.contour(x, y, inside == index, levels=[0.5], colors=GREY, linewidths=1.1, linestyles="--")
        here = np.where(home == index, found.free_energy, np.nan)
        if np.isfinite(here).any():
            lowest = middles[np.unravel_index(np.nanargmin(here), here.shape)]
            halo = [withStroke(linewidth=3, foreground="white")]
            x_there, y_there = _inside(found.first, lowest[0]), _inside(found.second, lowest[1])
            axes.text(x_there, y_there, name, ha="center", va="center", zorder=5, path_effects=halo)


def _inside(axis: Axis, point: float) -> float:
    """The point, or the nearest one where a name is not cut off by the edge."""
    low, high = _ends(axis)
    return float(np.clip(point, low + _MARGIN * (high - low), high - _MARGIN * (high - low)))


def _ends(axis: Axis) -> tuple[float, float]:
    if axis.periodic:
        return -0.5 * axis.period, 0.5 * axis.period
    return float(axis.edges[0]), float(axis.edges[-1])


def _label(axes: Axes, found: FreeEnergySurface, header: Header) -> None:
    axes.set_xlim(*_ends(found.first))
    axes.set_ylim(*_ends(found.second))
    axes.set_xlabel(cv_label(header, found.first.cv))
    axes.set_ylabel(cv_label(header, found.second.cv))
    for axis, side in ((found.first, axes.xaxis), (found.second, axes.yaxis)):
        if axis.period == 2 * np.pi:
            side.set_ticks([np.pi * turn for turn in _PI_TICKS], labels=list(_PI_TICKS.values()))
