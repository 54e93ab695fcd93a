"""Tests that run on OpenMM's OpenCL platform, where it works."""

from functools import cache

import openmm
import pytest


@cache
def available() -> bool:
    """Whether OpenMM has the platform and the platform a device."""
    system = openmm.System()
    system.addParticle(1.0)
    try:
        openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("OpenCL"))
    except openmm.OpenMMException:
        return False
    return True


needs_opencl = pytest.mark.skipif(
    not available(), reason="NO OPENCL: a driver, such as Debian's pocl-opencl-icd, runs these tests"
)
