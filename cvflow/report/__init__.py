"""Text files, figures and one HTML page from a run's record; reads the store and the estimates, nothing else."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path

from cvflow.estimate.comparison import Compared, compared_pairs
from cvflow.estimate.free_energy import profile
from cvflow.estimate.schema import Summary
from cvflow.estimate.summary import summarise
from cvflow.estimate.surface import surface
from cvflow.host.atomic import write_whole
from cvflow.proposals.export import exported
from cvflow.report.beside import Shown, beside_table, shown
from cvflow.report.html import LiveParts, html_report, waiting_page
from cvflow.report.illustrations import REPORT_BINS, Form, free_energy_profile, free_energy_surface, run_illustrations
from cvflow.report.plumed_text import colvar_text, fes_text, jumps_text, surface_text
from cvflow.report.tables import final_table
from cvflow.store import Record

__all__ = [
    "Form",
    "LiveParts",
    "Shown",
    "beside_table",
    "final_table",
    "live_report",
    "shown",
    "waiting_page",
    "write_fes",
    "write_report",
]


def write_report(
    record: Record, folder: Path, others: Sequence[Shown] = (), forms: Sequence[Form] = ()
) -> Summary:
    """Write everything that a finished or interrupted run has to show, and return its summary.

    Each file appears whole or not at all, and none appears if the summary cannot be made. The page lists the other runs
    beside this one.

    Args:
        record: the run.
        folder: where to write.
        others: runs of the same system.
        forms: vector formats that each figure is written in besides PNG.

    Raises:
        ValueError: a walker has no production turn yet.
    """
    summary = summarise(record)
    pairs = _pairs(record)
    pictures = run_illustrations(record, summary, pairs, forms)
    runs = [Shown(folder, record.header, summary), *others]
    files = {picture.file: picture.image for picture in pictures}
    files |= {file: data for picture in pictures for file, data in picture.beside.items()}
    files |= {
        "COLVAR": colvar_text(record).encode(),
        "jumps.dat": jumps_text(record).encode(),
        "fes.dat": _fes(record, _main_cvs(record), REPORT_BINS),
        "flow.safetensors": record.flows[-1].data,
        **exported(record.flows[-1].data, record.header.cvs, record.header.units),
        "report.html": html_report(record, summary, pictures, runs, list(pairs.values())).encode(),
        "summary.json": summary.text().encode(),
    }
    _write(folder, files)
    return summary


def live_report(record: Record, folder: Path) -> Callable[[LiveParts], str]:
    """The report of a run that goes on, from what it has committed so far.

    Returns:
        What makes its page, given where the run stands: as often as it is wanted, with pictures that are drawn once.

    Raises:
        ValueError: a walker has no production turn yet.
    """
    summary = summarise(record)
    pairs = _pairs(record)
    pictures = run_illustrations(record, summary, pairs)
    shown = [Shown(folder, record.header, summary)]
    return partial(html_report, record, summary, pictures, shown, list(pairs.values()))


def write_fes(record: Record, folder: Path, cvs: Sequence[str], bins: int, forms: Sequence[Form] = ()) -> list[str]:
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
    picture = (
        free_energy_profile(record, cvs[0], bins, None, forms)
        if len(cvs) == 1
        else free_energy_surface(record, cvs[0], cvs[1], bins, forms)
    )
    if picture:
        vectors = {file: data for file, data in picture.beside.items() if not file.endswith(".dat")}
        files |= {picture.file: picture.image, **vectors}
    _write(folder, files)
    return list(files)


def _pairs(record: Record) -> dict[tuple[int, int], Compared]:
    """Estimates of all pairs of states, by their indices."""
    which = list(combinations(range(len(record.header.states)), 2))
    return dict(zip(which, compared_pairs(record, which), strict=True))


def _main_cvs(record: Record) -> list[str]:
    """What `fes.dat` of a run is along: two CVs if that is all there are, else the first."""
    cvs = record.header.cvs
    return cvs if len(cvs) == 2 else cvs[:1]


def _fes(record: Record, cvs: Sequence[str], bins: int) -> bytes:
    kT = record.header.kT
    if len(cvs) == 1:
        return fes_text(profile(record, cvs[0], bins), kT).encode()
    return surface_text(surface(record, (cvs[0], cvs[1]), bins), kT).encode()


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        write_whole(folder / name, data)
