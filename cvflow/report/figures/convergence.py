"""R-hat and effective samples against the jumps made."""

import numpy as np
from matplotlib.figure import Figure

from cvflow.estimate.cautions import R_HAT_LIMIT
from cvflow.estimate.running import RunningConvergence
from cvflow.report.figures.drawing import BLUE, GREEN, GREY, PURPLE, VERMILION, in_our_style, say
from cvflow.store import Record

_COLORS = (BLUE, VERMILION, GREEN, PURPLE, GREY)
_MOST = 5
"""CVs that are drawn: of more, those of the largest R-hat at the end."""


@in_our_style()
def convergence_figure(record: Record, found: RunningConvergence) -> Figure:
    """R-hat of each CV with its limit, and below it bulk and tail effective samples, after ever more jumps.

    Args:
        record: the run.
        found: its R-hat and effective samples.
    """
    figure = Figure(figsize=(7.2, 5.2), layout="constrained")
    figure.suptitle("R-hat and effective samples as the run goes on")
    if not np.isfinite(found.r_hat).any():
        say(figure.add_subplot(), "No R-hat yet: the walkers have made too few jumps, or do not move.")
        return figure
    above, below = figure.subplots(2, 1, sharex=True)
    for color, cv in zip(_COLORS, _worst(found), strict=False):
        name = record.header.cvs[cv]
        above.plot(found.jumps, found.r_hat[:, cv], "o-", markersize=3, color=color, label=name)
        below.plot(found.jumps, found.bulk[:, cv], "o-", markersize=3, color=color, label=f"{name}, bulk")
        below.plot(found.jumps, found.tail[:, cv], "s--", markersize=3, color=color, label=f"{name}, tail")
    limit = f"{R_HAT_LIMIT}: a warning above"
    above.axhline(R_HAT_LIMIT, color=GREY, linewidth=0.9, linestyle=(0, (2, 3)), label=limit)
    above.set_ylabel("R-hat")
    above.legend(loc="upper right", ncols=2)
    below.set_ylabel("effective samples")
    below.set_ylim(bottom=0)
    below.set_xlabel("jumps of each walker in production")
    below.legend(loc="upper left", ncols=2)
    return figure


def _worst(found: RunningConvergence) -> list[int]:
    """Places of the CVs that are drawn, in their order."""
    last = np.nan_to_num(found.r_hat[-1], nan=np.inf)
    return sorted(np.argsort(-last, kind="stable")[:_MOST].tolist())
