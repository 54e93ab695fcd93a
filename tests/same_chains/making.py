"""Makes the short runs with a checkout's cvflow, and reads what their stores hold."""

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.same_chains.runs import RUNS
from tests.same_chains.short_run import OUT
from tests.same_chains.stores import Arrays, arrays

_INSIDE = Path(__file__).with_name("inside.py")

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OPENMM_CPU_THREADS": "1"}
"""Sums over threads depend on their number."""


class FailedError(Exception):
    """A run that did not come to its end: its last words."""


class Made(NamedTuple):
    """A run, what it left behind, and the processor time of it and those before it [s]."""

    name: str
    left: Arrays | FailedError
    seconds: float


def made(checkout: Path, names: Iterable[str]) -> Iterator[Made]:
    """Make runs one by one."""
    with tempfile.TemporaryDirectory(prefix="same-chains-") as place:
        folders = {name: Path(place) / str(number) for number, name in enumerate(names)}
        for name, folder in folders.items():
            RUNS[name].write(folder)
        told = json.dumps([_entry(checkout), [(str(folder), RUNS[name].commands) for name, folder in folders.items()]])
        environment = os.environ | ONE_THREAD | {"PYTHONPATH": str(checkout.resolve())}
        command = [sys.executable, str(_INSIDE)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, text=True, env=environment, cwd=place, **pipes) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(told)
            process.stdin.close()
            for name, folder in folders.items():
                code, _, seconds = process.stdout.readline().partition(" ")
                yield Made(name, _left(name, folder, code), float(seconds or "nan"))


def _entry(checkout: Path) -> str:
    """What the command `cvflow` calls."""
    return tomllib.loads((checkout / "pyproject.toml").read_text())["project"]["scripts"]["cvflow"]


def _left(name: str, folder: Path, code: str) -> Arrays | FailedError:
    if code == "0":
        return {"what is run": RUNS[name].digest} | arrays(folder / OUT / "run.h5")
    said = folder / "said"
    last = said.read_text().strip().splitlines()[-12:] if said.exists() else []
    return FailedError("\n".join([f"exit code {code or 'none'}", *last]))
