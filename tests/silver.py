"""Six silver atoms as a user's file has them; `cvflow.ase_system` and worker processes find its functions by name."""

import numpy as np
from ase import Atoms
from ase.calculators.emt import EMT

OCTAHEDRON = 1.92 * np.concatenate([np.eye(3), -np.eye(3)])
CAPPED = 0.962 * np.array(
    [[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1], [-5 / 3, -5 / 3, -5 / 3], [-5 / 3, 5 / 3, 5 / 3]]
)


def cluster(number=47, cell=0.0):
    """In a periodic cube of this side [Å], if it has one."""
    atoms = Atoms([number] * 6, positions=OCTAHEDRON, cell=[cell] * 3 if cell else None, pbc=cell > 0)
    atoms.calc = EMT()
    return atoms


def capped(**parameters):
    """The other isomer."""
    atoms = cluster(**parameters)
    atoms.positions = CAPPED
    return atoms


def without_calculator():
    """No system."""
    return Atoms("Ag6", positions=OCTAHEDRON)


nameless = lambda: cluster()  # noqa: E731
