"""Which flow draws which jump, and what it has learned from."""

import numpy as np
import pytest

from cvflow.core.cv_space import CVSpace
from cvflow.core.states import States
from cvflow.proposals.fit import FitSettings
from cvflow.sampler.plan import Plan

STATES = States({"left": "z < 0", "right": "z >= 0"}, ["z"])


def plan(adapt_jumps, **settings):
    given = {"walkers": 64, "retrain_every": 50, "jumps": 10, **settings}
    one = np.ones(1)
    return Plan(
        seed=1, adapt_jumps=adapt_jumps, scale=one, blur=0 * one, states=STATES, fit=FitSettings(),
        space=CVSpace(("z",), ("",), (np.inf,), ((-np.inf, np.inf),)), **given,
    )  # fmt: skip


def test_trainings_are_a_quarter_of_what_is_known_apart():
    """A hundred blocks had a hundred trainings, which many walkers of a cheap system waited for."""
    assert list(plan(100).trainings) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 18, 22, 27, 33, 41, 51, 63, 78, 97]


@pytest.mark.parametrize("adapt_jumps", [1, 5, 13, 16, 40, 100])
@pytest.mark.parametrize("walkers", [4, 64])
def test_a_flow_knows_no_turn_of_those_it_draws_and_is_trained_while_others_draw(adapt_jumps, walkers):
    whole = plan(adapt_jumps, walkers=walkers)
    for jump in range(whole.adaptation):
        version = whole.version_at(jump)
        assert version == 0 or whole.trainings[version] + whole.block <= whole.trainings[version + 1] <= jump
    assert whole.trainings[whole.last_version] < max(1, whole.adaptation)
    assert {whole.version_at(jump) for jump in range(whole.adaptation, whole.total)} == {whole.last_version}


def test_a_longer_adaptation_begins_as_the_shorter_one():
    short, long = plan(30, adapt_limit=3), plan(30, adapt_limit=3).longer()
    assert [short.version_at(jump) for jump in range(30)] == [long.version_at(jump) for jump in range(30)]
    assert long.last_version > short.last_version
