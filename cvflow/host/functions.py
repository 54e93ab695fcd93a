"""Functions that a user names as "file.py:function"."""

import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

from cvflow.host.faults import USERS_FAULTS, said

_PREFIX = "cvflow_user_"
"""Names of modules made from users' files."""

GUARD = 'if __name__ == "__main__":'
"""What keeps a script from doing its work whenever it is imported."""


@dataclass(frozen=True)
class NamedFunction:
    """A function named as "file.py:function", with the file's full path; it travels to worker processes as that."""

    reference: str
    parameters: tuple[tuple[str, float | int], ...] = ()
    """Given to it by name at every call."""

    def __call__(self, *arguments: Any) -> Any:
        return _loaded(self.reference)(*arguments, **dict(self.parameters))


class _LeavingNoTrace(SourceFileLoader):
    """Writes no bytecode: a user's folder is left as it is."""

    def set_data(self, path: str, data: Any, *, _mode: int = 0o666) -> None:
        """Where Python would write into __pycache__."""


@lru_cache
def _loaded(reference: str) -> Callable[..., Any]:
    return load_function(reference, reference)


def reference_to(function: Callable[..., Any], what: str) -> str:
    """The "file.py:function" of a function at the top level of a file; `what` names it in errors.

    Raises:
        ValueError: it is not there, or its file is being imported for such a function right now.
    """
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    name, file = getattr(function, "__name__", ""), getattr(module, "__file__", None)
    if module is None or file is None or getattr(module, name, None) is not function:
        raise ValueError(
            f"{what}: {name or function!r} is not at the top level of a file, where worker processes find it: write it "
            'there, and give it or "file.py:function"'
        )
    if module.__name__.startswith(_PREFIX):
        raise ValueError(f"{what} is called while {file} is imported: put the call under {GUARD}")
    return f"{Path(file).resolve()}:{name}"


def check_not_importing(what: str) -> None:
    """Check that this is not called by a user's file that is being imported for one of its functions.

    Raises:
        ValueError: it is: the file would do its work again; `what` is that.
    """
    frame = inspect.currentframe()
    while frame is not None:
        name, file = (frame.f_globals.get(word) for word in ("__name__", "__file__"))
        if frame.f_code.co_name == "<module>" and str(name).startswith(_PREFIX):
            raise ValueError(
                f'{what} is called while {file} is imported: put the call under if __name__ == "__main__":'
            )
        frame = frame.f_back


def load_function(reference: str, what: str) -> Callable[..., Any]:
    """Import the file and give the function; `what` names it in errors.

    Raises:
        ValueError: the file cannot be read, fails when imported, or has no such function.
    """
    file, _, name = reference.rpartition(":")
    if not Path(file).is_file():
        raise ValueError(f"{what}: {file} is not a file")
    if Path(file).suffix != ".py":
        raise ValueError(f"{what}: {file} is no Python file")
    module_name = f"{_PREFIX}{Path(file).stem}"
    loader = _LeavingNoTrace(module_name, file)
    spec = importlib.util.spec_from_file_location(module_name, file, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    # Where dataclasses look for the module of a class whose annotations are strings.
    sys.modules[spec.name] = module
    try:
        loader.exec_module(module)
    except USERS_FAULTS as error:
        del sys.modules[spec.name]
        raise ValueError(f"{what}: {file} fails when imported: {said(error)}") from error
    function = getattr(module, name, None)
    if not callable(function):
        raise ValueError(f"{what}: {file} has no function {name}")
    return function
