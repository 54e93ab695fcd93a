"""Ctrl-C at a moment of one's own choosing."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def deferred_interrupt() -> Iterator[Callable[[], None]]:
    """Hold Ctrl-C back while the context lasts; yields a function that raises it if it came.

    A KeyboardInterrupt between two lines that belong together, a walker's new frame and the row that says how it got
    there, would leave a store that no run has ever been in. Outside the main thread, where Python delivers no signals,
    nothing is held back.
    """
    came = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came = True

    def check() -> None:
        if came:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield check
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)
