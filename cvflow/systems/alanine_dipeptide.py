"""Alanine dipeptide, the test molecule of enhanced sampling: two torsions, C7eq and C7ax.

Force field: Amber99SB-ILDN as OpenMM brings it, in vacuum, and with the generalised Born model OBC2 for water. No file
is needed: `peptide.py` builds the molecule.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import openmm
from openmm import app

from cvflow.core.frames import Frame
from cvflow.core.units import thermal_energy
from cvflow.cv import CollectiveVariable, torsion
from cvflow.engines.openmm import with_hydrogen_mass
from cvflow.systems.base import AtomsReference
from cvflow.systems.peptide import PHI, PSI, alanine_dipeptide_positions, alanine_dipeptide_topology


@dataclass(frozen=True)
class _AlanineDipeptide(AtomsReference):
    """ACE-ALA-NME, 22 atoms, without cutoff and without constraints.

    Bonds to hydrogen are free to vibrate. Hydrogens have a mass of their own choosing, 4 amu, which leaves the
    distribution of positions as it is and lets the time step be twice as long.

    Attributes:
        temperature: K.
        hydrogen_mass: amu.

    Raises:
        ValueError: a parameter is not positive.
    """

    temperature: float = 300.0
    hydrogen_mass: float = 4.0

    force_field: ClassVar[tuple[str, ...]]
    """OpenMM's own files."""
    homes: ClassVar[dict[str, tuple[float, float]]]
    """φ and ψ [rad] of a structure in each state."""
    engine: ClassVar[str] = "openmm"
    timestep: ClassVar[float] = 0.0015
    platform: ClassVar[str] = "Reference"

    def __post_init__(self) -> None:
        thermal_energy(self.temperature)
        if not self.hydrogen_mass > 0:
            raise ValueError(f"hydrogen_mass must be positive, got {self.hydrogen_mass} amu")

    @property
    def kT(self) -> float:  # noqa: N802
        return thermal_energy(self.temperature)

    def system(self) -> openmm.System:
        topology = self.topology()
        field = app.ForceField(*self.force_field)
        system = field.createSystem(topology, nonbondedMethod=app.NoCutoff, constraints=None, removeCMMotion=False)
        return with_hydrogen_mass(system, topology, self.hydrogen_mass)

    def topology(self) -> app.Topology:
        return alanine_dipeptide_topology()

    def cvs(self) -> tuple[CollectiveVariable, ...]:
        return torsion("phi", *PHI), torsion("psi", *PSI)

    @property
    def states(self) -> dict[str, str]:
        return {"C7eq": "phi <= 0 or phi >= 2.1", "C7ax": "0 < phi < 2.1"}

    def start(self, state: str, rng: np.random.Generator) -> Frame:
        self.check_state(state)
        return Frame(alanine_dipeptide_positions(*self.homes[state]), None)


@dataclass(frozen=True)
class AlanineDipeptide(_AlanineDipeptide):
    """In vacuum."""

    name: ClassVar[str] = "alanine_dipeptide"
    summary: ClassVar[str] = "alanine dipeptide in vacuum, Amber99SB-ILDN: C7eq and C7ax"
    reference: ClassVar[str] = "umbrella sampling in phi and psi, tests/systems/alanine_umbrella.py"
    force_field: ClassVar[tuple[str, ...]] = ("amber99sbildn.xml",)
    homes: ClassVar[dict[str, tuple[float, float]]] = {"C7eq": (-1.4, 1.1), "C7ax": (1.1, -0.8)}


@dataclass(frozen=True)
class AlanineDipeptideImplicit(_AlanineDipeptide):
    """In implicit water."""

    name: ClassVar[str] = "alanine_dipeptide_implicit"
    summary: ClassVar[str] = "alanine dipeptide in implicit water (OBC2), Amber99SB-ILDN: C7eq and C7ax"
    reference: ClassVar[str] = "umbrella sampling in phi and psi, tests/systems/alanine_umbrella.py"
    force_field: ClassVar[tuple[str, ...]] = ("amber99sbildn.xml", "amber99_obc.xml")
    homes: ClassVar[dict[str, tuple[float, float]]] = {"C7eq": (-1.3, 2.4), "C7ax": (1.0, 0.5)}
