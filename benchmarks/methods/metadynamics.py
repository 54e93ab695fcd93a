"""Well-tempered metadynamics by OpenMM's own class: ΔF by integrating its free-energy surface over the states.

Hills as in PLUMED's tutorials for torsions: 1.2 kJ/mol every 500 steps, bias factor 10.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from biased import Grid, molecule, simulation, spec_of, variables
from openmm import app

from cvflow.core.units import temperature
from cvflow.setup import Setup
from methods.work import Work, delta_f_of_surface, lengths, starting_walker

HEIGHT, PACE, BIAS_FACTOR = 1.2, 500, 10.0
"""kJ/mol, steps, and how many times hotter the CVs are."""


def surfaces(setup: Setup, walker: int, width: float, grid: Grid, checkpoints: Sequence[int]) -> Iterator[np.ndarray]:
    """Free energies [kT] of one run at the grid's points, after so many time steps each."""
    spec = spec_of(setup)
    system, cvs = molecule(spec)
    bias = app.Metadynamics(system, variables(cvs, width, grid), temperature(spec.kT), BIAS_FACTOR, HEIGHT, PACE)
    made = simulation(setup, system, walker)
    for steps in lengths(checkpoints):
        bias.step(made, int(steps))
        yield (bias.getFreeEnergy()._value / spec.kT).T.ravel()  # OpenMM's table has the last CV first


def differences(work: Work, setup: Setup, checkpoints: Sequence[int]) -> Iterator[float]:
    """ΔF [kT] after so many force evaluations each."""
    grid = work.grid(setup)
    for surface in surfaces(setup, starting_walker(setup), work.width, grid, checkpoints):
        yield delta_f_of_surface(setup.states, surface, grid)
