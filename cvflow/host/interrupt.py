"""Signals that end a run, at a moment of one's own choosing: Ctrl-C, and what schedulers and terminals send."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""What a scheduler sends before it kills, and a terminal that is closed."""

HELD_BACK = tuple(getattr(signal, name) for name in ("SIGINT", "SIGALRM") if hasattr(signal, name)) + ENDING


class Terminated(KeyboardInterrupt):
    """A signal asks the process to end; `number` is the signal's. Like Ctrl-C, it is no error."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise `Terminated` while the context lasts, in the main thread.

    One that is ignored, as nohup has it, or handled by the program around, is left alone.
    """
    unhandled = [number for number in ENDING if signal.getsignal(number) is signal.SIG_DFL]
    with _insisting(), handled(_terminate, *unhandled):
        yield


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated(number)


SOON = 0.1
"""Seconds after which a signal whose exception was swallowed is sent again."""


@contextmanager
def _insisting() -> Iterator[None]:
    """Send a signal again whose exception Python swallowed, as in destructors and callbacks of weak references."""
    earlier = sys.unraisablehook

    def hook(swallowed: "sys.UnraisableHookArgs") -> None:
        number = _sent_by(swallowed.exc_value)
        if number is None:
            earlier(swallowed)
        else:
            again = threading.Timer(SOON, os.kill, (os.getpid(), number))
            again.daemon = True
            again.start()

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = earlier


def _sent_by(error: BaseException | None) -> int | None:
    """The signal that raised an exception, if one did."""
    if isinstance(error, KeyboardInterrupt):
        return getattr(error, "number", signal.SIGINT)
    return None


@contextmanager
def handled(handler: Callable[[int, FrameType | None], Any], *numbers: int) -> Iterator[None]:
    """Handle signals while the context lasts; not outside the main thread, where Python delivers none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


@contextmanager
def deferred_interrupt() -> Iterator[Callable[[], None]]:
    """Hold such signals back while the context lasts; yields a function that raises what the first of them would have.

    One that came after the last call raises when the context ends.

    A KeyboardInterrupt between two lines that belong together, a walker's new frame and the row that says how it got
    there, would leave a store that no run has ever been in. Outside the main thread nothing is held back.
    """
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in HELD_BACK}

    def check() -> None:
        if came and callable(handler := before[first := came[0]]):
            came.clear()
            handler(first, None)

    held_back = (number for number in HELD_BACK if callable(before[number]))
    with handled(lambda number, frame: came.append(number), *held_back):
        yield check
    check()  # what came after the last look
