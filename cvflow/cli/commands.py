"""The command line: thin layers over the Python calls.

Exit codes: 0 done, 1 the run failed (what it had is on disk), 2 misuse (one line, nothing touched), 75 stopped before
its end, to be resumed (--wall-time, or a file EXIT in its folder), 129, 130 and 143 the same after SIGHUP, Ctrl-C and
SIGTERM.
"""

import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer

from cvflow import __version__
from cvflow.cli.plumed import app as plumed_app
from cvflow.config.section import ConfigError
from cvflow.host.faults import said
from cvflow.host.interrupt import Terminated
from cvflow.host.journal import FILE
from cvflow.host.stopping import PausedError, seconds_of

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(plumed_app, name="plumed")

UsageError: Any = typer.BadParameter.__bases__[0]
"""Click's own UsageError: typer carries click inside or depends on it, by its version."""

Out = Annotated[Path | None, typer.Option("--out", help="Folder for the results; must not hold a run.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Plain lines instead of a live progress line.")]
Workers = Annotated[int | None, typer.Option("--workers", min=1, help="Worker processes, each pinned to a core.")]
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
Folder = Annotated[Path, typer.Argument(help="The --out folder of a run.")]


class PolymerCv(StrEnum):
    """CVs of the polymer demo."""

    END_TO_END = "end-to-end"
    BEADS = "beads"


class EngineName(StrEnum):
    """Engines of the polymer demo."""

    OPENMM = "openmm"
    LAMMPS = "lammps"


@app.command()
def polymer(
    cv: Annotated[PolymerCv, typer.Option(help="Collective variable.")] = PolymerCv.END_TO_END,
    engine: Annotated[EngineName, typer.Option(help="Engine.")] = EngineName.OPENMM,
    walkers: Annotated[int | None, typer.Option(min=1, help="Number of chains.")] = None,
    jumps: Annotated[int | None, typer.Option(min=1, help="Production jumps per walker.")] = None,
    path_steps: Annotated[int | None, typer.Option(min=1, help="Time steps of a path between the states.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Every random number follows from it.")] = 1,
    out: Out = None,
    quick: Annotated[bool, typer.Option("--quick", help="A minute instead of four.")] = False,
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
    _sample(config, Path(), out or _free_folder("cvflow-polymer"), quiet, None, until)


@app.command()
def run(
    config: Annotated[Path, typer.Argument(help="TOML file.")],
    out: Out = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="section.key=value, over the file.")] = None,
    workers: Workers = None,
    wall_time: WallTime = None,
    quiet: Quiet = False,
) -> None:
    """Run a config file."""
    until = _until(wall_time)
    from cvflow.config.settings import load

    loaded = load(config, settings)
    if loaded.drive is not None:
        raise ConfigError(f"{config}: an external program ([drive]) is run by `cvflow drive`")
    _sample(loaded, config.parent, out or _free_folder(f"cvflow-{config.stem}"), quiet, workers, until, config)


@app.command()
def drive(
    config: Annotated[Path, typer.Argument(help="TOML file with a [drive] section.")],
    out: Out = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="section.key=value, over the file.")] = None,
    workers: Workers = None,
    wall_time: WallTime = None,
    quiet: Quiet = False,
) -> None:
    """Run an external MD program that PLUMED is built into, jump by jump."""
    until = _until(wall_time)
    from cvflow.config.settings import load

    loaded = load(config, settings)
    if loaded.drive is None:
        raise ConfigError(f"{config}: no [drive] section; `cvflow run` is for engines inside cvflow")
    _sample(loaded, config.parent, out or _free_folder(f"cvflow-{config.stem}"), quiet, workers, until, config)


