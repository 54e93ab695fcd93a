"""The command line: thin layers over the Python calls.

Exit codes: 0 done, 1 the run failed (what it had is on disk), 2 misuse (one line, nothing touched), 75 stopped before
its end, to be resumed (--wall-time, or a file EXIT in its folder), 129, 130 and 143 the same after SIGHUP, Ctrl-C and
SIGTERM.
"""

import os
import sys
import threading
import traceback
from io import TextIOWrapper
from typing import Annotated, Any

import typer

from cvflow import __version__
from cvflow.cli.checking import check
from cvflow.cli.ending import StoppedError, what_went_wrong
from cvflow.cli.looking import doctor, systems, verify
from cvflow.cli.plumed import app as plumed_app
from cvflow.cli.pulling import pull
from cvflow.cli.reading import fes, recover, report, status, watch
from cvflow.cli.running import polymer, resume, run
from cvflow.cli.scanning import scan
from cvflow.config.section import ConfigError

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
app.command()(polymer)
app.command()(run)
app.command("drive", help="Another name of `run`, from when external programs had a command of their own.")(run)
app.command()(resume)
app.command()(status)
app.command()(watch)
app.command()(report)
app.command()(check)
app.command()(recover)
app.command()(fes)
app.command()(scan)
app.command()(pull)
app.command()(systems)
app.command()(doctor)
app.command()(verify)
app.add_typer(plumed_app, name="plumed")

UsageError: Any = typer.BadParameter.__bases__[0]
"""Click's own UsageError: typer carries click inside or depends on it, by its version."""

PROGRAM = "cvflow"

DEBUG = "--debug"


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    debug: Annotated[bool, typer.Option(DEBUG, help="Print the traceback of what goes wrong.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Entry point: turns exceptions into one line and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        # In the C locale a Greek letter is a question mark, and not the end of a run.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    code = execute(sys.argv[1:])
    if any(thread.name.startswith("training") for thread in threading.enumerate()):
        # Python would wait for it, and the run has ended.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def execute(arguments: list[str]) -> int:
    """Run a command line; returns its exit code. `--debug` may stand anywhere in it."""
    debug = DEBUG in arguments
    try:
        words = [word for word in arguments if word != DEBUG]
        return int(app(words, prog_name=PROGRAM, standalone_mode=False) or 0)
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            traceback.print_exception(error)
        return _say(*_line(error, debug))


def _line(error: BaseException, debug: bool) -> tuple[str, int]:
    """What is said of an error, and the exit code."""
    if isinstance(error, ConfigError):
        return str(error), 2
    if isinstance(error, UsageError):
        return _misuse(error), 2
    if isinstance(error, StoppedError):
        return str(error), error.code
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return "interrupted", 130
    assert isinstance(error, Exception)
    return f"failed: {what_went_wrong(error)}{'' if debug else '; --debug shows where'}", 1


def _misuse(error: Any) -> str:
    """What is wrong with a command line; nothing of one that says too little, for its help stands there already."""
    message = error.format_message().replace("Value error, ", "").rstrip(".")
    command = error.ctx.command_path if error.ctx else PROGRAM
    return f"{message}; see `{command} --help`" if message else ""


def _say(message: str, code: int) -> int:
    if message:
        typer.echo(f"{PROGRAM}: {' '.join(message.split())}", err=True)
    return code
