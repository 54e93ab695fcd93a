"""The progress line: live on a terminal, plain lines in a pipe."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from cvflow.run import Progress

PLAIN_SECONDS = 10.0
"""Time between two plain lines."""


@contextmanager
def watching(quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """Show a run's progress while the context lasts; yields what the run calls after each turn."""
    if quiet or not sys.stdout.isatty():
        yield _plain_lines()
        return
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TextColumn("{task.fields[line]}"))
    with Bar(*columns, TimeElapsedColumn()) as bar:
        task = bar.add_task("equilibrating", total=None, line="")

        def show(progress: Progress) -> None:
            bar.update(
                task,
                description=_stage(progress),
                total=progress.total,
                completed=progress.turns,
                line=_line(progress),
            )

        yield show


def _plain_lines() -> Callable[[Progress], None]:
    shown = time.perf_counter() - PLAIN_SECONDS

    def show(progress: Progress) -> None:
        nonlocal shown
        if time.perf_counter() - shown >= PLAIN_SECONDS or progress.turns == progress.total:
            shown = time.perf_counter()
            print(f"{_stage(progress)} {progress.turns}/{progress.total} {_line(progress)}", flush=True)  # noqa: T201

    return show


def _stage(progress: Progress) -> str:
    return "production" if progress.production else "adapting"


def _line(progress: Progress) -> str:
    done = max(1, progress.proposed)
    left = progress.seconds / done * (progress.total - progress.turns)
    return (
        f"acceptance {progress.accepted / done:.2f}, {progress.mode_changes} mode changes, "
        f"{progress.steps / max(progress.seconds, 1e-9):,.0f} steps/s, {int(left // 60)}:{int(left % 60):02d} left"
    )
