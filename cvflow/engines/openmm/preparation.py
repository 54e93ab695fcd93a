"""Makes a user's OpenMM System fit for paths whose reverse exists, or says why it is not."""

from copy import deepcopy
from typing import NamedTuple

import openmm

from cvflow.cv import Particles
from cvflow.engines.openmm.rigid import frozen
from cvflow.engines.openmm.volume import BAROSTATS, piston
from cvflow.host.openmm_xml import check_data_alone

_TAKEN_OUT = {
    "CMMotionRemover": "it takes momentum out between steps, so a path through it has no reverse",
    "AndersenThermostat": "paths draw their own Maxwell velocities",
}


class Prepared(NamedTuple):
    """A System fit for paths, and one line for everything that works differently in it."""

    system: openmm.System
    notes: tuple[str, ...]


def prepare(system: openmm.System) -> Prepared:
    """Copy a System, without the forces that break reversibility.

    Raises:
        ValueError: the System holds what the path integrator cannot reverse or account for: Drude particles, a
            barostat that changes the box's angles or moves frozen particles, Python code.
    """
    for force in system.getForces():
        check_data_alone(force, "the system")
    return adapted(deepcopy(system))


def adapted(system: openmm.System) -> Prepared:
    """A System of our own, which nobody else has, made fit for paths; its forces may be Python code.

    Raises:
        ValueError: as of `prepare`.
    """
    _refuse(system)
    notes = []
    for index in reversed(range(system.getNumForces())):
        name = type(system.getForce(index)).__name__
        if name in _TAKEN_OUT:
            system.removeForce(index)
            notes.append(f"{name} taken out of the system: {_TAKEN_OUT[name]}")
    if barostat := piston(system):
        notes.append(f"{barostat.barostat}: paths run at fixed box, which is moved between jumps")
    return Prepared(system, tuple(notes))


def particles_of(system: openmm.System) -> Particles:
    """What the System knows of its particles; charges are those of its NonbondedForce, if it has one."""
    count = system.getNumParticles()
    masses = tuple(float(system.getParticleMass(i)._value) for i in range(count))
    charges: tuple[float, ...] = ()
    for force in system.getForces():
        if isinstance(force, openmm.NonbondedForce):
            charges = tuple(float(force.getParticleParameters(i)[0]._value) for i in range(count))
    return Particles(masses, charges, system.usesPeriodicBoundaryConditions())


def _refuse(system: openmm.System) -> None:
    names = [type(force).__name__ for force in system.getForces()]
    if "DrudeForce" in names:
        raise ValueError(
            "the system has Drude particles: their oscillators need a second thermostat, which has no work account; "
            "use a non-polarisable force field"
        )
    for name in names:
        if "Barostat" in name and name not in BAROSTATS:
            raise ValueError(
                f"the system has a {name}: the moves of the box between jumps keep its angles; "
                f"use a {' or a '.join(BAROSTATS)}, or equilibrate the box first and remove the barostat"
            )
        if "Barostat" in name and len(frozen(system)):
            raise ValueError(
                f"the system has particles of mass 0, which stay where they are, and a {name}, which moves them with "
                "the box: give them masses, or remove the barostat"
            )
