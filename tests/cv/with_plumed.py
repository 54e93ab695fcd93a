"""Whether PLUMED is here as a library, wrapper and kernel; without, its tests are skipped with one loud line."""

import pytest

from cvflow.cv import from_plumed


def _missing() -> str:
    try:
        from_plumed("d", "d: DISTANCE ATOMS=1,2")
    except ValueError as error:
        return str(error)
    return ""


MISSING = _missing()
needs_plumed = pytest.mark.skipif(
    bool(MISSING), reason=f"NO PLUMED: CVs given as PLUMED's text are not tested ({MISSING})"
)
