"""The script that the user runs, as worker processes meet it: they import it only for what it alone defines."""

import multiprocessing
import os
import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

UNGUARDED = 78
"""Exit code of a worker for which the user's script is imported and calls for workers itself."""


class UnguardedError(ValueError):
    """A script that workers have to import, and that samples whenever it is imported."""


@contextmanager
def main_module_hidden(packed: bytes) -> Iterator[None]:
    """Let new processes not import the main module, unless what they are given needs it.

    Python would have them run the user's script again, whose call of `cvflow.sample` is often not guarded, or look for
    the file of a script that came through a pipe. Functions that the script gives are all that is needed of it.
    """
    main = sys.modules["__main__"]
    if not _of_main(packed):
        sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _of_main(packed: bytes) -> bool:
    """Whether something in it is found in the main module alone."""
    return b"__main__" in packed


def check_travels(thing: Any, what: str) -> None:
    """Check that worker processes will find what a thing is made of; `what` names it in errors.

    Raises:
        ValueError: it is defined in a notebook or in a script from a pipe, or it is no plain data.
    """
    try:
        packed = pickle.dumps(thing)
    except Exception as error:  # pickle raises what it likes
        raise ValueError(f"{what} cannot be sent to worker processes: {error}") from error
    file = getattr(sys.modules["__main__"], "__file__", None)
    if _of_main(packed) and not (file and Path(file).is_file()):
        raise ValueError(
            f"{what} is defined in a notebook, a session or a script from a pipe, where worker processes do not find "
            "it: put it into a file of its own and import it from there"
        )


def check_not_a_worker() -> None:
    """Called by whoever wants workers: in a worker that imports the script for its functions, this is the end of it."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        os._exit(UNGUARDED)
