"""When a run is to stop before its end, softly: its wall time is nearly over, or somebody asks it to."""

import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from types import FrameType

from cvflow.host.interrupt import handled

EXIT = "EXIT"
"""A file of this name in a run's folder asks it to stop."""

LAST_SECONDS = 5.0
"""Of the wall time, in which nothing is begun any more that does not look at the clock, such as equilibration."""

_TIME = re.compile(r"(?:(?P<days>\d+)-)?(?P<first>\d+)(?::(?P<second>\d+))?(?::(?P<third>\d+))?")


class PausedError(Exception):
    """A run stopped before its end, as it was asked to; what is done is committed."""


@dataclass(frozen=True)
class Stopping:
    """What a run asks between two turns.

    Attributes:
        until: `time.monotonic()` at which it has to have stopped.
        sign: a file that asks it to stop.
    """

    until: float = inf
    sign: Path | None = None

    def wanted(self, seconds: float) -> str | None:
        """Why nothing more is to be begun that takes so many seconds, if so."""
        if self.sign is not None and self.sign.exists():
            return f"there is a file {self.sign}"
        return "the wall time is nearly over" if self.overdue(seconds) else None

    def overdue(self, seconds: float) -> bool:
        """Whether there is less time left than so many seconds."""
        return time.monotonic() + seconds > self.until


NEVER = Stopping()


@contextmanager
def stopping(folder: Path, until: float | None) -> Iterator[Stopping]:
    """What stops the run in a folder, while the context lasts.

    A file that was there before is of an earlier run, and is removed; so is the one that has been obeyed. Where nobody
    asks, in equilibration and while settings are tried, an alarm ends the run in time.

    Args:
        folder: the run's.
        until: `time.monotonic()` at which it has to have stopped, if ever.

    Raises:
        PausedError: the wall time is nearly over.
    """
    sign = folder / EXIT
    sign.unlink(missing_ok=True)
    try:
        with _alarm(inf if until is None else until - LAST_SECONDS):
            yield Stopping(inf if until is None else until, sign)
    except PausedError:
        sign.unlink(missing_ok=True)
        raise


@contextmanager
def _alarm(at: float) -> Iterator[None]:
    if at == inf or not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    with handled(_ring, signal.SIGALRM):
        signal.setitimer(signal.ITIMER_REAL, max(at - time.monotonic(), 0.001))
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0.0)


def _ring(number: int, frame: FrameType | None) -> None:
    raise PausedError("the wall time is nearly over")


def seconds_of(text: str) -> float:
    """Seconds of a wall time as schedulers write it: [D-]HH:MM:SS, MM:SS, D-HH or D-HH:MM.

    Raises:
        ValueError: it is none; a number alone is seconds to some and minutes to others.
    """
    match = _TIME.fullmatch(text.strip())
    parts = [int(part) for part in match.groups()[1:] if part is not None] if match else []
    if match is None or (match["days"] is None and len(parts) < 2) or any(part > 59 for part in parts[1:]):
        raise ValueError(f"{text!r} is no wall time: write 11:30:00, 45:00 (minutes and seconds) or 2-00:00:00 (days)")
    if match["days"] is None:
        hours, minutes, seconds = parts if len(parts) == 3 else [0, *parts]
    else:
        hours, minutes, seconds = (*parts, 0, 0)[:3]
    total = 86400 * int(match["days"] or 0) + 3600 * hours + 60 * minutes + seconds
    if total <= 2 * LAST_SECONDS:
        raise ValueError(f"a wall time of {text} leaves no time for anything")
    return float(total)
