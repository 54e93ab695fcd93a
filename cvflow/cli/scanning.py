"""`cvflow scan`: which settings cost the fewest steps per mode change."""

import os
from pathlib import Path
from typing import Annotated

import typer

from cvflow.cli.options import Overrides
from cvflow.config.section import ConfigError


def scan(
    what: Annotated[Path, typer.Argument(help="TOML file, or the --out folder of a run.")],
    jumps: Annotated[int, typer.Option(min=1, help="Jumps per walker and setting.")] = 100,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for scan.png and scan.json.")] = None,
    settings: Overrides = None,
) -> None:
    """Find the path length, time step, schedule, friction and kappa of least steps per mode change."""
    from rich.console import Console

    from cvflow.report.scan_files import scan_table, write_scan
    from cvflow.run.setting_scan import Measured, scan_config, scan_run

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
