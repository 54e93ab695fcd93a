"""F along a CV beside what the flow has learned of it."""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cvflow.estimate.cautions import Comparison, comparisons
from cvflow.estimate.draws import flow_points
from cvflow.estimate.free_energy import FreeEnergyProfile, profile
from cvflow.estimate.grid import Axis
from cvflow.estimate.schema import Summary
from cvflow.estimate.summary import summarise
from cvflow.proposals.io import from_bytes
from cvflow.report.figures.drawing import BLUE, VERMILION, cv_label, in_our_style, say, shade_states
from cvflow.store import Record

_ABOVE = 4.0
"""How far [kT] above the highest F the flow's curve is followed; between states it can rise by hundreds."""

_IN_TITLE = 2
"""With more differences than this, they stand in the legend."""


@in_our_style()
def free_energy_figure(record: Record, cv: str, bins: int = 60, summary: Summary | None = None) -> Figure:
    """F(ξ) [kT] with its error band, -ln q of the proposal, the states, and ΔF with what chain and BAR say of it.

    Args:
        record: the run.
        cv: the name of the CV.
        bins: bins of the profile.
        summary: of this record, where it is at hand: BAR and its error take seconds.

    Raises:
        ValueError: the CV is unknown, there are fewer than two bins, or no production turns yet.
    """
    estimated = profile(record, cv, bins)
    found = comparisons(summarise(record) if summary is None else summary)
    figure = Figure(figsize=(7.2, 5.4), layout="constrained")
    axes = figure.add_subplot()
    if np.ptp(estimated.centres) > 0:
        _draw_profile(axes, estimated)
        _draw_flow(axes, record, estimated)
        _frame(axes, record, estimated)
        if len(found) > _IN_TITLE:
            for comparison in found:
                axes.plot([], [], linestyle="none", label=_difference(comparison))
        figure.legend(loc="outside lower left", alignment="left")
    else:
        say(axes, f"{cv} never moved in production: there is no profile to draw.")
    lines = [_difference(comparison) for comparison in found] if len(found) <= _IN_TITLE else []
    figure.suptitle(f"F({cv}) with its error band, and −ln q of the proposal")
    axes.set_title("\n".join(lines))
    return figure


def flow_profile(record: Record, axis: Axis) -> Float[np.ndarray, " bins"]:
    """-ln q of the frozen flow along one CV [kT], less the states' bias, up to a constant; NaN where no draw fell.

    With several CVs, q's marginal is a histogram of draws seeded by the run's seed.
    """
    data, header = record.flows[-1].data, record.header
    if len(header.cvs) == 1:
        points = axis.centres[:, None]
        return -from_bytes(data).log_density(points) - record.state_bias.of(points)
    points = flow_points(data, header.seed)
    drawn, weights = points[:, header.cvs.index(axis.cv)], np.exp(record.state_bias.of(points))
    if not axis.periodic:
        inside = (drawn >= axis.edges[0]) & (drawn <= axis.edges[-1])
        drawn, weights = drawn[inside], weights[inside]
    counts = np.bincount(axis.bin_of(drawn), weights, len(axis.centres))
    return -np.log(np.where(counts > 0, counts, np.nan))


def _draw_profile(axes: Axes, estimated: FreeEnergyProfile) -> None:
    """Dots as well as a line, bars as well as a band: a bin between two empty ones shows in neither line nor band."""
    x, F, error = estimated.centres, estimated.free_energy, estimated.stderr
    label = f"F({estimated.cv}) of chains and works, ± one standard error" + _missing(F)
    axes.plot(x, F, "o-", color=BLUE, markersize=2.5, linewidth=1.6, label=label, zorder=3)
    axes.fill_between(x, F - error, F + error, color=BLUE, alpha=0.25, linewidth=0, zorder=2)
    empty = np.pad(np.isnan(F), 1, constant_values=True)
    alone = empty[:-2] & empty[2:]
    axes.errorbar(x[alone], F[alone], error[alone], fmt="none", ecolor=BLUE, alpha=0.4, linewidth=3, zorder=2)


def _missing(free_energy: Float[np.ndarray, " bins"]) -> str:
    """What a bin without a point is."""
    if np.isnan(free_energy).all():
        return "\n(too few visits and paths for errors: nothing is known yet)"
    return "\n(none where too few visits or paths tell one)" if np.isnan(free_energy).any() else ""


def _draw_flow(axes: Axes, record: Record, estimated: FreeEnergyProfile) -> None:
    header = record.header
    column = header.cvs.index(estimated.cv)
    finer = _finer(estimated.axis) if len(header.cvs) == 1 else estimated.axis
    x, flow = finer.centres, flow_profile(record, finer)
    if not np.isfinite(flow).any():
        return
    flow = flow - np.nanmin(flow)
    label = f"−ln q of the proposal, to compare with p({estimated.cv})"
    if len(header.kappa) == len(header.cvs):  # positions have one κ for all coordinates, and no blur of their own
        learns = any(flow.epochs for flow in record.flows)
        whose = "−ln q of the flow, which learns the density of" if learns else "−ln q of the fixed proposal of"
        blur = np.sqrt(header.kT / header.kappa[column])
        unit = f" {header.units[column]}" if header.units[column] else ""
        label = (
            f"{whose} the restraint's centre λ{':' if learns else ', to compare with'}\n"
            f"p({estimated.cv}) blurred by 1/√(βκ) = {blur:.2g}{unit}"
        )
    axes.plot(x, flow, "--", color=VERMILION, linewidth=1.6, label=label, zorder=4)
    highest = float(np.nanmax([0.0, *estimated.free_energy]))
    axes.set_ylim(top=max(highest, min(float(np.nanmax(flow)), highest + _ABOVE)))


def _finer(axis: Axis) -> Axis:
    """With one CV the density is at hand anywhere, so the curve may be finer than the bins."""
    low, high = axis.centres[0], axis.centres[-1]
    half = 0.5 * (high - low) / 399
    return axis._replace(edges=np.linspace(low - half, high + half, 401))


def _frame(axes: Axes, record: Record, estimated: FreeEnergyProfile) -> None:
    """Limits, labels and states; the upper tenth is left for the states' names."""
    error = np.nan_to_num(estimated.stderr)
    bottom = float(np.nanmin([0.0, *(estimated.free_energy - error)]))
    top = float(np.nanmax([axes.get_ylim()[1], 1.0, *(estimated.free_energy + error)]))
    axes.set_ylim(bottom - 0.03 * (top - bottom), top + 0.12 * (top - bottom))
    axes.set_xlabel(cv_label(record.header, estimated.cv))
    axes.set_ylabel("free energy [kT]")
    shade_states(axes, record.header, estimated.cv)


def _difference(found: Comparison) -> str:
    return f"{found.headline}  [chain {found.chain.text()},  BAR {found.bar.text()}]"
