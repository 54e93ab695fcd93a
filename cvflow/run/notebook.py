"""What a notebook shows of a run: a progress bar, one output of its cell drawn again and again; and figures."""

import sys
import time
from html import escape
from typing import Any

REDRAWN = 0.5
"""Seconds between two drawings, but where another stage begins or all is done."""


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook, which shows more than text."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def show_figures() -> None:
    """Let a cell that ends in a figure show it, as ``%matplotlib inline`` would; elsewhere do nothing."""
    if in_notebook():
        from IPython.core.getipython import get_ipython
        from IPython.core.pylabtools import select_figure_formats

        select_figure_formats(get_ipython(), {"png"})


class NotebookBar:
    """What one cell shows of a run. IPython alone is needed, which every notebook's kernel has."""

    def __init__(self) -> None:
        from IPython.display import display

        self._stage, self._drawn = "equilibrating", time.monotonic()
        self._handle = display(_drawing(self._stage, None, 0, ""), raw=True, display_id=True)

    def draw(self, stage: str, done: int, total: int, line: str) -> None:
        """Draw it again, if it is time.

        Args:
            stage: of the run.
            done: turns made.
            total: turns that there are to make.
            line: what else is known of it.
        """
        now = time.monotonic()
        if stage == self._stage and done < total and now - self._drawn < REDRAWN:
            return
        self._stage, self._drawn = stage, now
        self._handle.update(_drawing(stage, done, total, line), raw=True)


def _drawing(stage: str, done: int | None, total: int, line: str) -> dict[str, Any]:
    """As HTML, and as text for those who show none; a bar without an end where nothing is counted yet."""
    counted = "" if done is None else f' value="{done}" max="{total}"'
    words = stage if done is None else f"{stage} {done}/{total} {line}"
    return {"text/html": f"<progress{counted}></progress> {escape(words)}", "text/plain": words}
