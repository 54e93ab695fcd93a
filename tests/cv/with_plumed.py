"""Tests that need PLUMED as a library, wrapper and kernel (tests/conftest.py skips them with one loud line)."""

import pytest

needs_plumed = pytest.mark.usefixtures("plumed_library")
