"""`cvflow pull`: F along one CV, to where equilibrium never goes, by steered paths through stages."""

from pathlib import Path
from typing import Annotated

import typer

from cvflow.cli.options import Overrides, Quiet, Scheduler, Workers
from cvflow.config.section import ConfigError


def pull(
    config: Annotated[Path, typer.Argument(help="TOML file with a section [pull].")],
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the results; must not be there.")] = None,
    settings: Overrides = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    bins: Annotated[int, typer.Option("--bins", min=2, max=1000, help="Number of bins.")] = 60,
    quiet: Quiet = False,
) -> None:
    """Pull a CV from one value to another, through windows, both ways; write F along it with its error."""
    from cvflow.config.settings import load
    from cvflow.report.pull_files import write_pull
    from cvflow.run.pulling import pull, way_of
    from cvflow.run.run_folder import said, writing_into
    from cvflow.run.scheduler import joined
    from cvflow.setup import from_config

    folder = out or Path(f"cvflow-pull-{config.stem}")
    if folder.exists():
        raise ConfigError(f"{folder} is there already, and nothing in it is touched; give another folder by --out")
    setup = from_config(load(config, settings), config.parent)
    way = way_of(setup)
    for note in (*setup.wall_words, *setup.notes):
        typer.echo(said(note))
    with joined(scheduler, workers) as (given, count):
        processes = setup.walkers.workers(setup, count, given)
        with writing_into(folder):
            folder.mkdir(parents=True)
        try:
            with setup.walkers.working(processes, given) as executor:
                found = pull(setup, way, executor, bins, (lambda line: None) if quiet else typer.echo)
        except BaseException:  # Ctrl-C, too: there is nothing to go on from
            folder.rmdir()
            raise
    with writing_into(folder):
        files = write_pull(folder, found.profile, found.summary, setup.config.to_toml())
    for warning in found.summary.warnings:
        typer.echo(f"warning: {warning}")
    unit = f" {found.summary.unit}" if found.summary.unit else ""
    typer.echo(
        f"F({found.summary.cv}) from {way.given.start:g} to {way.given.end:g}{unit}, errors up to "
        f"{found.summary.largest_stderr_kT or float('nan'):.2f} kT; {found.summary.steps.total:,} force evaluations"
    )
    typer.echo(f"wrote {', '.join(str(folder / name) for name in files)}")
