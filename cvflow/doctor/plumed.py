"""PLUMED: its kernel, its program, its Python module, and the action CVFLOW."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cvflow.doctor.finding import CONDA, Finding, Verdict, first_line, run
from cvflow.host.plumed_action import OLDEST, Plumed, found_plumed, last_line

KERNEL_LIBRARIES = ("libplumedKernel.so", "libplumedKernel.dylib")
ACTION = ("CVFlow.so", "CVFlow.dylib")

_OLDEST = ".".join(map(str, OLDEST))
_PROBE = '#include "bias/Bias.h"\n'
_PATH = """LOAD FILE={library}
d: DISTANCE ATOMS=1,2
CVFLOW ARG=d KAPPA=1 STEPS=1 TEMP=300 FROM=1 TO=1
"""
_FRAME = "2\n9 9 9\nX 0 0 0\nX 1 0 0\n"


def kernel() -> Finding:
    """The library that programs load PLUMED from: that of PLUMED_KERNEL, of the PATH or of conda, in this order."""
    what = "PLUMED kernel"
    named = os.environ.get("PLUMED_KERNEL")
    if named and not Path(named).is_file():
        return Finding(what, Verdict.WRONG, f"PLUMED_KERNEL={named} is not a file", "unset PLUMED_KERNEL")
    found = next(_kernels(), None)
    if found is None:
        return Finding(what, Verdict.MISSING, "not by PLUMED_KERNEL, on the PATH or in conda", f"{CONDA} plumed")
    path, where = found
    version = _version_beside(path)
    if version and not _recent(version):
        return Finding(what, Verdict.WRONG, f"{path} is of PLUMED {version}, too old", f"{CONDA} 'plumed>={_OLDEST}'")
    mend = "" if named else f"export PLUMED_KERNEL={path}"
    says = f"{path}, {f'version {version}' if version else 'of unknown version'}, found by {where}"
    return Finding(what, Verdict.OK, says if named else f"{says}; programs may need its name", mend)


def program() -> Finding:
    """The `plumed` on the PATH, which compiles the action and reads trajectories."""
    what, installing = "PLUMED program", f"{CONDA} 'plumed>={_OLDEST}'"
    try:
        plumed = found_plumed()
    except ValueError as trouble:
        verdict = Verdict.WRONG if shutil.which("plumed") else Verdict.MISSING
        return Finding(what, verdict, first_line(str(trouble).split(": `conda")[0]), installing)
    found = next(_kernels(), None)
    loaded = _version_beside(found[0]) if found else ""
    if loaded and loaded != plumed.version:
        says = f"{plumed.program} is {plumed.version}, but the kernel that programs load is {loaded}"
        return Finding(what, Verdict.WRONG, says, "unset PLUMED_KERNEL")
    return Finding(what, Verdict.OK, f"{plumed.version}: {plumed.program}")


def wrapper() -> Finding:
    """PLUMED as a Python module, for CVs written in PLUMED's words."""
    if importlib.util.find_spec("plumed") is None:
        return Finding("py-plumed", Verdict.MISSING, "no Python module plumed", f"{CONDA} py-plumed")
    return Finding("py-plumed", Verdict.OK, "Python module plumed")


def action() -> Finding:
    """CVFLOW: loaded from the library in this folder, or whether `cvflow plumed build` can make it."""
    what, building = "action CVFLOW", "cvflow plumed build"
    try:
        plumed = found_plumed()
    except ValueError:
        return Finding(what, Verdict.MISSING, "needs the PLUMED program", f"{CONDA} plumed, then {building}")
    library = next((Path(name).absolute() for name in ACTION if Path(name).is_file()), None)
    with tempfile.TemporaryDirectory(prefix="cvflow-doctor-") as folder:
        done = _compiled(plumed, Path(folder)) if library is None else _loaded(plumed, library, Path(folder))
    if done.returncode and library is None:
        return Finding(
            what, Verdict.WRONG, f"plumed mklib does not compile: {last_line(done)}", f"{CONDA} cxx-compiler"
        )
    if done.returncode:
        return Finding(what, Verdict.WRONG, f"{library} does not load: {last_line(done)}", building)
    if library is None:
        return Finding(what, Verdict.OK, "none in this folder; plumed mklib compiles", building)
    return Finding(what, Verdict.OK, f"LOAD FILE={library}")


def _recent(version: str) -> bool:
    """Whether the action can be compiled against this PLUMED."""
    return tuple(int(part) for part in version.split(".")[:2]) >= OLDEST


def _kernels() -> Iterator[tuple[Path, str]]:
    """Kernels that are there, and how each was found."""
    if named := os.environ.get("PLUMED_KERNEL"):
        yield Path(named), "PLUMED_KERNEL"
    with suppress(ValueError):
        if beside := found_plumed().kernel:
            yield beside, "the PATH"
    prefix = Path(os.environ.get("CONDA_PREFIX", sys.prefix))
    yield from ((prefix / "lib" / name, "conda") for name in KERNEL_LIBRARIES if (prefix / "lib" / name).is_file())


def _version_beside(kernel: Path) -> str:
    """Of the installation that the kernel belongs to; empty where its program is not there."""
    program = next(
        (folder / "bin" / "plumed" for folder in kernel.parents if (folder / "bin" / "plumed").is_file()), None
    )
    version = run([str(program), "info", "--long-version"]).stdout.strip() if program else ""
    return version if version[:1].isdigit() else ""


def _compiled(plumed: Plumed, folder: Path) -> subprocess.CompletedProcess:
    (folder / "probe.cpp").write_text(_PROBE, encoding="utf-8")
    return run([str(plumed.program), "mklib", "probe.cpp"], folder)


def _loaded(plumed: Plumed, library: Path, folder: Path) -> subprocess.CompletedProcess:
    (folder / "plumed.dat").write_text(_PATH.format(library=library), encoding="utf-8")
    (folder / "two.xyz").write_text(_FRAME, encoding="utf-8")
    return run([str(plumed.program), "driver", "--plumed", "plumed.dat", "--ixyz", "two.xyz"], folder)
