"""What tests need that pip does not bring; what is missing is one loud line of the session."""

import shutil
import signal
import subprocess
import tempfile
import threading
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from cvflow.host.plumed_action import built, found_plumed
from tests.cv import with_plumed
from tests.engines import opencl as with_opencl
from tests.long_tests import named


@cache
def no_plumed():
    try:
        found_plumed()
    except ValueError as missing:
        return f"NO PLUMED: the action CVFLOW is not tested ({missing})"
    return None


def no_wrapper():
    missing = find_spec("plumed") is None
    mend = "`conda install -c conda-forge py-plumed`"
    return f"NO PYTHON WRAPPER OF PLUMED: paths are not tested ({mend})" if missing else None


def no_ase():
    missing = find_spec("ase") is None
    return "NO ASE: its systems in Python and their example are not tested (pip install ase)" if missing else None


def no_compiler():
    missing = shutil.which("g++") is None
    return "NO C++ COMPILER: the evaluator of plumed_plugin/ is not tested (install g++)" if missing else None


def no_gromacs():
    missing = shutil.which("gmx") is None or find_spec("pyedr") is None
    return "NO GROMACS: paths through gmx are not tested (install gmx, and cvflow[gromacs])" if missing else None


def no_gromacs_mpi():
    missing = [name for name in ("gmx_mpi", "mpirun") if shutil.which(name) is None]
    return f"NO GROMACS WITH MPI: paths under mpirun are not tested ({' and '.join(missing)})" if missing else None


@cache
def no_plumed_mpi():
    """By asking it."""
    asked = ["plumed", "--no-mpi", "config", "-q", "has", "mpi"]
    missing = bool(no_plumed()) or subprocess.run(asked, check=False, timeout=60).returncode != 0
    mend = "build it with --enable-mpi and the MPI of gmx_mpi"
    return f"NO PLUMED WITH MPI: paths of two ranks are not tested ({mend})" if missing else None


@cache
def no_lammps():
    """By asking it for `fix plumed`, which `lmp -h` does not list where it is a plugin."""
    mend = "paths through lmp are not tested (`conda install -c conda-forge lammps`)"
    if shutil.which("lmp") is None or no_plumed():
        return f"NO LAMMPS: {mend}"
    asked = "region all block 0 1 0 1 0 1\ncreate_box 1 all\nfix 1 all plumed plumedfile nowhere\n"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "in.ask").write_text(asked)
        command = ["lmp", "-in", "in.ask", "-log", "none"]
        said = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    missing = "fix style 'plumed'" in said.stdout + said.stderr
    return f"NO LAMMPS WITH FIX PLUMED: {mend}" if missing else None


NEEDS = {
    "plumed": no_plumed,
    "wrapper": no_wrapper,
    "plumed_library": with_plumed.missing,
    "opencl": with_opencl.missing,
    "ase": no_ase,
    "gromacs": no_gromacs,
    "gromacs_mpi": no_gromacs_mpi,
    "plumed_mpi": no_plumed_mpi,
    "lammps": no_lammps,
    "harness": no_compiler,
    "sanitised": no_compiler,
}
"""What a test needs, by its fixtures and marks."""


def pytest_configure():
    """Signals reach the tests, and the commands that they start, also where a shell in the background ignores them."""
    if threading.current_thread() is not threading.main_thread():
        return
    handlers = {signal.SIGINT: signal.default_int_handler}
    if hasattr(signal, "SIGHUP"):
        handlers[signal.SIGHUP] = signal.SIG_DFL
    for number, handler in handlers.items():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


def pytest_collection_modifyitems(items):
    """Tests that take long are marked so; `make quick` leaves them out."""
    long = named()
    for item in items:
        if item.nodeid.partition("[")[0] in long:
            item.add_marker(pytest.mark.long)


def pytest_runtest_setup(item):
    """Skipped here and not in the fixtures: pytest folds skips of one place into one line."""
    for name, missing in NEEDS.items():
        if (name in item.fixturenames or item.get_closest_marker(name)) and (reason := missing()):
            pytest.skip(reason)


@pytest.fixture(scope="session")
def plumed():
    """PLUMED on the path."""
    return found_plumed()


@pytest.fixture(scope="session")
def wrapper():
    """PLUMED as a Python module."""
    import plumed

    return plumed


@pytest.fixture(scope="session")
def plumed_library():
    """PLUMED as a library, wrapper and kernel."""


@pytest.fixture(scope="session")
def ase():
    """ASE."""


@pytest.fixture(scope="session")
def library(plumed, tmp_path_factory):
    """The action, compiled against that PLUMED."""
    return built(plumed, tmp_path_factory.mktemp("action") / "CVFlow.so")


@pytest.fixture(scope="session")
def gromacs(plumed):
    """GROMACS on the path, with its PLUMED interface."""
    return shutil.which("gmx")


@pytest.fixture(scope="session")
def lammps(plumed):
    """LAMMPS on the path, with `fix plumed`."""
    return shutil.which("lmp")
