"""OPES by the package openmm-opes: ΔF by integrating its free-energy surface over the states.

Kernels every 500 steps; their width begins as told and shrinks by Silverman's rule; bias factor barrier/kT.

Source: M. Invernizzi and M. Parrinello, J. Phys. Chem. Lett. 11, 2731 (2020).
"""

from collections.abc import Iterator, Sequence

from biased import molecule, simulation, spec_of, variables
from openmm_opes import OPES

from cvflow.core.units import temperature
from cvflow.setup import Setup
from methods.work import Work, delta_f_of_surface, lengths, starting_walker

PACE = 500
"""Time steps from one kernel to the next, as PLUMED's tutorials have them."""


def differences(work: Work, setup: Setup, checkpoints: Sequence[int]) -> Iterator[float]:
    """ΔF [kT] after so many force evaluations each."""
    spec, grid = spec_of(setup), work.grid(setup)
    system, cvs = molecule(spec)
    bias = OPES(system, variables(cvs, work.kernel, grid), temperature(spec.kT), work.barrier, PACE, None)
    made = simulation(setup, system, starting_walker(setup))
    for steps in lengths(checkpoints):
        bias.step(made, int(steps))
        surface = (bias.getFreeEnergy()._value / spec.kT).T.ravel()
        yield delta_f_of_surface(setup.states, surface, grid)
