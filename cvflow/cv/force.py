"""CVs given as OpenMM forces: the energy of the force is the CV's value."""

from dataclasses import dataclass
from functools import lru_cache
from math import inf

import openmm

from cvflow.core.frames import Frame
from cvflow.core.periodic import into_period
from cvflow.cv.base import CollectiveVariable, checked_name
from cvflow.host.openmm_xml import check_data_alone, deserialised


@dataclass(frozen=True)
class ForceCV(CollectiveVariable):
    """A CV whose value is the energy [kJ/mol, read as the CV's unit] of a serialised OpenMM force."""

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
        context = _lone_context(self.force_xml, len(frame.positions))
        if frame.box is not None:
            context.setPeriodicBoxVectors(*frame.box)
        context.setPositions(frame.positions)
        return into_period(context.getState(getEnergy=True).getPotentialEnergy()._value, self.period)


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
    return ForceCV(name, openmm.XmlSerializer.serialize(force), _highest_atom(force), unit, period)


def _highest_atom(force: openmm.Force) -> int:
    """The largest particle index a force names, 0 for forces that read every particle."""
    if isinstance(force, openmm.CustomCompoundBondForce):
        return max((max(force.getBondParameters(i)[0]) for i in range(force.getNumBonds())), default=0)
    if isinstance(force, openmm.CustomCentroidBondForce):
        return max((max(force.getGroupParameters(i)[0]) for i in range(force.getNumGroups())), default=0)
    return 0


@lru_cache(maxsize=16)
def _lone_context(force_xml: str, particles: int) -> openmm.Context:
    """A double-precision context that holds the force alone."""
    system = openmm.System()
    for _ in range(particles):
        system.addParticle(1.0)
    system.addForce(deserialised(force_xml, "a CV"))
    return openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform("Reference"))
