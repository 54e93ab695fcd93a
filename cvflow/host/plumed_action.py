"""PLUMED's input action CVFLOW: where PLUMED is, and the action compiled against it."""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cvflow.host.atomic import copy_whole

OLDEST = (2, 9)

_PACKAGE = Path(__file__).parents[1]
SOURCES = next(place for place in (_PACKAGE / "plumed_plugin", _PACKAGE.parent / "plumed_plugin") if place.is_dir())
"""The action's sources: in an installed package inside it, in a checkout beside it."""

_PATIENCE = 600
"""Seconds that a compiler may take."""


@dataclass(frozen=True)
class Plumed:
    """A PLUMED installation.

    Attributes:
        program: the command-line program.
        version: as it says itself, "2.10.1".
        kernel: the library that programs load, where it is known.
    """

    program: Path
    version: str
    kernel: Path | None


def found_plumed() -> Plumed:
    """The PLUMED on the path.

    Raises:
        ValueError: there is none, it does not run, or it is too old.
    """
    program = shutil.which("plumed")
    if program is None:
        raise ValueError("no `plumed` on the PATH: `conda install -c conda-forge plumed`, or put its bin folder there")
    version = _info(program, "--long-version")
    if not version[:1].isdigit():
        raise ValueError(f"{program} does not say its version but {version!r}")
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise ValueError(f"{program} is PLUMED {version}: the action needs {OLDEST[0]}.{OLDEST[1]} or newer")
    kernel = Path(_info(program, "--root")).parent / f"libplumedKernel.{_info(program, '--soext')}"
    return Plumed(Path(program), version, kernel if kernel.is_file() else None)


def _info(program: str, what: str) -> str:
    done = subprocess.run([program, "info", what], capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise ValueError(f"{program} does not run: {last_line(done)}; is PLUMED_KERNEL or LD_LIBRARY_PATH wrong?")
    return done.stdout.strip()


def built(plumed: Plumed, library: Path) -> Path:
    """Compile the action with PLUMED's own `mklib`; returns the library's absolute path.

    Raises:
        ValueError: the library's folder does not exist.
        RuntimeError: the compiler failed; with its last line.
    """
    if not library.absolute().parent.is_dir():
        raise ValueError(f"{library}: its folder does not exist")
    with tempfile.TemporaryDirectory(prefix="cvflow-plumed-") as folder:
        for source in SOURCES.iterdir():
            if source.suffix in (".h", ".cpp"):
                shutil.copy(source, folder)
        command = [str(plumed.program), "mklib", "CVFlow.cpp"]
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_PATIENCE, env=os.environ | _linked(plumed)
        )
        made = [*Path(folder).glob("CVFlow.so"), *Path(folder).glob("CVFlow.dylib")]
        if done.returncode or not made:
            raise RuntimeError(f"`plumed mklib` failed: {last_line(done)}")
        # A new file in its place: a program that has the old one loaded would crash if that were written over.
        copy_whole(made[0], library)
    return library.absolute()


def _linked(plumed: Plumed) -> dict[str, str]:
    """The library names its kernel, or programs that load PLUMED at run time, unseen by others, could not load it.

    `mklib` of PLUMED 2.9 knows no such setting; there such programs need PLUMED_LOAD_NAMESPACE=GLOBAL.
    """
    return {"PLUMED_MKLIB_LDFLAGS": f"-Wl,--no-as-needed '{plumed.kernel}'"} if plumed.kernel else {}


def last_line(done: subprocess.CompletedProcess) -> str:
    """What a program that failed said last: of its errors, if it has any."""
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or [f"exit code {done.returncode}"])[-1].strip()
