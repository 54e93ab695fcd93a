"""The progress line: live on a terminal and in a notebook, plain lines in a pipe."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from cvflow.run.notebook import NotebookBar, in_notebook
from cvflow.run.tuning import Trying
from cvflow.sampler.loop import Progress

Under = Progress | Trying
"""What is under way: the run itself, or the pilot paths of a setting tried before it."""

Event = Under | str
"""How far it is, or a line for people."""

PLAIN_SECONDS = 10.0
"""Time between two plain lines."""


@contextmanager
def watching(quiet: bool) -> Iterator[Callable[[Event], None]]:
    """Show a run's progress while the context lasts; yields what the run and its pilots call after each turn."""
    if quiet or not (in_notebook() or sys.stdout.isatty()):
        yield _plain_lines()
        return
    if in_notebook():
        yield _in_a_cell()
        return
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TextColumn("{task.fields[line]}"))
    with Bar(*columns, TimeElapsedColumn()) as bar:
        task = bar.add_task("equilibrating", total=None, line="")

        def show(event: Event) -> None:
            if isinstance(event, str):
                bar.console.print(event, markup=False, highlight=False)
                return
            at = _progress(event)
            bar.update(task, description=_stage(event), total=at.total, completed=at.turns, line=_line(event))

        yield show


def _in_a_cell() -> Callable[[Event], None]:
    bar = NotebookBar()

    def show(event: Event) -> None:
        if isinstance(event, str):
            print(event, flush=True)  # noqa: T201
            return
        at = _progress(event)
        bar.draw(_stage(event), at.turns, at.total, _line(event))

    return show


def _plain_lines() -> Callable[[Event], None]:
    shown = time.perf_counter() - PLAIN_SECONDS

    def show(event: Event) -> None:
        nonlocal shown
        if isinstance(event, str):
            print(event, flush=True)  # noqa: T201
            return
        at = _progress(event)
        if time.perf_counter() - shown >= PLAIN_SECONDS or at.turns == at.total:
            shown = time.perf_counter()
            print(f"{_stage(event)} {at.turns}/{at.total} {_line(event)}", flush=True)  # noqa: T201

    return show


def _progress(event: Under) -> Progress:
    return event.progress if isinstance(event, Trying) else event


def _stage(event: Under) -> str:
    if isinstance(event, Trying):
        return f"tuning {event.number}"
    if event.longer:
        return "adapting longer, populations still move"
    return "production" if event.production else "adapting"


def _line(event: Under) -> str:
    if isinstance(event, Trying):
        return f"{event.setting}: acceptance {_acceptance(event.progress):.2f}, {_speed(event.progress)}"
    left = event.seconds / max(1, event.turns) * (event.total - event.turns)
    return (
        f"acceptance {_acceptance(event):.2f}, {event.mode_changes} mode changes, {_speed(event)}, "
        f"{int(left // 60)}:{int(left % 60):02d} left"
    )


def _acceptance(progress: Progress) -> float:
    return progress.accepted / max(1, progress.turns)


def _speed(progress: Progress) -> str:
    return f"{progress.steps / max(progress.seconds, 1e-9):,.0f} steps/s"
