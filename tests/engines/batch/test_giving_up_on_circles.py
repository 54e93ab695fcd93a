"""Paths given up on a circle: both directions must be held against the same free energy at the same place."""

from unittest import mock

import numpy as np
import pytest

from cvflow.core.early_rejection import PROGRESS
from cvflow.core.periodic import wrapped
from cvflow.core.states import States
from cvflow.engines.batch.paths import Paths
from cvflow.sampler.interim_free_energy import InterimFreeEnergy, ProgressCoordinate
from tests.engines.batch.cases import CURVED, LINEAR, curved_kernels
from tests.engines.batch.circles import CIRCLE
from tests.engines.batch.stationarity import THRESHOLD, Case, Jump, run

KERNELS = dict(curved_kernels(next(on for on in CURVED if on.target is CIRCLE)))


def case(kernel: str, words: str) -> Case:
    (name,) = CIRCLE.cv.names
    states = States({"west": f"{name} < 0.0", "east": f"{name} >= 0.0"}, [name])
    coordinate = ProgressCoordinate(states, np.array([[-1.6], [1.3]]), np.ones(1), np.full(1, 2 * np.pi))
    profile = 0.5 + 3 * PROGRESS * (1 - PROGRESS) + 0.8 * np.sin(2 * np.pi * PROGRESS)
    profiles = np.zeros((2, 2, len(PROGRESS)))
    profiles[0, 1], profiles[1, 0] = profile, profile[::-1]
    interim_free_energy = InterimFreeEnergy(coordinate, profiles, ~np.eye(2, dtype=bool))
    paths = Paths(KERNELS[kernel], LINEAR, block=2, patience=2)
    jump = Jump(paths, 8, CIRCLE.span, more={"interim_free_energy": interim_free_energy})
    return Case(kernel, f"N = 8, given up early{words}", CIRCLE, jump)


def from_its_own_start(coordinate, start, end, a, b):
    """The mutant: beyond half a period of one mean it is another place than seen from the other."""
    way = wrapped(coordinate.means[b] - coordinate.means[a], coordinate.periods)
    gone = (wrapped(points - coordinate.means[a], coordinate.periods) for points in (start, end))
    with np.errstate(invalid="ignore"):
        return tuple((offset * way).sum(axis=1) / (way * way).sum(axis=1) for offset in gone)


@pytest.mark.parametrize("kernel", ["K4", "K5"])
def test_the_target_is_left_invariant_and_the_mutant_is_caught(kernel):
    verdict = run(case(kernel, ""))
    assert verdict.moved > 0.1
    assert verdict.largest < THRESHOLD
    with mock.patch.object(ProgressCoordinate, "progress", from_its_own_start):
        assert run(case(kernel, ", progress from its own start")).largest > THRESHOLD
