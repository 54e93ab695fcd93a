"""Options that several commands have."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[Path | None, typer.Option("--out", help="Folder for the results; must not hold a run.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Plain lines instead of a live progress line.")]
Workers = Annotated[int | None, typer.Option("--workers", min=1, help="Worker processes, each pinned to a core.")]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        help="Run on the workers of a Dask scheduler: tcp://host:port, or the file that it wrote.",
        metavar="ADDRESS",
    ),
]
WallTime = Annotated[
    str | None,
    typer.Option(
        "--wall-time",
        help="Stop within [D-]HH:MM:SS or MM:SS, with all committed, and exit with code 75.",
        metavar="TIME",
    ),
]
Beside = Annotated[
    list[Path] | None,
    typer.Option("--beside", help="Folder of another run of the same system, to stand beside this one; repeatable."),
]
ReportOut = Annotated[
    Path | None,
    typer.Option("--out", help="Folder to write into, where the run's own is read-only or somebody else's."),
]


class VectorFormat(StrEnum):
    """Formats for a paper."""

    SVG = "svg"
    PDF = "pdf"


Formats = Annotated[
    list[VectorFormat] | None,
    typer.Option("--format", help="Write each figure in a vector format besides PNG; repeatable."),
]
Folder = Annotated[Path, typer.Argument(help="The --out folder of a run.")]
Overrides = Annotated[list[str] | None, typer.Option("--set", help="section.key=value, over the file.")]