@app.command()
def resume(
    folder: Folder,
    jumps: Annotated[int | None, typer.Option(min=1, help="Production jumps per walker, in all.")] = None,
    workers: Workers = None,
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

    with _saying_how_to_go_on(folder), watching(quiet) as watch:
        summary = run_folder.resume(folder, jumps, watch, workers, until, accept_versions=accept_versions)
    show(summary, folder)


@app.command()
def report(folder: Folder, beside: Beside = None, out: ReportOut = None) -> None:
    """Write figures, tables, summary.json and report.html again, from the store alone."""
    from cvflow.cli.outcome import show
    from cvflow.run import run_folder

    with _needing_production():
        runs = run_folder.report(folder, beside or [], out)
    show(runs[0].summary, folder, runs, out)


@app.command()
def check(folder: Folder) -> None:
    """Say what of a run's folder is whole, one line a finding; exit code 1 if something is damaged."""
    from cvflow.run.check import check

    findings = []
    for found in check(folder):
        typer.echo(f"{'ok' if found.whole else 'damaged':<8} {found.line}")
        findings.append(found)
    if not all(found.whole for found in findings):
        raise StoppedError("not all of it is whole", 1)


@app.command()
def recover(folder: Folder) -> None:
    """Go back to the commit before the last, where the store is damaged; the damaged file stays under another name."""
    from cvflow.run.recover import recover

    for line in recover(folder):
        typer.echo(line)


@app.command()
def fes(
    folder: Folder,
    cv: Annotated[list[str] | None, typer.Option("--cv", help="Name of a CV; twice for two. Else the first.")] = None,
    bins: Annotated[int, typer.Option("--bins", min=2, max=1000, help="Number of bins, a CV.")] = 60,
    out: ReportOut = None,
) -> None:
    """Write the free energy along a CV, or along two, fes.dat and fes_<cv>.png, from the store alone."""
    from cvflow.report import write_fes
    from cvflow.run.run_folder import open_record, writing_into

    record = open_record(folder)
    place = out or folder
    with _needing_production(), writing_into(place):
        files = write_fes(record, place, cv or record.header.cvs[:1], bins)
    typer.echo(f"wrote {' and '.join(str(place / name) for name in files)}")


@app.command()
def scan(
    what: Annotated[Path, typer.Argument(help="TOML file, or the --out folder of a run.")],
    jumps: Annotated[int, typer.Option(min=1, help="Jumps per walker and setting.")] = 100,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for scan.png and scan.json.")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="section.key=value, over the file.")] = None,
) -> None:
    """Find the path length, time step, schedule, friction and kappa of least steps per mode change."""
    from rich.console import Console

    from cvflow.report.scan import scan_table, write_scan
    from cvflow.run.scan import Measured, scan_config, scan_run

    def watch(measured: Measured) -> None:
        cost = measured.cost
        typer.echo(
            f"{measured.axis}: steps {measured.setting.steps}, acceptance {cost.acceptance:.3f}, "
            f"{cost.mode_changes} mode changes, {cost.steps_per_mode_change:,.0f} path steps each"
        )

    if what.is_dir() and settings:
        raise ConfigError("--set is for a config; a run's folder has its settings")
    folder = out or (what if what.is_dir() else Path(f"cvflow-scan-{what.stem}"))
    _check_writable(folder)
    setup, found = scan_run(what, jumps, watch) if what.is_dir() else scan_config(what, settings or [], jumps, watch)
    rows = [(each.axis, each.setting._asdict(), each.cost) for each in found.measured]
    best, local_steps = found.best._asdict(), setup.settings.run.local_steps
    title = f"{setup.name}, kernel {setup.settings.path.kernel}, {local_steps:,} local steps between two jumps"
    Console().print(scan_table(rows, best, found.again, local_steps))
    write_scan(folder, rows, best, found.again, local_steps, title)
    typer.echo(f"the best setting:\n[path]\n{found.best.words()}")
    typer.echo(f"wrote {folder / 'scan.png'} and {folder / 'scan.json'}")


@app.command()
def systems() -> None:
    """List the built-in systems, their parameters and where they come from."""
    from dataclasses import fields

    from cvflow.systems import BUILT_IN

    for name, system in BUILT_IN.items():
        typer.echo(f'{name}: {system.summary}\n  [engine] name = "{system.engine}"\n  {system.reference}')
        values = ", ".join(f"{item.name} = {item.default}" for item in fields(system))  # type: ignore[arg-type]
        typer.echo(f"  system.parameters: {values}")


@app.command()
def doctor() -> None:
    """Say what is there of engines, PLUMED and cores, and how to mend the rest; exit code 1 if no run can be made."""
    from cvflow.doctor import examination, fit

    findings = []
    for finding in examination():
        typer.echo(finding.line)
        findings.append(finding)
    if not fit(findings):
        raise StoppedError("what the default engine needs is not all there", 1)


def _check_writable(folder: Path) -> None:
    """Check that there is, or can be, such a folder: before a scan, and not after it.

    Raises:
        ConfigError: there is not.
    """
    there = folder if folder.exists() else folder.absolute().parent
    if not there.is_dir():
        raise ConfigError(f"--out {folder}: not a folder, nor one that can be made")
    if not os.access(there, os.W_OK):
        raise ConfigError(f"{folder}: cannot be written; give another folder by --out")


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
    until: float | None,
    file: Path | None = None,
) -> None:
    from dataclasses import replace

    from cvflow.cli.outcome import show
    from cvflow.run import run_folder
    from cvflow.run.progress import watching
    from cvflow.setup import from_config

    run_folder.check_unused(folder)
    setup = from_config(config, base)
    if file is not None:
        setup = replace(setup, reads=(*setup.reads, file))
    for note in setup.notes:
        typer.echo(run_folder.said(note))
    with _saying_how_to_go_on(folder), watching(quiet) as watch:
        summary = run_folder.begin(setup, folder, watch, workers, until)
    show(summary, folder)


