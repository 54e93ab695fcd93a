"""A bias that is one number a state: its values, its normalisation, and what is refused."""

import numpy as np
import pytest

from cvflow.core.state_bias import UNBIASED, StateBias, flat
from cvflow.core.states import States

STATES = States({"low": "z < 1", "high": "z > 2 and y < 5"}, ["z", "y"])


def test_each_point_has_that_of_its_state():
    bias = StateBias(STATES, (0.7, -3.0))
    points = np.array([[0.0, 0.0], [3.0, 0.0], [1.5, 0.0], [3.0, 9.0], [np.nan, 0.0]])
    assert bias.of(points).tolist() == [0.7, -3.0, 0.0, 0.0, 0.0]
    wider = np.column_stack([points, np.ones((len(points), 2))])
    assert bias.of(wider).tolist() == bias.of(points).tolist(), "CVs beyond those of the states"


def test_none_is_zero_everywhere():
    assert UNBIASED.of(np.array([[1.0], [np.inf], [np.nan]])).tolist() == [0.0, 0.0, 0.0]
    assert not UNBIASED.energies


def test_flat_makes_all_states_alike_and_keeps_their_sum():
    p = np.array([0.02, 0.98])
    bias = flat(STATES, -np.log(p) + 17.0)
    np.testing.assert_allclose(p * np.exp(-np.array(bias.energies)), 0.5, rtol=1e-12)


@pytest.mark.parametrize("energies", [(1.0,), (1.0, 2.0, 3.0), (0.0, np.nan), (np.inf, 0.0)])
def test_other_energies_are_refused(energies):
    with pytest.raises(ValueError, match="bias"):
        StateBias(STATES, energies)
