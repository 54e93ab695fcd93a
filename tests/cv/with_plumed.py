"""Whether PLUMED is here as a library, wrapper and kernel (tests/conftest.py skips, with one loud line)."""

from functools import cache

import pytest

from cvflow.cv import from_plumed


@cache
def missing() -> str | None:
    """What to say where it is not."""
    try:
        from_plumed("d", "d: DISTANCE ATOMS=1,2")
    except ValueError as error:
        return f"NO PLUMED: CVs given as PLUMED's text are not tested ({error})"
    return None


needs_plumed = pytest.mark.usefixtures("plumed_library")
