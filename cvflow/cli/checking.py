"""`cvflow check`: a run's folder, whether it is whole; a config, whether its run can be done."""

from pathlib import Path
from typing import Annotated

import typer

from cvflow.cli.ending import StoppedError
from cvflow.cli.options import Overrides, Quiet, Scheduler
from cvflow.config.section import ConfigError


def check(
    what: Annotated[Path, typer.Argument(help="TOML file, or the --out folder of a run.")],
    minutes: Annotated[float, typer.Option(min=0.1, help="Time for pilot paths of a config.")] = 2.0,
    settings: Overrides = None,
    scheduler: Scheduler = None,
    quiet: Quiet = False,
) -> None:
    """Say whether a config's run can be done, and what it will cost; or what of a run's folder is whole.

    One line a finding; exit code 1 if it cannot be done, or something is damaged. Nothing is written.
    """
    if what.is_dir() and settings:
        raise ConfigError("--set is for a config; a run's folder has its settings")
    if what.is_dir() and scheduler:
        raise ConfigError("--scheduler is for a config; a run's folder is looked at here")
    if what.suffix == ".toml" or what.is_file():
        _config(what, settings, 60 * minutes, scheduler, quiet)
    else:
        _folder(what)


def _folder(folder: Path) -> None:
    from cvflow.run.check import check

    findings = []
    for found in check(folder):
        typer.echo(f"{'ok' if found.whole else 'damaged':<8} {found.line}")
        findings.append(found)
    if not all(found.whole for found in findings):
        raise StoppedError("not all of it is whole", 1)


def _config(config: Path, settings: list[str] | None, seconds: float, scheduler: str | None, quiet: bool) -> None:
    from cvflow.config.settings import load
    from cvflow.run.feasibility import feasibility
    from cvflow.run.progress import watching
    from cvflow.run.run_folder import said
    from cvflow.run.scheduler import joined
    from cvflow.setup import from_config

    setup = from_config(load(config, settings), config.parent)
    for note in setup.notes:
        typer.echo(said(note))
    reasons = []
    with joined(scheduler, None) as (executor, workers), watching(quiet) as watch:
        for found in feasibility(setup, seconds, (lambda trying: None) if quiet else watch, workers, executor):
            watch(f"{'ok' if found.feasible else 'no':<4} {found.line}")
            if not found.feasible:
                reasons.append(found.line)
    if reasons:
        raise StoppedError(f"not feasible: {reasons[0]}", 1)
    typer.echo("feasible")
