"""The labels' law: detailed balance of labels and points with their density, and nothing proposed where they stay."""

import numpy as np
import pytest

from cvflow.proposals import GaussianMixture
from cvflow.proposals.labelled import LabelledProposal


def proposal(weights, within=False, spread=2.0):
    parts = tuple(GaussianMixture(((spread * k,),), ((1.0,),), (1.0,)) for k in range(len(weights)))
    return LabelledProposal(tuple(map(str, range(len(weights)))), parts, tuple(weights), within, 0)


WEIGHTS = {
    "two": (0.9, 0.1),
    "even": (0.5, 0.5),
    "three": (0.2, 0.5, 0.3),
    "many": (0.9, *[0.01] * 10),
}


@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize("name", WEIGHTS)
def test_labels_move_in_detailed_balance_with_their_weights(name, within):
    moves, weights = proposal(WEIGHTS[name], within).moves, np.array(WEIGHTS[name])
    flux = weights[:, None] * moves
    np.testing.assert_allclose(flux, flux.T, atol=1e-15)
    assert (moves >= 0).all()
    assert (moves.sum(axis=1) <= 1 + 1e-12).all()
    assert (np.diag(moves) == 0).all() or within
    if within:
        np.testing.assert_allclose(moves.sum(axis=1), 1.0)


def test_a_rare_state_is_always_left_and_entered_as_often_as_its_weight_allows():
    np.testing.assert_allclose(proposal((0.9, 0.1)).moves, [[0.0, 1 / 9], [1.0, 0.0]])
    np.testing.assert_allclose(proposal((0.5, 0.5)).moves, [[0.0, 1.0], [1.0, 0.0]])


def test_many_rare_states_together_are_entered_as_often_as_their_weights_allow():
    moves = proposal(WEIGHTS["many"]).moves
    assert moves[0].sum() == pytest.approx(0.1 / 0.99)
    assert (moves[1:, 0] > 0.9).all()


def test_what_is_proposed_from_draws_of_q_is_distributed_as_q_where_nothing_stays():
    """The joint distribution of both points is symmetric: the flux between any two cells is the same both ways."""
    law, rng = proposal((0.2, 0.5, 0.3)), np.random.default_rng(1)
    before = law.draw(200_000, rng)
    after, made = law.propose(before, rng)
    np.testing.assert_array_equal(made, ~np.isnan(after[:, 0]))
    assert 0.5 < made.mean() < 0.95
    edges = np.array([-np.inf, -1, 0, 1, 2, 3, 4, 5, np.inf])
    flux, *_ = np.histogram2d(before[made, 0], after[made, 0], bins=[edges[1:-1], edges[1:-1]])
    upper = np.triu_indices(len(flux), 1)
    there, back = flux[upper], flux.T[upper]
    z = (there - back) / np.sqrt(there + back)
    assert np.abs(z).max() < 4


def test_shares_of_what_is_proposed_are_the_chances():
    law, rng = proposal((0.2, 0.5, 0.3), spread=30.0), np.random.default_rng(2)
    points = np.full((40_000, 1), 31.0)
    np.testing.assert_allclose(law.chances(points[:1])[0], law.moves[1], atol=1e-12)
    after = law.propose(points, rng).points[:, 0]
    label = np.where(np.isnan(after), 3, np.round(after / 30.0))
    for k, chance in enumerate([*law.moves[1], 1 - law.moves[1].sum()]):
        assert np.mean(label == k) == pytest.approx(chance, abs=0.012)


def test_labels_that_stay_are_drawn_within_their_state_if_that_is_wanted():
    after = proposal((0.9, 0.1), within=True, spread=30.0).propose(np.zeros((2000, 1)), np.random.default_rng(3)).points
    assert not np.isnan(after).any()
    assert np.mean(after < 15) == pytest.approx(8 / 9, abs=0.03)


def test_a_point_with_no_density_is_left_where_it_is():
    law = proposal((0.5, 0.5))
    with np.errstate(invalid="ignore"):
        after, made = law.propose(np.array([[np.nan], [np.inf]]), np.random.default_rng(0))
    assert np.isnan(after).all()
    assert not made.any()


@pytest.mark.parametrize("weights", [(1.0,), (0.5, 0.6), (1.0, 0.0), (1.5, -0.5)])
def test_labels_that_are_none_raise(weights):
    with pytest.raises(ValueError, match="labels"):
        proposal(weights)
