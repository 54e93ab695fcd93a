"""Plain molecular dynamics: ΔF from how often it is in each state."""

from collections.abc import Iterator, Sequence

from biased import molecule, simulation, spec_of

from cvflow.setup import Setup
from methods.work import Work, delta_f_of_visits, lengths, starting_walker

INTERVAL = 50
"""Time steps between two looks at the CVs."""


def differences(work: Work, setup: Setup, checkpoints: Sequence[int]) -> Iterator[float]:
    """ΔF [kT] after so many force evaluations each."""
    engine, walker = spec_of(setup).build(), starting_walker(setup)
    like = setup.walkers.starts[walker]
    made = simulation(setup, molecule(spec_of(setup)).system, walker)
    values = []
    for steps in lengths(checkpoints):
        for _ in range(steps // INTERVAL):
            made.integrator.step(INTERVAL)
            positions = made.context.getState(getPositions=True).getPositions(asNumpy=True)._value
            values.append(engine.cv_values(like._replace(positions=positions)))
        yield delta_f_of_visits(setup.states, values)
