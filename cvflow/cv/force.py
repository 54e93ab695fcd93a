"""CVs given as OpenMM forces: the energy of the force is the CV's value."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import inf

import numpy as np
import openmm

from cvflow.core.frames import Frame, Positions
from cvflow.core.periodic import into_period
from cvflow.cv.base import CollectiveVariable, Particles
from cvflow.cv.names import checked_name
from cvflow.cv.openmm_force import Energy, algebra
from cvflow.host.openmm_xml import check_data_alone, deserialised


@dataclass(frozen=True)
class ForceCV(CollectiveVariable):
    """A CV whose value is the energy [kJ/mol, read as the CV's unit] of a serialised OpenMM force.

    Attributes:
        name: the CV's name.
        force_xml: the force, as OpenMM serialises it.
        highest: the largest atom index that the force names, 0 for one that reads every particle.
        unit: for tables and axes.
        period: of a CV on a circle.

    Raises:
        ValueError: the period is not positive.
    """

    name: str
    force_xml: str
    highest: int
    unit: str = ""
    period: float = inf

    def __post_init__(self) -> None:
        checked_name(self.name)
        if not self.period > 0:
            raise ValueError(f"CV {self.name}: a period must be positive, got {self.period}")

    @property
    def highest_atom(self) -> int:
        return self.highest

    def evaluate(self, frame: Frame) -> float:
        state = self._context(frame).getState(getEnergy=True)
        return into_period(state.getPotentialEnergy()._value, self.period)

    def value_and_gradient(self, frame: Frame) -> tuple[float, Positions]:
        state = self._context(frame).getState(getEnergy=True, getForces=True)
        value = into_period(state.getPotentialEnergy()._value, self.period)
        return value, -np.array(state.getForces(asNumpy=True)._value)

    def openmm_force(self, energy: Energy) -> openmm.Force:
        return algebra(energy("cvflow_value"), {"cvflow_value": self.force})

    def among(self, particles: Particles) -> "ForceCV":
        """Raises ValueError if the force takes nearest images and there is no periodic box to take them in."""
        if not particles.all_around and self.force.usesPeriodicBoundaryConditions():
            raise ValueError(
                f"CV {self.name}: its force takes nearest images, and the system has no periodic box: make the force "
                "with setUsesPeriodicBoundaryConditions(False)"
            )
        return self

    @property
    def force(self) -> openmm.Force:
        """The force itself, made anew."""
        return deserialised(self.force_xml, f"CV {self.name}")

    def _context(self, frame: Frame) -> openmm.Context:
        context = _lone_context(self.force_xml, len(frame.positions))
        if frame.box is not None:
            context.setPeriodicBoxVectors(*frame.box)
        context.setPositions(frame.positions)
        return context


def from_force(name: str, force: openmm.Force, unit: str = "", period: float = inf) -> ForceCV:
    """Make a CV of any OpenMM force: CustomCompoundBondForce, CustomCentroidBondForce, RMSDForce, RGForce, ...

    Args:
        name: the CV's name in state expressions and files.
        force: its energy, as a number, is the CV's value; it is copied.
        unit: for tables and axes.
        period: of a CV on a circle.

    Raises:
        ValueError: the period is not positive, or the force runs Python code, whose serialised form would hold code
            instead of data.
    """
    check_data_alone(force, f"CV {name}")
    return ForceCV(name, openmm.XmlSerializer.serialize(force), max(atoms_of(force), default=0), unit, period)


def atoms_of(force: openmm.Force) -> Iterator[int]:
    """Atoms that a force names in its bonds, its groups or its list of particles; none for one that reads them all."""
    if isinstance(force, openmm.CustomCompoundBondForce):
        for i in range(force.getNumBonds()):
            yield from force.getBondParameters(i)[0]
    elif isinstance(force, openmm.CustomCentroidBondForce):
        for i in range(force.getNumGroups()):
            yield from force.getGroupParameters(i)[0]
    elif isinstance(force, openmm.CustomBondForce):
        for i in range(force.getNumBonds()):
            yield from force.getBondParameters(i)[:2]
    elif hasattr(force, "getParticles"):
        yield from force.getParticles()


@lru_cache(maxsize=16)
def _lone_context(force_xml: str, particles: int) -> openmm.Context:
    """A double-precision context that holds the force alone."""
    system = openmm.System()
    for _ in range(particles):
        system.addParticle(1.0)
    system.addForce(deserialised(force_xml, "a CV"))
    return openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform("Reference"))
