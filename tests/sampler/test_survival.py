"""The log survival of a path's record is what decides it: with it, paths that were given up are weighted in BAR."""

import numpy as np
import pytest
import torch

from cvflow.core.early_rejection import PathMonitor
from cvflow.core.frames import Frame, Outcome, Steering
from cvflow.core.schedule import Linear
from cvflow.doctor.verify import dumbbell
from cvflow.engines.batch.kernels.langevin import UnderdampedLangevin
from cvflow.engines.batch.paths import Paths
from tests.engines.batch.cases import interim_free_energy
from tests.engines.batch.targets import MINI
from tests.engines.verlet_case import LIBRARIES

NEVER = -200.0
"""Logarithm of a number that gives no path up, though it decides."""


class LastLook(PathMonitor):
    """The mutant: the last look in place of the least."""

    def look(self, step, rows, fraction, work):
        inside = self.ends[rows] > step
        super().look(step, rows, fraction, work)
        rows = rows[inside]
        self.log_survival[rows] = np.minimum(0.0, self.criterion.log_acceptance(rows, fraction[inside], work[inside]))


def batch(log_uniform):
    """Hamiltonian paths between the wells of the mini target, from one well and from the other."""
    count = len(log_uniform)
    start, end = np.zeros((count, 1)), np.full((count, 1), 4.0)
    start[::2], end[::2] = 4.0, 0.0
    criterion = interim_free_energy(1.5, 0.8).criterion(start, end, np.full(count, -1.5), log_uniform)
    paths = Paths(UnderdampedLangevin(MINI.potential, MINI.cv, 1.0, 0.5), Linear(), block=4, patience=4)
    x = torch.from_numpy(start + np.array([0.0, 0.3]))
    generator = torch.Generator().manual_seed(5)
    path = paths.drive(x, *map(torch.from_numpy, (start, end)), np.full(count, 40), generator, criterion)
    return path.outcome.numpy(), path.log_survival.numpy()


def of(library):
    """Paths of an engine of single walkers, with friction."""

    def run(log_uniform):
        engine, found = library(friction=0.4, timestep=0.1, schedule=Linear()).build(), []
        for i, threshold in enumerate(log_uniform):
            start, end = np.array([[1.6], [3.0]])[:: 1 - 2 * (i % 2)]
            rng = np.random.default_rng(i)
            energies = dumbbell.interim_free_energy()
            criterion = energies.criterion(start[None], end[None], np.array([-1.0]), np.array([threshold]))
            frame = Frame(dumbbell.exact_draws(1, rng)[0], None)
            path = engine.steer(frame, Steering(start, end, np.array([15.0]), 100), rng, criterion)
            found.append((path.outcome, path.log_survival))
        return tuple(np.array(column) for column in zip(*found, strict=True))

    return run


RUNS = {"batch": (batch, 2000), "OpenMM": (of(LIBRARIES["OpenMM"]), 60)}


def misjudged(name):
    """Paths whose fate is another than their survival says; they are run again with numbers of their own."""
    run, count = RUNS[name]
    outcome, log_survival = run(np.full(count, NEVER))
    assert (outcome == Outcome.COMPLETED).all()
    assert np.mean(log_survival < 0) > 0.3
    # Close to what decides, from both sides.
    log_uniform = np.minimum(-1e-12, log_survival + np.random.default_rng(0).uniform(-0.5, 0.5, count))
    outcome, again = run(log_uniform)
    lived = outcome == Outcome.COMPLETED
    assert 0.1 < lived.mean() < 0.9
    np.testing.assert_allclose(again[lived], log_survival[lived], atol=1e-9)
    return int((lived != (log_uniform < log_survival)).sum())


@pytest.mark.parametrize("name", RUNS)
def test_a_path_lives_as_long_as_its_number_lies_below_its_survival(name):
    assert misjudged(name) == 0


@pytest.mark.parametrize("name", RUNS)
def test_the_last_look_in_place_of_the_least_is_caught(name, monkeypatch):
    for place in ("cvflow.engines.batch.paths.PathMonitor", "cvflow.engines.verlet.PathMonitor"):
        monkeypatch.setattr(place, LastLook)
    assert misjudged(name) > 0.02 * RUNS[name][1]


def test_survival_is_the_least_of_all_looks():
    found = []
    for kind in (PathMonitor, LastLook):
        monitor = kind(np.array([40, 40]), on_flat_ground())
        for step, work in ((10, [1.5, -3.0]), (20, [4.0, -2.0]), (30, [0.5, -1.0])):
            monitor.look(step, np.arange(2), np.full(2, step / 40), np.array(work))
        found.append(monitor.log_survival)
    np.testing.assert_allclose(found[0], [-4.0, 0.0])
    assert not np.allclose(*found)


def on_flat_ground():
    flat = interim_free_energy(0.0)
    flat.profiles[:] = 0.0
    return flat.criterion(np.zeros((2, 1)), np.full((2, 1), 4.0), np.zeros(2), np.full(2, NEVER))
