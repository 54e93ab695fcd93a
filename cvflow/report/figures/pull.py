"""F along a CV that was pulled, and what its stages lost."""

import numpy as np
from matplotlib.figure import Figure

from cvflow.estimate.pull_summary import PullSummary
from cvflow.estimate.pulling import PulledProfile
from cvflow.report.figures.drawing import BLUE, GREY, VERMILION, in_our_style


@in_our_style()
def pull_figure(found: PulledProfile, summary: PullSummary) -> Figure:
    """F(ξ) [kT] with its error band above, the loss of each stage below.

    Args:
        found: the curve.
        summary: of the same paths.
    """
    figure = Figure(figsize=(7.2, 5.8), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    x, F, error = found.curve.centres, found.curve.free_energy, found.curve.stderr
    missing = "\n(none where no path came in enough draws)" if np.isnan(F).any() else ""
    upper.plot(x, F, "-", color=BLUE, linewidth=1.6, label=f"F({summary.cv}), ± one standard error{missing}")
    upper.fill_between(x, F - error, F + error, color=BLUE, alpha=0.25, linewidth=0)
    upper.set_ylabel("free energy [kT]")
    upper.legend(loc="upper left")
    middles = [0.5 * (stage.start + stage.end) for stage in summary.stages]
    lower.plot(middles, [stage.loss_kT for stage in summary.stages], "o", color=VERMILION, markersize=4)
    lower.axhline(0.0, color=GREY, linewidth=0.8)
    lower.set_ylabel("lost in a stage [kT]")
    lower.set_xlabel(f"{summary.cv} [{summary.unit}]" if summary.unit else summary.cv)
    ways = "both ways" if summary.both else "one way"
    figure.suptitle(f"F({summary.cv}) by {summary.paths} paths {ways} through each of {len(summary.stages)} stages")
    return figure
