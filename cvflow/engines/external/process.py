"""One process of an external program: run, watched, and given up on."""

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from cvflow.core.frames import Outcome

LAST_LINES = 12
"""What is kept of a program's output when it fails."""

OUTPUT = "program.out"
"""What the programs of a path print, in its folder."""


class PathFailedError(Exception):
    """A path that did not get to its end, the way it failed, and what the program said last."""

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome, self.reason = outcome, reason
        self.lines: list[str] = []


class ProgramFailedError(RuntimeError):
    """A program that fails again and again: what it said, and where its files are.

    `lines` are the last that it printed.
    """

    def __init__(self, reason: str, lines: Sequence[str]) -> None:
        super().__init__(reason, lines)
        self.reason, self.lines = reason, tuple(lines)

    def __str__(self) -> str:
        return self.reason


def run(command: Sequence[str], folder: Path, time_limit: float, environment: Mapping[str, str]) -> None:
    """Run a program in a folder to its end; what it prints goes to `program.out` there, in the place of an earlier's.

    Args:
        command: the program and its arguments.
        folder: where it runs.
        time_limit: seconds of wall time, after which it is killed, and whatever it has started with it.
        environment: variables that it has beside those of this process.

    Raises:
        PathFailedError: it ended with an error, was killed, is not there, or ran into the time limit.
    """
    name = " ".join(command[:2])
    with (folder / OUTPUT).open("wb") as output:
        try:
            # A session of its own: what the program starts is killed with it, and Ctrl-C is the main process's alone.
            program = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
                env={**os.environ, **environment},
            )  # fmt: skip
        except OSError as error:
            raise PathFailedError(Outcome.PROGRAM_FAILED, f"{command[0]}: {error.strerror}") from error
        late = threading.Event()

        def end_it() -> None:
            late.set()
            _kill(program)

        clock = threading.Timer(time_limit, end_it)
        clock.start()  # rather than wait(timeout), which looks only every 50 ms
        try:
            code = program.wait()
        finally:
            clock.cancel()
            _kill(program)
    if late.is_set():
        reason = f"`{name}` ran into the time limit of {time_limit:g} s"
        raise PathFailedError(Outcome.TIME_LIMIT, reason)
    if code < 0:
        reason = f"`{name}` was killed by signal {signal.Signals(-code).name}"
        raise PathFailedError(Outcome.PROGRAM_FAILED, reason)
    if code > 0:
        raise PathFailedError(Outcome.PROGRAM_FAILED, f"`{name}` ended with exit code {code}")


def last_lines(folder: Path) -> list[str]:
    """The last lines of what was printed."""
    path = folder / OUTPUT
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    return [line.rstrip() for line in lines if line.strip()][-LAST_LINES:]


def _kill(program: "subprocess.Popen[bytes]") -> None:
    """The program and what it has started, if any of it still runs."""
    with suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)
