"""A molecule whose atoms are known, and whose potential is still to be made with what the config says of it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import openmm
from openmm import app, unit

from cvflow.core.frames import Box


class Unbuilt(NamedTuple):
    """What a reader of OpenMM's has made of a molecule's files.

    Attributes:
        topology: the atoms, and the box if the files have one.
        create: its createSystem, of OpenMM's own arguments.
        put_box: gives the reader a box [nm], or none.
        notes: what was changed in the files.
    """

    topology: app.Topology
    create: Callable[..., openmm.System]
    put_box: Callable[[Box | None], None]
    notes: tuple[str, ...] = ()


def box_of(topology: app.Topology) -> Box | None:
    """The box vectors of a topology, as rows [nm]."""
    vectors = topology.getPeriodicBoxVectors()
    return None if vectors is None else np.array(vectors._value)


def box_into(topology: app.Topology) -> Callable[[Box | None], None]:
    """What gives a topology a box, or none."""

    def put(box: Box | None) -> None:
        topology.setPeriodicBoxVectors(None if box is None else box * unit.nanometer)

    return put
