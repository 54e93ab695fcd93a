"""Whether OpenMM's OpenCL platform works here, on one core (tests/conftest.py skips, with one loud line)."""

import os
from functools import cache

import openmm
import pytest

os.environ.setdefault("POCL_MAX_PTHREAD_COUNT", "1")  # pocl, on a processor, takes all cores else


@cache
def missing() -> str | None:
    """What to say where it does not."""
    system = openmm.System()
    system.addParticle(1.0)
    try:
        openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform("OpenCL"))
    except openmm.OpenMMException as error:
        mend = "a driver runs these tests (Debian: apt-get install pocl-opencl-icd ocl-icd-libopencl1)"
        return f"NO OPENCL: OpenMM's GPU platforms are not tested: {mend} ({error})"
    return None


needs_opencl = pytest.mark.opencl
