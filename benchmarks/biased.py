"""A config's molecule as metadynamics and umbrella sampling move it, by OpenMM's Langevin dynamics: the System with its
walls, the CVs with their nearest images, starts, time step and platform are those of cvflow's run.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import openmm
from openmm import app

from cvflow.core.units import temperature
from cvflow.cv import CollectiveVariable
from cvflow.engines.openmm import OpenMMSpec, particles_of
from cvflow.engines.walls import walls_on
from cvflow.setup import Setup
from cvflow.setup.engine_walkers import EngineWalkers

FRICTION = 1.0
"""1/ps."""


class Molecule(NamedTuple):
    """A System with its walls, ready to take a bias, and the CVs as they are of its particles."""

    system: openmm.System
    cvs: tuple[CollectiveVariable, ...]


def spec_of(setup: Setup) -> OpenMMSpec:
    assert isinstance(setup.walkers, EngineWalkers)
    spec = setup.walkers.spec(setup)
    assert isinstance(spec, OpenMMSpec)
    return spec


def molecule(spec: OpenMMSpec) -> Molecule:
    system = spec.system()
    cvs = spec.cvs_among(particles_of(system))
    for cv, wall in walls_on(cvs, spec.walls):
        system.addForce(cv.openmm_force(wall.expression))
    return Molecule(system, cvs)


def simulation(setup: Setup, system: openmm.System, walker: int) -> app.Simulation:
    """From a walker's start, downhill in energy, with velocities of its own."""
    spec, seed = spec_of(setup), 1000 * setup.settings.run.seed + walker + 1
    kelvin = temperature(spec.kT)
    integrator = openmm.LangevinMiddleIntegrator(kelvin, FRICTION, spec.timestep)
    integrator.setRandomNumberSeed(seed)
    platform = openmm.Platform.getPlatform(spec.platform)
    threads = {"Threads": "1"} if spec.platform == "CPU" else {}
    made = app.Simulation(setup.topology, system, integrator, platform, threads | dict(spec.properties))
    frame = setup.walkers.starts[walker]
    if frame.box is not None:
        made.context.setPeriodicBoxVectors(*frame.box)
    made.context.setPositions(frame.positions)
    made.minimizeEnergy()
    made.context.setVelocitiesToTemperature(kelvin, seed)
    return made


class Grid(NamedTuple):
    """Where a surface over one or two CVs is known.

    Attributes:
        low: of each CV.
        high: of each CV.
        bins: points along each, both ends among them.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    bins: int

    @property
    def points(self) -> np.ndarray:
        """All points, the last CV fastest: (points, CVs)."""
        lines = [np.linspace(low, high, self.bins) for low, high in zip(self.low, self.high, strict=True)]
        return np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, len(lines))


def variables(cvs: Sequence[CollectiveVariable], width: float, grid: Grid) -> list[app.BiasVariable]:
    """The CVs as OpenMM's biases take them, with hills of a width over a grid."""
    return [
        app.BiasVariable(cv.openmm_force(str), low, high, width, bool(np.isfinite(cv.period)), grid.bins)
        for cv, low, high in zip(cvs, grid.low, grid.high, strict=True)
    ]


def grid_of(spec: OpenMMSpec, limits: list[list[str]], bins: int) -> Grid:
    """Over the CVs' own ranges, or those given as name, lowest and highest for CVs without an end."""
    given = {name: (float(low), float(high)) for name, low, high in limits}
    edges = [given.get(cv.name, cv.range) for cv in spec.cvs]
    return Grid(tuple(low for low, _ in edges), tuple(high for _, high in edges), bins)
