"""Whether a path of GROMACS has kept its rigid bonds, and began as it was told."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from MDAnalysis.lib.formats.libmdaxdr import TRRFrame

from cvflow.engines.external.gromacs_dump import Rigid
from cvflow.engines.external.rigid import lengths, tangential

_SLIP = 1e-4
"""What rigid bonds may be off by: lengths relatively, start velocities relative to the largest. In single precision
LINCS and SETTLE are by 1e-6; velocities of half a step before would be by 1e-2 and more."""

def began_as_given(first: TRRFrame, given: Float[np.ndarray, "atoms 3"], masses: Sequence[float], rigid: Rigid) -> bool:
    """Whether a path's first step has the velocities it was given, made tangential to rigid bonds.

    Without rigid bonds they are the same to the last bit.
    """
    if not rigid:
        return np.array_equal(first.v, given)
    x, v, box = (rows.astype(float) for rows in (first.x, given, first.box))
    try:
        kept = tangential(v, x, box, np.array(masses), np.array(rigid))
    except ValueError:
        return False
    return bool(np.abs(first.v - kept).max() < _SLIP * np.abs(given).max())


def kept_lengths(first: TRRFrame, last: TRRFrame, rigid: Rigid) -> bool:
    """Whether rigid bonds are as long at a path's end as at its beginning: where LINCS fails it may warn and go on."""
    if not rigid:
        return True
    before, after = (lengths(end.x.astype(float), end.box.astype(float), np.array(rigid)) for end in (first, last))
    return bool((np.abs(after - before) < _SLIP * before).all())
