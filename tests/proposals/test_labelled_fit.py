"""Training by labels: who learns from which samples, what the weights follow, what is kept from one to the next."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from cvflow.core.states import States
from cvflow.proposals.fit import FitSettings, fit
from cvflow.proposals.io import from_bytes, to_bytes
from cvflow.proposals.labelled import LabelledProposal
from cvflow.proposals.labelled_fit import LabelledLearner, labels_of, shares_of
from cvflow.proposals.learned import LearnedProposal
from tests.proposals.cases import SHORT, SPACES, chains, samples

LINE, TORUS = SPACES["line"], SPACES["torus"]
BLUR = np.array([0.05])
STATES = States({"low": "q0 < 4", "high": "5 < q0 < 90", "far": "q0 > 90"}, LINE.names)
LEARN = LabelledLearner(STATES, within=False)


def trained(seed=1, previous=None, settings=SHORT, learn=LEARN, count=2000):
    rng = np.random.default_rng(seed)
    return learn(chains(count, rng, LINE), LINE, BLUR, settings, previous, rng)


def test_a_sample_between_states_has_the_label_of_the_last_one_and_before_the_first_of_the_first():
    assert labels_of(np.array([-1, -1, 1, -1, 0, 2, -1])).tolist() == [1, 1, 1, 1, 0, 2, 2]
    assert labels_of(np.array([-1, -1])).tolist() == [-1, -1]
    assert labels_of(np.zeros(0, dtype=int)).tolist() == []


def test_each_state_that_was_visited_has_a_density_of_its_own():
    proposal = trained().proposal
    assert isinstance(proposal, LabelledProposal)
    assert proposal.states == ("low", "high")
    assert proposal.version == 0
    low, high = (replace(part, epsilon=1e-9).draw(4000, np.random.default_rng(2)) for part in proposal.parts)
    assert (low < 4.6).mean() > 0.99
    assert (high > 4.4).mean() > 0.99


def test_it_is_nearer_to_the_samples_than_one_flow_for_all():
    rng = np.random.default_rng(3)
    histories, fresh = chains(2000, rng, LINE), samples(20_000, rng, LINE)
    both = [learn(histories, LINE, BLUR, FitSettings(), None, np.random.default_rng(4)) for learn in (LEARN, fit)]
    by_label, at_once = (training.proposal.log_density(fresh).mean() for training in both)
    assert by_label > at_once
    exact = np.logaddexp(
        np.log(0.7) + stats.norm(3.5, np.hypot(0.2, 0.05)).logpdf(fresh[:, 0]),
        np.log(0.3) + stats.norm(5.7, np.hypot(0.35, 0.05)).logpdf(fresh[:, 0]),
    )
    assert -0.02 < exact.mean() - by_label < 0.1
    assert both[0].holdout_nll == pytest.approx(-by_label, abs=0.1)


def test_a_state_with_too_few_samples_has_no_label_until_there_are_more():
    rng = np.random.default_rng(5)
    histories = chains(500, rng, LINE)
    few = [*histories, np.full((9, 1), 95.0) + rng.normal(size=(9, 1))]
    first = LEARN(few, LINE, BLUR, SHORT, None, rng).proposal
    assert first.states == ("low", "high")
    assert np.isfinite(first.log_density(np.array([[95.0]]))).all(), "it can be left all the same"
    more = [*histories, np.full((12, 1), 95.0) + rng.normal(size=(12, 1))]
    second = LEARN(more, LINE, BLUR, SHORT, first, rng).proposal
    assert second.states == ("low", "high", "far")
    assert second.version == 1


def test_with_one_state_visited_there_is_one_flow():
    rng = np.random.default_rng(6)
    low = [rng.normal(3, 0.2, (100, 1))]
    first = LEARN(low, LINE, BLUR, SHORT, None, rng).proposal
    assert isinstance(first, LearnedProposal)
    second = LEARN([*low, rng.normal(6, 0.2, (50, 1))], LINE, BLUR, SHORT, first, rng).proposal
    assert isinstance(second, LabelledProposal)
    assert second.version == first.version + 1


def test_a_retraining_begins_with_each_state_s_flow_before():
    first = trained().proposal
    points = np.linspace(2, 7, 40)[:, None]
    before = first.log_density(points)
    second = trained(seed=2, previous=first, settings=replace(SHORT, epochs=1)).proposal
    for old, new in zip(first.parts, second.parts, strict=True):
        assert new.standard is old.standard
        np.testing.assert_allclose(new.log_density(points), old.log_density(points), atol=1.0)
    np.testing.assert_array_equal(first.log_density(points), before)
    assert second.version == 1


def test_training_is_reproducible():
    points = np.linspace(2, 7, 50)[:, None]
    np.testing.assert_array_equal(*(trained(seed=7).proposal.log_density(points) for _ in range(2)))


def test_shares_of_the_labels_follow_the_later_history():
    start = np.concatenate([np.zeros(100), np.ones(900)]).astype(int)
    assert shares_of([0, 1], [start])[0] == pytest.approx(0.025, abs=0.005), "a tenth of the time, long ago"
    assert shares_of([0, 1], [np.ones(50, dtype=int)])[0] == pytest.approx(0.5 / 40), "never without weight"


def test_a_long_equilibration_says_nothing_of_the_weights_and_much_of_the_densities():
    rng = np.random.default_rng(8)
    low, high = rng.normal(3.5, 0.2, (400, 1)), rng.normal(5.7, 0.35, (400, 1))
    turns = np.concatenate([low[:90], high[:10]])
    histories = [np.concatenate([start, turns]) for start in (low, high)]
    weights, samples = [], []
    for learn in (LEARN, replace(LEARN, unweighted=400)):
        training = learn(histories, LINE, BLUR, SHORT, None, np.random.default_rng(9))
        weights.append(training.proposal.weights[1])
        samples.append(training.samples)
    assert weights[0] > 0.25
    assert weights[1] == pytest.approx(0.1, abs=0.05)
    assert samples == [1000, 1000]


def test_it_is_stored_as_it_is():
    proposal = trained(learn=LabelledLearner(STATES, within=True)).proposal
    data = to_bytes(proposal, ["q0"])
    again = from_bytes(data)
    points = proposal.draw(300, np.random.default_rng(0))
    np.testing.assert_array_equal(again.log_density(points), proposal.log_density(points))
    both = [each.propose(points, np.random.default_rng(1)).points for each in (proposal, again)]
    np.testing.assert_array_equal(*both)
    assert (again.states, again.weights, again.within, again.version) == (
        proposal.states, proposal.weights, True, proposal.version,
    )  # fmt: skip
    assert to_bytes(again, ["q0"]) == data
