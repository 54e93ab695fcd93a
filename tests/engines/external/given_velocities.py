"""Paths of GROMACS from velocities that a test gives."""

import numpy as np
from MDAnalysis.lib.formats.libmdaxdr import TRRFile

from cvflow.engines.external import Gromacs
from cvflow.engines.external.gromacs import NAME


def given(monkeypatch, v: np.ndarray) -> dict[str, np.ndarray]:
    """Let paths begin with these velocities; returns where the last ones will be, as "v"."""
    kept: dict[str, np.ndarray] = {}
    ends = Gromacs.ends

    def watched(self, folder, order):
        with TRRFile(str(folder / f"{NAME}.trr")) as states:
            kept["v"] = [frame.v.copy() for frame in states][-1]
        return ends(self, folder, order)

    monkeypatch.setattr(Gromacs, "write", lambda self, folder, order, rng: self._write(folder, order, v))
    monkeypatch.setattr(Gromacs, "ends", watched)
    return kept
