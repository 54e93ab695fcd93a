"""How commands end: what ends a run early, in one line that says what is left of it, and the exit codes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from cvflow.config.section import ConfigError
from cvflow.host.faults import said
from cvflow.host.interrupt import Terminated
from cvflow.host.journal import FILE
from cvflow.host.stopping import PausedError

TO_BE_CONTINUED = 75
"""Exit code of a run that stopped as it was asked to; sysexits.h calls it EX_TEMPFAIL."""


class StoppedError(Exception):
    """A run that ended early: what to tell the user, and the exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def saying_how_to_go_on(folder: Path) -> Iterator[None]:
    """Turn what ends a run early into one line that says what is left of it."""
    from cvflow.engines.external import ProgramFailedError
    from cvflow.run.folder_lock import LockLostError
    from cvflow.run.run_folder import holds_run, way_on

    try:
        yield
    except ConfigError:
        raise
    except PausedError as error:
        raise StoppedError(f"{error}: {way_on(folder)}", TO_BE_CONTINUED if holds_run(folder) else 1) from error
    except Terminated as error:
        raise StoppedError(f"ended by {error}; {way_on(folder)}", 128 + error.number) from error
    except KeyboardInterrupt as error:
        raise StoppedError(f"interrupted; {way_on(folder)}", 130) from error
    except LockLostError as error:  # whoever has the folder now goes on with it
        raise StoppedError(str(error), 1) from error
    except Exception as error:  # a user's function, the system, or a fault of ours: run.log has where
        for line in error.lines if isinstance(error, ProgramFailedError) else ():
            typer.echo(line, err=True)
        trace = f"; the traceback is in {folder / FILE}" if (folder / FILE).exists() else ""
        raise StoppedError(f"the run failed: {what_went_wrong(error)}{trace}; {way_on(folder)}", 1) from error


def what_went_wrong(error: Exception) -> str:
    """What went wrong. Messages of our own say all; others are little without their type."""
    own = type(error).__module__.startswith("cvflow") or type(error) is ArithmeticError or isinstance(error, OSError)
    return str(error) if own else said(error)
