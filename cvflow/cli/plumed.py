"""`cvflow plumed`: the input action CVFLOW and the flows it reads."""

from pathlib import Path
from typing import Annotated

import typer

from cvflow.config.section import ConfigError

app = typer.Typer(no_args_is_help=True, help="The PLUMED action CVFLOW: compile it, and export flows for it.")


@app.command()
def build(
    out: Annotated[Path, typer.Option("--out", help="The library to make.")] = Path("CVFlow.so"),
) -> None:
    """Compile the action against the PLUMED found, and print the line that loads it."""
    from cvflow.host.plumed_action import built, found_plumed

    try:
        library = built(found_plumed(), out)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    except (RuntimeError, OSError) as error:
        typer.echo(f"cvflow: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"LOAD FILE={library}")


@app.command()
def info() -> None:
    """Which PLUMED there is, and whether the action can be compiled against it."""
    from cvflow.host.plumed_action import SOURCES, found_plumed

    try:
        plumed = found_plumed()
    except ValueError as error:
        raise ConfigError(str(error)) from error
    typer.echo(f"PLUMED {plumed.version}: {plumed.program}")
    typer.echo(f"kernel: {plumed.kernel or 'not found beside it'}")
    typer.echo(f"action: {SOURCES / 'CVFlow.cpp'}; `cvflow plumed build` compiles it")


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="The --out folder of a run.")],
    out: Annotated[Path | None, typer.Option("--out", help="The file; else flow.cvf in that folder.")] = None,
) -> None:
    """Write the run's last flow as flow.cvf, which the action reads."""
    from cvflow.host.atomic import write_whole
    from cvflow.proposals.export import InexpressibleError, to_cvf
    from cvflow.proposals.io import from_bytes
    from cvflow.run.run_folder import open_record

    record = open_record(folder)
    try:
        written = to_cvf(from_bytes(record.flows[-1].data), record.header.cvs, record.header.units)
    except InexpressibleError as error:
        raise ConfigError(f"{folder}: {error}") from error
    target = out or folder / "flow.cvf"
    try:
        write_whole(target, written)
    except OSError as error:
        raise ConfigError(f"--out {target}: {error.strerror}") from error
    typer.echo(f"wrote {target}")
