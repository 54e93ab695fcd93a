"""Makes runs with the cvflow on the path: `python inside.py`, told by `making.py`.

Each command has a process of its own, forked from one that has imported the libraries but computed nothing; so
importing is paid once, and none sees what another left behind. Its output is in `said` of its folder.
"""

import contextlib
import importlib
import json
import os
import runpy
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path

import h5py

LIBRARIES = (
    "torch.optim",
    "openmm.app",
    "zuko",
    "matplotlib.pyplot",
    "matplotlib.font_manager",
    "MDAnalysis",
    "arviz_stats",
)
"""Slow to import, and what runs need; nothing of cvflow's own names."""


def main() -> None:
    """Read the entry point and the runs, [folder, commands] each, as JSON; print a line for each: its exit code,
    and the processor time of all so far."""
    entry, runs = json.load(sys.stdin)
    warnings.simplefilter("ignore")
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    module, _, function = entry.partition(":")
    cvflow = getattr(importlib.import_module(module), function)
    assert importlib.import_module("cvflow").sample
    for folder, commands in runs:
        code = next((code for each in commands if (code := _forked(cvflow, Path(folder), *each))), 0)
        print(code, f"{sum(os.times()[2:4]):.1f}", flush=True)


def _forked(cvflow, folder: Path, words: list[str], turns: int) -> int:
    """Run a command in a process of its own until the store has all its turns; 0, or the exit code without them."""
    process = os.fork()
    if process == 0:
        _leave(_run(cvflow, folder, words))
    store = folder / "out" / "run.h5"
    ended = False
    while not ended and _stored(store) < turns:
        time.sleep(0.1)
        ended, status = os.waitpid(process, os.WNOHANG)
    while not ended:  # What is left to do is the report.
        os.kill(process, signal.SIGTERM)
        time.sleep(0.1)
        ended, status = os.waitpid(process, os.WNOHANG)
    return 0 if _stored(store) == turns else os.waitstatus_to_exitcode(status) or 1


def _stored(store: Path) -> int:
    """Turns so far."""
    if not store.exists():
        return 0
    with h5py.File(store) as file:
        return len(file["turns"])


def _leave(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _run(cvflow, folder: Path, words: list[str]) -> int:
    """Run a command in the folder."""
    os.chdir(folder)
    said = os.open("said", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(said, stream)
    return _command(cvflow, words)


def _command(cvflow, words: list[str]) -> int:
    try:
        if words[0].endswith(".py"):
            runpy.run_path(words[0], run_name="__main__")
            return 0
        sys.argv = ["cvflow", *words]
        cvflow()
    except SystemExit as leaving:
        return int(leaving.code or 0)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    main()
