"""Replica exchange in temperature by OpenMM's own class: ΔF from how often the coldest replica is in each state."""

import random
from collections.abc import Iterator, Sequence

import numpy as np
from biased import molecule, simulation, spec_of
from openmm import app

from cvflow.core.units import temperature
from cvflow.setup import Setup
from methods.work import Work, delta_f_of_visits, starting_walker

INTERVAL = 100
"""Time steps of each replica between exchanges."""


def differences(work: Work, setup: Setup, checkpoints: Sequence[int]) -> Iterator[float]:
    """ΔF [kT] after so many force evaluations of all replicas together, the energies at exchanges not counted."""
    random.seed(setup.settings.run.seed)  # OpenMM draws exchanges from Python's own generator
    engine, walker = spec_of(setup).build(), starting_walker(setup)
    like, kelvin = setup.walkers.starts[walker], temperature(spec_of(setup).kT)
    made = simulation(setup, molecule(spec_of(setup)).system, walker)
    ladder = np.geomspace(kelvin, work.hottest * kelvin, work.replicas)
    sampler = app.ReplicaExchangeSampler([{"temperature": each} for each in ladder], made, INTERVAL)
    values = []

    def look(sampler: app.ReplicaExchangeSampler) -> None:
        state = sampler.replicaConformation[sampler.replicaStateIndex.index(0)]
        positions = state.getPositions(asNumpy=True)._value
        values.append(engine.cv_values(like._replace(positions=positions)))

    sampler.reporters.append(look)
    for checkpoint in checkpoints:
        sampler.simulate(checkpoint // (INTERVAL * work.replicas) - sampler.currentIteration)
        yield delta_f_of_visits(setup.states, values)
