"""Text files, figures and one HTML page from a run's record; reads the store and the estimates, nothing else."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from cvflow.estimate.free_energy import profile
from cvflow.estimate.schema import Summary
from cvflow.estimate.summary import summarise
from cvflow.estimate.surface import surface
from cvflow.host.atomic import write_whole
from cvflow.host.faults import said
from cvflow.host.journal import LOG
from cvflow.proposals.export import exported
from cvflow.report.beside import Shown, beside_table, shown
from cvflow.report.figures import (
    acceptance_figure,
    free_energy_figure,
    png,
    surface_figure,
    trace_figure,
    work_figure,
)
from cvflow.report.html import Illustration, html_report
from cvflow.report.plumed_text import colvar_text, fes_text, jumps_text, surface_text
from cvflow.report.tables import final_table
from cvflow.store import Record

__all__ = ["Shown", "beside_table", "final_table", "shown", "write_fes", "write_report"]

_BINS = 60


def write_report(record: Record, folder: Path, others: Sequence[Shown] = ()) -> Summary:
    """Write everything that a finished or interrupted run has to show, and return its summary.

    Each file appears whole or not at all, and none appears if the summary cannot be made. The page lists the other runs
    beside this one.

    Raises:
        ValueError: a walker has no production turn yet.
    """
    summary = summarise(record)
    illustrations = _illustrations(record, summary)
    runs = [Shown(folder, record.header, summary), *others]
    files = {illustration.file: illustration.image for illustration in illustrations} | {
        "COLVAR": colvar_text(record).encode(),
        "jumps.dat": jumps_text(record).encode(),
        "fes.dat": _fes(record, _main_cvs(record), _BINS),
        "flow.safetensors": record.flows[-1].data,
        **exported(record.flows[-1].data, record.header.cvs, record.header.units),
        "report.html": html_report(record, summary, illustrations, runs).encode(),
        "summary.json": summary.text().encode(),
    }
    _write(folder, files)
    return summary


def write_fes(record: Record, folder: Path, cvs: Sequence[str], bins: int) -> list[str]:
    """Write `fes.dat` and its picture along one CV, `fes_<cv>.png`, or along two, `fes_<cv>_<cv>.png`.

    Returns:
        The names of the files.

    Raises:
        ValueError: a CV is unknown, there are none, more than two or one twice, fewer than two bins, or a walker has no
            production turn yet.
    """
    if len(cvs) not in (1, 2):
        raise ValueError(f"free energies are along one CV or two, got {', '.join(cvs) or 'none'}")
    files = {"fes.dat": _fes(record, cvs, bins)}
    make = (
        partial(free_energy_figure, record, cvs[0], bins)
        if len(cvs) == 1
        else partial(surface_figure, record, cvs[0], cvs[1], bins)
    )
    if illustration := _drawn(f"fes_{'_'.join(cvs)}.png", "", make):
        files[illustration.file] = illustration.image
    _write(folder, files)
    return list(files)


def _main_cvs(record: Record) -> list[str]:
    """What `fes.dat` of a run is along: two CVs if that is all there are, else the first."""
    cvs = record.header.cvs
    return cvs if len(cvs) == 2 else cvs[:1]


def _illustrations(record: Record, summary: Summary) -> list[Illustration]:
    profiles = [
        _drawn(
            f"fes_{cv}.png",
            f"Free energy along {cv}: F({cv}) with its error band, and −ln q of the proposal{_of_centres(record)}.",
            partial(free_energy_figure, record, cv, _BINS, summary),
        )
        for cv in record.header.cvs
    ]
    found = [
        *_contours(record),
        *profiles,
        _drawn(
            "work.png",
            "Works of all production paths between the first two states, accepted or not, with the error of each bin. "
            "The two histograms cross at ΔF; the less they overlap, the less the paths relax.",
            partial(work_figure, record, summary),
        ),
        _drawn("trace.png", "What every walker visited.", partial(trace_figure, record)),
        _drawn(
            "acceptance.png",
            f"Acceptance in a running window with its binomial error (68 %){_of_versions(record)}.",
            partial(acceptance_figure, record),
        ),
    ]
    return [illustration for illustration in found if illustration is not None]


def _of_centres(record: Record) -> str:
    if len(record.header.kappa) != len(record.header.cvs):
        return ""
    learns = ", which learns the density of the" if _learns(record) else " of the"
    return f"{learns} restraint's centre, a little broader than that of the CV"


def _of_versions(record: Record) -> str:
    return _VERSIONS if _learns(record) else "; the proposal is fixed, and nothing was trained"


_VERSIONS = (
    ", dotted lines where a new version of the flow begins to propose; below, how well each version predicts samples "
    "it was not trained on"
)


def _learns(record: Record) -> bool:
    return any(flow.epochs for flow in record.flows)


def _drawn(file: str, caption: str, make: Callable[[], Figure]) -> Illustration | None:
    """The figure; one that cannot be drawn costs neither the tables nor the others, and is said."""
    try:
        return Illustration(file, caption, png(make()))
    except Exception as error:
        LOG.warning("warning: %s could not be drawn (%s)", file, said(error))
        LOG.info("%s", file, exc_info=error)
        return None


def _contours(record: Record) -> list[Illustration | None]:
    """The free energy along both CVs, for runs that have two."""
    cvs = _main_cvs(record)
    if len(cvs) != 2:
        return []
    caption = (
        f"Free energy along {cvs[0]} and {cvs[1]}, from the chains and the works of paths between states. Dashed "
        "lines are the borders of the named states; white is where too few visits or paths tell an error, and says "
        "nothing about the free energy there."
    )
    return [_drawn(f"fes_{'_'.join(cvs)}.png", caption, partial(surface_figure, record, cvs[0], cvs[1], _BINS))]


def _fes(record: Record, cvs: Sequence[str], bins: int) -> bytes:
    kT = record.header.kT
    if len(cvs) == 1:
        return fes_text(profile(record, cvs[0], bins), kT).encode()
    return surface_text(surface(record, (cvs[0], cvs[1]), bins), kT).encode()


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        write_whole(folder / name, data)
