"""What users' functions may end in, the line that is made of it, and whose fault an exception is."""

import os
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import walk_tb
from typing import Any

USERS_FAULTS = (Exception, SystemExit)
"""All but Ctrl-C: a `sys.exit` in a user's function must not end a run without a word."""


class UserFunctionError(ValueError):
    """A function of the user's fails; the message names it."""


def said(error: BaseException) -> str:
    """What went wrong in a user's function, in one line: it is the user's to read."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def brief(value: object) -> str:
    """What was given, as part of a line."""
    words = " ".join(repr(value).split())
    return words if len(words) <= 60 else f"{words[:60]}…"


def called(function: Callable[[], Any], what: str) -> Any:
    """What a user's function gives; `what` names it.

    Raises:
        UserFunctionError: it fails.
    """
    try:
        return function()
    except USERS_FAULTS as error:
        raise UserFunctionError(f"{what} fails: {said(error)}") from error


_INSTALLED = [sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")]

_OURS = tuple(f"{place}{os.sep}" for place in (Path(__file__).parents[1], *_INSTALLED))
"""Where code lies that is no user's: this package, and what is installed."""


@contextmanager
def blaming(what: str) -> Iterator[None]:
    """Name the user's function in which an exception was raised; others go on as they are.

    For functions that are compiled, which nothing can be wrapped around; `what` was under way.

    Raises:
        UserFunctionError: a user's function fails.
    """
    try:
        yield
    except USERS_FAULTS as error:
        function = _users_function(error)
        if function is None:
            raise
        raise UserFunctionError(f"{what}: {function} fails: {said(error)}") from error


def _users_function(error: BaseException) -> str | None:
    """The function and its place; None if no user's was under way."""
    for frame, line in walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        if not file.startswith((*_OURS, "<frozen", "<eval_with_key")):
            return f"{frame.f_code.co_name} ({file}, line {line})"
    return None
