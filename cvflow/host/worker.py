"""What runs in a worker process: it takes its core, does tasks, and leaves when its parent does or tells it to."""

import os
import pickle
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any

TICK = 1.0
"""Seconds between two looks of the main process at its workers, and of each worker at its parent."""

GRACE = 2.0
"""Seconds in which a worker that is told to leave can end the programs that it has started."""


class _LeavingError(BaseException):
    """The worker is told to leave: what is under way is cleared away on its way out."""


_LEAVE = getattr(signal, "SIGUSR2", None)
"""What a worker's watching thread sends to its main thread; there is no such thing on Windows."""


_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Where libraries read, as they are loaded, how many threads to begin."""

_NUMBER = [0]
"""Of this process among the workers of its pool."""


def worker_number() -> int:
    """Which of its pool's workers this process is, counted from 0; 0 too where it is none, or of another's pool."""
    return _NUMBER[0]


def settle(number: int, cores: tuple[int, ...], lifeline: Connection) -> None:
    """What a worker does first: it takes its number and its cores, leaves signals to others, watches its lifeline.

    Libraries that a task loads later begin as many threads as it has cores. More of them wait for each other in busy
    loops: a semi-empirical potential of a few atoms was ten to a thousand times slower so.
    """
    _NUMBER[0] = number
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        _hold(getattr(signal, name, None))
    if _LEAVE is not None:
        signal.signal(_LEAVE, _leave)
    threading.Thread(target=_leave_with, args=(lifeline, os.getppid()), daemon=True).start()
    os.environ.update(dict.fromkeys(_THREADS, str(len(set(cores)))))
    if hasattr(os, "sched_setaffinity"):
        with suppress(OSError):  # a core that has gone since
            os.sched_setaffinity(0, cores)


def _hold(number: int | None) -> None:
    """Make a signal do nothing: schedulers and terminals send it to all processes, and the main one says what to do.

    A handler of our own rather than SIG_IGN, which the programs that a worker starts would inherit.
    """
    if number is None:
        return
    signal.signal(number, lambda number, frame: None)
    if hasattr(signal, "siginterrupt"):
        signal.siginterrupt(number, False)


def _leave(number: int, frame: FrameType | None) -> None:
    while frame is not None:
        if frame.f_code is perform.__code__:
            raise _LeavingError
        frame = frame.f_back
    os._exit(1)  # nothing is under way


def _leave_with(lifeline: Connection, parent: int) -> None:
    """Wait for the end of the parent, or for its word to leave, and leave: politely first."""
    # Its end closes the lifeline, unless another process that it has forked holds it open.
    while not lifeline.poll(TICK) and os.getppid() == parent:
        pass
    if _LEAVE is not None:
        signal.pthread_kill(threading.main_thread().ident or 0, _LEAVE)
        time.sleep(GRACE)
    os._exit(1)


def perform(packed: bytes) -> bytes:
    """A task, in a worker.

    Raises:
        Exception: what it raised; in words, where that itself could not be sent.
    """
    try:
        return portably(_performed, packed)
    except _LeavingError:
        os._exit(1)


def _performed(packed: bytes) -> bytes:
    function, arguments = pickle.loads(packed)
    return pickle.dumps(function(*arguments))


def portably(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function whose result or exception goes to another process.

    Raises:
        Exception: what it raised; in words, where that itself could not be sent.
    """
    try:
        return function(*arguments)
    except Exception as error:
        if not _portable(error):
            raise RuntimeError(f"{type(error).__name__}: {error}") from error
        raise


def _portable(error: Exception) -> bool:
    """Whether it can be sent to another process: exceptions with arguments of their own often can't."""
    try:
        return isinstance(pickle.loads(pickle.dumps(error)), type(error))
    except Exception:  # whatever it raises
        return False
