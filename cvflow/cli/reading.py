"""Commands that read a run's folder: `report`, `status`, `watch`, `fes`, `recover`."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from cvflow.cli.options import Beside, Folder, Formats, ReportOut, VectorFormat
from cvflow.config.section import ConfigError

if TYPE_CHECKING:
    from cvflow.report import Form


def report(folder: Folder, beside: Beside = None, out: ReportOut = None, formats: Formats = None) -> None:
    """Write figures, tables, summary.json and report.html again, from the store alone."""
    from cvflow.cli.outcome import show
    from cvflow.run import run_folder

    with _needing_production():
        runs = run_folder.report(folder, beside or [], out, _forms(formats))
    show(runs[0].summary, folder, runs, out)


def status(folder: Folder) -> None:
    """Say where a run stands, also while it runs: walkers, rates, ΔF so far, warnings, and what it lacks."""
    from cvflow.run.status import status

    for line in status(folder):
        typer.echo(line)


def watch(
    folder: Folder,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Of the page; 0 for any that is free.")] = 8765,
    every: Annotated[float, typer.Option("--every", min=1.0, help="Seconds after which the page looks again.")] = 30.0,
) -> None:
    """Show the report of a run while it goes on, as a page on this machine; nothing in the folder is touched."""
    from cvflow.run.watching import HOST, WatchedFolder, served

    with served(WatchedFolder(folder, every), port) as server, suppress(KeyboardInterrupt):
        typer.echo(f"watching {folder}: http://{HOST}:{server.server_port} (Ctrl-C ends the page, and not the run)")
        server.serve_forever()


def recover(folder: Folder) -> None:
    """Go back to the commit before the last, where the store is damaged; the damaged file stays under another name."""
    from cvflow.run.recover import recover

    for line in recover(folder):
        typer.echo(line)


def fes(
    folder: Folder,
    cv: Annotated[list[str] | None, typer.Option("--cv", help="Name of a CV; twice for two. Else the first.")] = None,
    bins: Annotated[int, typer.Option("--bins", min=2, max=1000, help="Number of bins, a CV.")] = 60,
    out: ReportOut = None,
    formats: Formats = None,
) -> None:
    """Write the free energy along a CV, or along two, fes.dat and fes_<cv>.png, from the store alone."""
    from cvflow.report import write_fes
    from cvflow.run.run_folder import open_record, writing_into

    record = open_record(folder)
    place = out or folder
    with _needing_production(), writing_into(place):
        files = write_fes(record, place, cv or record.header.cvs[:1], bins, _forms(formats))
    typer.echo(f"wrote {' and '.join(str(place / name) for name in files)}")


def _forms(formats: list[VectorFormat] | None) -> list["Form"]:
    return [vector.value for vector in formats or []]


@contextmanager
def _needing_production() -> Iterator[None]:
    """Estimates of a run that is still adapting: misuse, said in one line."""
    try:
        yield
    except ValueError as error:
        raise ConfigError(str(error)) from error