class StoppedError(Exception):
    """A run that ended early: what to tell the user, and the exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def _saying_how_to_go_on(folder: Path) -> Iterator[None]:
    """Turn what ends a run early into one line that says what is left of it."""
    from cvflow.engines.external import ProgramFailedError
    from cvflow.run.folder_lock import LockLostError
    from cvflow.run.run_folder import holds_run, way_on

    try:
        yield
    except ConfigError:
        raise
    except PausedError as error:
        raise StoppedError(f"{error}: {way_on(folder)}", TO_BE_CONTINUED if holds_run(folder) else 1) from error
    except Terminated as error:
        raise StoppedError(f"ended by {error}; {way_on(folder)}", 128 + error.number) from error
    except KeyboardInterrupt as error:
        raise StoppedError(f"interrupted; {way_on(folder)}", 130) from error
    except LockLostError as error:  # whoever has the folder now goes on with it
        raise StoppedError(str(error), 1) from error
    except Exception as error:  # a user's function, the system, or a fault of ours: run.log has where
        for line in error.lines if isinstance(error, ProgramFailedError) else ():
            typer.echo(line, err=True)
        trace = f"; the traceback is in {folder / FILE}" if (folder / FILE).exists() else ""
        raise StoppedError(f"the run failed: {_what(error)}{trace}; {way_on(folder)}", 1) from error


def _what(error: Exception) -> str:
    """What went wrong. Messages of our own say all; others are little without their type."""
    own = type(error).__module__.startswith("cvflow") or type(error) is ArithmeticError or isinstance(error, OSError)
    return str(error) if own else said(error)


@contextmanager
def _needing_production() -> Iterator[None]:
    """Estimates of a run that is still adapting: misuse, said in one line."""
    try:
        yield
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _free_folder(name: str) -> Path:
    """The first of name, name-2, name-3, … that holds no run."""
    from cvflow.run.run_folder import holds_run

    number = 1
    while holds_run(folder := Path(name if number == 1 else f"{name}-{number}")):
        number += 1
    return folder


PROGRAM = "cvflow"

DEBUG = "--debug"

TO_BE_CONTINUED = 75
"""Exit code of a run that stopped as it was asked to; sysexits.h calls it EX_TEMPFAIL."""


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    debug: Annotated[bool, typer.Option(DEBUG, help="Print the traceback of what goes wrong.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Entry point: turns exceptions into one line and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        # In the C locale a Greek letter is a question mark, and not the end of a run.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    code = execute(sys.argv[1:])
    if any(thread.name.startswith("training") for thread in threading.enumerate()):
        # Python would wait for it, and the run has ended.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def execute(arguments: list[str]) -> int:
    """Run a command line; returns its exit code. `--debug` may stand anywhere in it."""
    debug = DEBUG in arguments
    try:
        words = [word for word in arguments if word != DEBUG]
        return int(app(words, prog_name=PROGRAM, standalone_mode=False) or 0)
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            traceback.print_exception(error)
        return _say(*_line(error, debug))


def _line(error: BaseException, debug: bool) -> tuple[str, int]:
    """What is said of an error, and the exit code."""
    if isinstance(error, ConfigError):
        return str(error), 2
    if isinstance(error, UsageError):
        return _misuse(error), 2
    if isinstance(error, StoppedError):
        return str(error), error.code
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return "interrupted", 130
    assert isinstance(error, Exception)
    return f"failed: {_what(error)}{'' if debug else '; --debug shows where'}", 1


def _misuse(error: Any) -> str:
    """What is wrong with a command line; nothing of one that says too little, for its help stands there already."""
    message = error.format_message().replace("Value error, ", "").rstrip(".")
    command = error.ctx.command_path if error.ctx else PROGRAM
    return f"{message}; see `{command} --help`" if message else ""


def _say(message: str, code: int) -> int:
    if message:
        typer.echo(f"{PROGRAM}: {' '.join(message.split())}", err=True)
    return code
