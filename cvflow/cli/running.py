"""Commands that make a run: `run` and its other name `drive`, `polymer`, `resume`."""

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cvflow.cli.ending import saying_how_to_go_on
from cvflow.cli.options import Folder, Out, Overrides, Quiet, Scheduler, WallTime, Workers
from cvflow.config.section import ConfigError
from cvflow.host.stopping import seconds_of


class PolymerCv(StrEnum):
    """CVs of the polymer demo."""

    END_TO_END = "end-to-end"
    BEADS = "beads"


class EngineName(StrEnum):
    """Engines of the polymer demo."""

    OPENMM = "openmm"
    LAMMPS = "lammps"


def polymer(
    cv: Annotated[PolymerCv, typer.Option(help="Collective variable.")] = PolymerCv.END_TO_END,
    engine: Annotated[EngineName, typer.Option(help="Engine.")] = EngineName.OPENMM,
    walkers: Annotated[int | None, typer.Option(min=1, help="Number of chains.")] = None,
    jumps: Annotated[int | None, typer.Option(min=1, help="Production jumps per walker.")] = None,
    path_steps: Annotated[int | None, typer.Option(min=1, help="Time steps of a path between the states.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Every random number follows from it.")] = 1,
    out: Out = None,
    quick: Annotated[bool, typer.Option("--quick", help="A minute instead of four.")] = False,
    scheduler: Scheduler = None,
    wall_time: WallTime = None,
    quiet: Quiet = False,
) -> None:
    """Sample the 9-bead polymer in solvent, stuck between a compact and an extended state."""
    until = _until(wall_time)
    from cvflow.config.presets import POLYMER, POLYMER_BEADS, POLYMER_BEADS_QUICK, POLYMER_QUICK
    from cvflow.config.settings import parse

    presets = {PolymerCv.END_TO_END: (POLYMER, POLYMER_QUICK), PolymerCv.BEADS: (POLYMER_BEADS, POLYMER_BEADS_QUICK)}
    preset, quicker = presets[cv]
    faster = quicker if quick else {"run": {}, "path": {}}
    run = preset["run"] | faster["run"] | {"seed": seed}
    run |= {key: value for key, value in (("walkers", walkers), ("jumps", jumps)) if value is not None}
    path = preset["path"] | faster["path"] | ({"steps": path_steps} if path_steps else {})
    config = parse(preset | {"run": run, "path": path, "engine": {"name": engine.value}}, "cvflow polymer")
    _sample(config, Path(), out or _free_folder("cvflow-polymer"), quiet, None, scheduler, until)


def run(
    config: Annotated[Path, typer.Argument(help="TOML file.")],
    out: Out = None,
    settings: Overrides = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    wall_time: WallTime = None,
    quiet: Quiet = False,
) -> None:
    """Run a config file, on an engine inside cvflow or with an external MD program, jump by jump."""
    until = _until(wall_time)
    from cvflow.config.settings import load

    loaded = load(config, settings)
    folder = out or _free_folder(f"cvflow-{config.stem}")
    _sample(loaded, config.parent, folder, quiet, workers, scheduler, until, config)


def resume(
    folder: Folder,
    jumps: Annotated[int | None, typer.Option(min=1, help="Production jumps per walker, in all.")] = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    wall_time: WallTime = None,
    quiet: Quiet = False,
    accept_versions: Annotated[
        bool, typer.Option("--accept-versions", help="Go on with other versions of packages; the report says so.")
    ] = False,
) -> None:
    """Continue an interrupted run, or make a finished one longer."""
    until = _until(wall_time)
    from cvflow.cli.outcome import show
    from cvflow.run import run_folder
    from cvflow.run.progress import watching
    from cvflow.run.scheduler import joined

    with saying_how_to_go_on(folder), joined(scheduler, workers) as (executor, count), watching(quiet) as watch:
        summary = run_folder.resume(folder, jumps, watch, count, until, executor, accept_versions=accept_versions)
    show(summary, folder)


def _until(wall_time: str | None) -> float | None:
    """On the monotonic clock, from the time that a command begins."""
    begun = time.monotonic()
    try:
        return None if wall_time is None else begun + seconds_of(wall_time)
    except ValueError as error:
        raise ConfigError(f"--wall-time: {error}") from error


def _sample(
    config: Any,
    base: Path,
    folder: Path,
    quiet: bool,
    workers: int | None,
    scheduler: str | None,
    until: float | None,
    file: Path | None = None,
) -> None:
    from dataclasses import replace

    from cvflow.cli.outcome import show
    from cvflow.run import run_folder
    from cvflow.run.progress import watching
    from cvflow.run.scheduler import joined
    from cvflow.setup import from_config

    run_folder.check_unused(folder)
    setup = from_config(config, base)
    if file is not None:
        setup = replace(setup, reads=(*setup.reads, file))
    for note in (*setup.wall_words, *setup.notes):
        typer.echo(run_folder.said(note))
    with saying_how_to_go_on(folder), joined(scheduler, workers) as (executor, count), watching(quiet) as watch:
        summary = run_folder.begin(setup, folder, watch, count, until, executor)
    show(summary, folder)


def _free_folder(name: str) -> Path:
    """The first of name, name-2, name-3, … that holds no run."""
    from cvflow.run.run_folder import holds_run

    number = 1
    while holds_run(folder := Path(name if number == 1 else f"{name}-{number}")):
        number += 1
    return folder

