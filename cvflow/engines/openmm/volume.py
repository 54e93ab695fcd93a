"""The box's volume at constant pressure: what an OpenMM MonteCarloBarostat in the system asks for.

OpenMM's barostat acts when an integrator updates the context's state, which the path integrator never does, so paths
run at fixed box. Between jumps the volume is moved here: OpenMM's own moves adapt their size as they go and draw from a
generator that lives with the context, so neither exactness nor reproducibility could be had from them.
"""

from typing import NamedTuple

import numpy as np
import openmm

from cvflow.core.frames import Box, Frame

BAR = 0.0602214076
"""1 bar in kJ/mol/nm³."""


class Piston(NamedTuple):
    """Pressure [kJ/mol/nm³], time steps between two moves of the volume, and the barostat's own temperature [K]."""

    pressure: float
    frequency: int
    temperature: float


def piston(system: openmm.System) -> Piston | None:
    """What the system's MonteCarloBarostat asks for, if it has one."""
    for force in system.getForces():
        if isinstance(force, openmm.MonteCarloBarostat):
            return Piston(
                pressure=BAR * force.getDefaultPressure()._value,
                frequency=max(1, force.getFrequency()),
                temperature=force.getDefaultTemperature()._value,
            )
    return None


def default_box(system: openmm.System) -> Box:
    """The system's own box vectors, as rows [nm]."""
    return np.array([vector._value for vector in system.getDefaultPeriodicBoxVectors()])


def volume(frame: Frame) -> float:
    """Volume of the box [nm³]."""
    assert frame.box is not None
    return float(np.linalg.det(frame.box))


def scaled(frame: Frame, molecules: list[list[int]], new_volume: float) -> Frame:
    """The frame in a box of another volume: molecules' centres follow the box, their shapes stay."""
    assert frame.box is not None
    factor = (new_volume / volume(frame)) ** (1 / 3)
    positions = frame.positions.copy()
    for molecule in molecules:
        positions[molecule] += (factor - 1) * positions[molecule].mean(axis=0)
    return Frame(positions, factor * frame.box)
