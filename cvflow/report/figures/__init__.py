"""Figures of a run, each a function of its record.

Built with matplotlib's objects, not with pyplot: no global state, no window, nothing to close.
"""

from cvflow.report.figures.acceptance import acceptance_figure
from cvflow.report.figures.convergence import convergence_figure
from cvflow.report.figures.drawing import alt_text, laid_out, png, vector
from cvflow.report.figures.free_energy import free_energy_figure
from cvflow.report.figures.running import running_figure
from cvflow.report.figures.surface import surface_figure
from cvflow.report.figures.trace import trace_figure
from cvflow.report.figures.work import work_figure

__all__ = [
    "acceptance_figure",
    "alt_text",
    "convergence_figure",
    "free_energy_figure",
    "laid_out",
    "png",
    "running_figure",
    "surface_figure",
    "trace_figure",
    "vector",
    "work_figure",
]
