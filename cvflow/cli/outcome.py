"""What a run prints when it is done."""

from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console

from cvflow.estimate.cautions import comparisons
from cvflow.estimate.schema import Summary
from cvflow.report import Shown, beside_table, final_table
from cvflow.run.run_folder import open_record


def show(summary: Summary, folder: Path, runs: Sequence[Shown] = (), out: Path | None = None) -> None:
    """The run's figures, then those of the runs beside it, and what it was run for, in a line for each difference.

    Args:
        summary: of the run.
        folder: the run's.
        runs: this run and those beside it, if there are any.
        out: where the report is, if not in the run's folder.
    """
    Console().print(final_table(summary, open_record(folder).header))
    if len(runs) > 1:
        Console().print(beside_table(runs))
    for found in comparisons(summary):
        typer.echo(found.headline)
    typer.echo(f"report: {(out or folder) / 'report.html'}")
