"""Six silver atoms in the effective-medium potential: an octahedron and a tetrahedron with two caps."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from openmm import app

from cvflow.core.frames import Frame
from cvflow.core.units import thermal_energy
from cvflow.cv import CollectiveVariable, anisotropy
from cvflow.systems.base import AtomsReference

_EDGE = 0.272
"""nm between neighbours in the octahedron."""

_APEX = _EDGE * np.sqrt(2 / 3)


def _octahedron() -> np.ndarray:
    along = np.eye(3) * _EDGE / np.sqrt(2)
    return np.concatenate([along, -along])


def _capped() -> np.ndarray:
    """A regular tetrahedron, and the mirror images of two of its corners in the faces opposite to them."""
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) * _EDGE / np.sqrt(8)
    caps = [corners[i] - 2 * _APEX * 4 * corners[i] / (np.sqrt(6) * _EDGE) for i in (0, 1)]
    return np.concatenate([corners, caps])


@dataclass(frozen=True)
class Ag6(AtomsReference):
    """Ag₆ in ASE's EMT, free in space.

    Attributes:
        temperature: K.

    Raises:
        ValueError: the temperature is not positive.
    """

    temperature: float = 300.0

    name: ClassVar[str] = "ag6"
    summary: ClassVar[str] = "six silver atoms, EMT of ASE: octahedron and capped tetrahedron"
    reference: ClassVar[str] = "Monte Carlo with EMT written again in C++, tests/systems/ag6_monte_carlo.cpp"
    engine: ClassVar[str] = "ase"
    timestep: ClassVar[float] = 0.005

    def __post_init__(self) -> None:
        thermal_energy(self.temperature)

    @property
    def kT(self) -> float:  # noqa: N802
        return thermal_energy(self.temperature)

    @property
    def states(self) -> dict[str, str]:
        return {"octahedron": "a < 0.22", "capped": "a >= 0.22"}

    def system(self) -> Any:
        from ase import Atoms
        from ase.calculators.emt import EMT

        atoms = Atoms("Ag6", positions=10 * _octahedron())
        atoms.calc = EMT()
        return atoms

    def topology(self) -> app.Topology:
        topology = app.Topology()
        residue = topology.addResidue("AG6", topology.addChain())
        for _ in range(6):
            topology.addAtom("Ag", app.element.silver, residue)
        return topology

    def cvs(self) -> tuple[CollectiveVariable, ...]:
        return (anisotropy("a", range(6)),)

    def start(self, state: str, rng: np.random.Generator) -> Frame:
        self.check_state(state)
        return Frame({"octahedron": _octahedron, "capped": _capped}[state](), None)
