"""Text files, figures and one HTML page from a run's record; reads the store and the estimates, nothing else."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cvflow.estimate.free_energy import profile
from cvflow.estimate.summary import summarise
from cvflow.report.figures import acceptance_figure, free_energy_figure, png, trace_figure, work_figure
from cvflow.report.findings import Summary
from cvflow.report.html import Illustration, html_report
from cvflow.report.plumed_text import colvar_text, fes_text, jumps_text
from cvflow.report.tables import final_table
from cvflow.store import Record

__all__ = ["final_table", "write_fes", "write_report"]

_BINS = 60


def write_report(record: Record, folder: Path) -> dict[str, Any]:
    """Write everything that a finished or interrupted run has to show, and return its summary.

    Each file appears whole or not at all, and none appears if the summary cannot be made.

    Raises:
        ValueError: a walker has no production turn yet.
    """
    summary = summarise(record)
    illustrations = _illustrations(record, summary)
    files = {illustration.file: illustration.image for illustration in illustrations} | {
        "COLVAR": colvar_text(record).encode(),
        "jumps.dat": jumps_text(record).encode(),
        "fes.dat": _fes(record, record.header.cvs[0], _BINS),
        "flow.safetensors": record.flows[-1].data,
        "report.html": html_report(record, summary, illustrations).encode(),
        "summary.json": (json.dumps(summary, indent=2, allow_nan=False) + "\n").encode(),
    }
    _write(folder, files)
    return summary


def write_fes(record: Record, folder: Path, cv: str, bins: int) -> None:
    """Write `fes.dat` and `fes_<cv>.png` of one CV.

    Raises:
        ValueError: the CV is unknown, there are fewer than two bins, or a walker has no production turn yet.
    """
    _write(folder, {"fes.dat": _fes(record, cv, bins), f"fes_{cv}.png": png(free_energy_figure(record, cv, bins))})


def _illustrations(record: Record, summary: Summary) -> list[Illustration]:
    profiles = [
        Illustration(
            f"fes_{cv}.png",
            f"Free energy along {cv}: F({cv}) with its error band and the flow's own −kT ln q. The flow learns the "
            "density of the restraint's centre, a little broader than that of the CV.",
            png(free_energy_figure(record, cv, _BINS, summary)),
        )
        for cv in record.header.cvs
    ]
    return [
        *profiles,
        Illustration(
            "work.png",
            "Works of all production paths between the first two states, accepted or not. The two histograms cross at "
            "ΔF; the less they overlap, the less the paths relax.",
            png(work_figure(record, summary)),
        ),
        Illustration("trace.png", "What every walker visited.", png(trace_figure(record))),
        Illustration(
            "acceptance.png",
            "Acceptance in a running window with its binomial error (68 %), dotted lines where a new version of the "
            "flow begins to propose; below, how well each version predicts samples it was not trained on.",
            png(acceptance_figure(record)),
        ),
    ]


def _fes(record: Record, cv: str, bins: int) -> bytes:
    return fes_text(profile(record, cv, bins), record.header.kT).encode()


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Each under a temporary name first, so that a reader never meets half a file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        temporary = folder / f"{name}.tmp"
        temporary.write_bytes(data)
        os.replace(temporary, folder / name)
