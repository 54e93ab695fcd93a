"""What a run notes down: `run.log` in its folder, by Python's own logging.

The logger is called "cvflow". While a run lasts its messages go to run.log from INFO on, tracebacks included, and to
the terminal from WARNING on; a program that has set up logging of its own gets them too.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cvflow.host.stopping import PausedError

LOG = logging.getLogger("cvflow")

FILE = "run.log"


class _RunLog(logging.FileHandler):
    """A log that can't be written, on a full disk say, is no reason to end a run, nor to print anything."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Where logging would print to the terminal."""


class _Terminal(logging.Handler):
    """Lines on stderr, as it is at that moment: a progress bar puts another in its place."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.write(f"cvflow: {record.getMessage()}\n")


@contextmanager
def journal(folder: Path) -> Iterator[None]:
    """Write what is logged to the folder's run.log while the context lasts, and the traceback of what ends it."""
    level = LOG.level
    handlers = [_file(folder / FILE), *([] if logging.getLogger().handlers else [_terminal()])]
    for handler in handlers:
        LOG.addHandler(handler)
    LOG.setLevel(logging.INFO if level == logging.NOTSET else level)
    try:
        yield
    except (KeyboardInterrupt, PausedError) as stop:
        LOG.info("stopped: %s", str(stop) or "Ctrl-C")
        raise
    except Exception as error:
        # Not to the terminal: whoever called says it there.
        LOG.info("stopped by an error", exc_info=error)
        raise
    finally:
        LOG.setLevel(level)
        for handler in handlers:
            LOG.removeHandler(handler)
            handler.close()


def _file(path: Path) -> logging.Handler:
    handler = _RunLog(path, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    return handler


def _terminal() -> logging.Handler:
    return _Terminal(logging.WARNING)
