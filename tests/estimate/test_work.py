"""BAR with random end points, on the mini target of the method's literature: z two Gaussians, y hanging on z.

One switch and no relaxation: W = U(z̃, y) - U(z_0, y). The exact ΔF is known; the raw works miss it.
"""

from dataclasses import replace

import numpy as np
import pytest
from pymbar import other_estimators
from scipy.stats import norm

from cvflow.core.frames import Frame, Outcome
from cvflow.core.states import States
from cvflow.estimate.acceptance_ratio import acceptance_ratios
from cvflow.estimate.comparison import compared
from cvflow.estimate.free_energy import chain_difference
from cvflow.estimate.modes import count_modes, crossings
from cvflow.estimate.work import crossing_works, proposals
from cvflow.proposals import GaussianMixture
from cvflow.proposals.io import to_bytes
from cvflow.proposals.labelled import LabelledProposal
from cvflow.store import Commit, FlowEntry, Header, MemoryStore, turn_type
from tests.report.synthetic import with_turns

FLOW = GaussianMixture(((-0.5,), (3.4,)), ((1.8,), (1.5,)), (0.3, 0.7))
SPLIT = 2.0


def log_p(z, y):
    return np.logaddexp(np.log(0.7) + norm.logpdf(z), np.log(0.3) + norm.logpdf(z, 4, 1)) + norm.logpdf(y, z, 2.0)


def one(mean, sigma):
    return GaussianMixture(((mean,),), ((sigma,),), (1.0,))


LABELS = LabelledProposal(("low", "high"), (one(-0.3, 1.3), one(3.7, 1.2)), (0.2, 0.8), False, 0)
"""One density a state; their weights are wrong, the rare one's the larger."""


def record(turns=4000, walkers=4, seed=0, flow=FLOW):
    """A store whose rows are exact draws, each with one proposed jump, or none."""
    rng = np.random.default_rng(seed)
    header = Header(
        seed=1, system="mini", engine="none", cvs=["z"], units=[""], states={"low": "z < 2.0", "high": "z >= 2.0"},
        kT=1.0, kappa=[1.0], timestep=1.0, local_steps=1, walkers=walkers, workers=1, adapt_jumps=0, exact=True,
        exact_reason="", notes=[], config="", version="0",
    )  # fmt: skip
    store = MemoryStore(header, np.zeros((walkers, 1, 1)))
    store.append_flow(FlowEntry(0, 1.0, float("nan"), 0, 0, 0.0, to_bytes(flow, ["z"])))
    for walker in range(walkers):
        z = np.where(rng.random(turns) < 0.3, 4.0, 0.0) + rng.normal(size=turns)
        y = z + 2.0 * rng.normal(size=turns)
        end = flow.propose(z[:, None], rng).points[:, 0]
        rows = np.zeros(turns, dtype=turn_type(1))
        rows["walker"], rows["jump"], rows["production"] = walker, np.arange(turns), True
        rows["outcome"] = Outcome.COMPLETED
        for name, values in (("cv_old", z), ("centre_old", z), ("cv_kept", z), ("cv", z), ("centre_new", end)):
            rows[name][:, 0] = values
        rows["cv_end"][:, 0] = end
        with np.errstate(invalid="ignore"):
            rows["work"] = log_p(z, y) - log_p(end, y)
            rows["log_q_old"], rows["log_q_new"] = flow.log_density(z[:, None]), flow.log_density(end[:, None])
        rows["outcome"][np.isnan(end)] = Outcome.WITHIN_STATE
        for row in rows:
            store.append_turns(np.atleast_1d(np.asarray(row)))
    store.commit(Commit([Frame(np.zeros((1, 3)), None)] * walkers, 1.0))
    return store.record()


@pytest.fixture(scope="module")
def mini():
    return record()


def exact():
    high = 0.7 * norm.sf(SPLIT) + 0.3 * norm.sf(SPLIT, 4, 1)
    return -np.log(high / (1 - high))


def bar(record):
    (found,) = compared(record)
    return found.bar


def test_bar_over_all_proposals_is_exact(mini):
    difference = bar(mini)
    assert difference.stderr < 0.1
    assert abs(difference.value - exact()) < 4 * difference.stderr


def test_bar_of_the_bare_works_is_caught(mini):
    """The mutant: W without the proposal's densities."""
    difference = bar(with_turns(mini, log_q_old=0.0, log_q_new=0.0))
    assert abs(difference.value - exact()) > 4 * difference.stderr


def test_the_error_of_bar_is_its_spread():
    found = [bar(record(800, seed=seed)) for seed in range(1, 13)]
    spread = np.std([difference.value for difference in found], ddof=1)
    stated = np.mean([difference.stderr for difference in found])
    assert 0.5 < stated / spread < 2


def test_the_chain_s_estimate_and_its_error(mini):
    difference = chain_difference(mini, 0, 1)
    assert (difference.start, difference.end) == ("low", "high")
    assert abs(difference.value - exact()) < 4 * difference.stderr
    p = 1 / (1 + np.exp(exact()))
    independent = 16_000  # each draw stands twice in the chain: after the jump and after the local move
    assert difference.stderr == pytest.approx(1 / np.sqrt(independent * p * (1 - p)), rel=0.25)


def test_failed_and_stray_paths_connect_nothing(mini):
    """They count as proposals that are never accepted."""
    before = crossing_works(mini, 0, 1)
    turns = mini.turns.copy()
    crossing = np.flatnonzero((turns["cv_old"][:, 0] < SPLIT) & (turns["centre_new"][:, 0] >= SPLIT))
    turns["work"][crossing[0]] = np.nan
    turns["cv_end"][crossing[1]] = 0.0
    turns["centre_old"][crossing[2]] = 3.0
    strayed = mini._replace(turns=turns)
    after = crossing_works(strayed, 0, 1)
    assert len(after.forward.works) == len(before.forward.works)
    assert (after.forward.works[:3] == 500.0).all()
    np.testing.assert_array_equal(after.forward.works[3:], before.forward.works[3:])
    made = proposals(strayed)
    assert not made.chance.ravel()[crossing[:3]].any()
    assert (made.start.ravel()[crossing[:3]] == 0).all()


def test_pymbar_finds_the_same_in_the_works(mini):
    """The works that are drawn are those of its BAR, whose Fermi function knows a little more than Metropolis'."""
    works = crossing_works(mini, 0, 1)
    (theirs,) = other_estimators.bar(works.forward.works, works.reverse.works, compute_uncertainty=False).values()
    assert abs(theirs - exact()) < 0.1
    assert abs(bar(mini).value - theirs) < 2 * bar(mini).stderr


def early(seed):
    """The same record with paths given up half-way: ℓ there is half of ln a, less what they lost on the way."""
    whole = record(seed=seed)
    turns, rng = whole.turns.copy(), np.random.default_rng(seed)
    log_ratio = turns["log_q_old"] - turns["log_q_new"] - turns["work"]
    survival = np.minimum(0.0, 0.5 * log_ratio - 1.5 * np.abs(rng.standard_normal(len(turns))))
    lost = np.log(rng.random(len(turns))) > survival
    turns["log_survival"] = survival
    turns["work"][lost], turns["outcome"][lost] = np.nan, Outcome.GIVEN_UP
    return whole._replace(turns=turns)


def test_bar_over_paths_that_survived_is_exact():
    difference = bar(early(2))
    assert difference.stderr < 0.12
    assert abs(difference.value - exact()) < 4 * difference.stderr


def test_survivors_without_their_weights_are_caught():
    difference = bar(with_turns(early(2), log_survival=0.0))
    assert abs(difference.value - exact()) > 4 * difference.stderr


@pytest.fixture(scope="module")
def by_labels():
    return record(flow=LABELS)


def off(record):
    """Deviation of BAR from the exact answer, in its errors."""
    difference = bar(record)
    return (difference.value - exact()) / difference.stderr


def with_flow(record, flow):
    return record._replace(flows=[record.flows[-1]._replace(data=to_bytes(flow, ["z"]))])


def test_bar_over_labelled_proposals_is_exact(by_labels):
    assert 0.2 < np.isnan(by_labels.turns["centre_new"]).mean() < 0.8, "nothing is proposed in between"
    assert bar(by_labels).stderr < 0.1
    assert abs(off(by_labels)) < 4


def of_proposals_alone(made):
    """Leaves the turns that proposed nothing out of the numbers of starts."""
    return made._replace(chances=made.chances / made.chances.sum(axis=-1, keepdims=True))


def test_bar_by_wrong_numbers_of_starts_is_caught(by_labels):
    difference, made = bar(by_labels), proposals(by_labels)
    assert acceptance_ratios(made).free_energy[1] == difference.value
    assert abs(acceptance_ratios(of_proposals_alone(made)).free_energy[1] - exact()) > 10 * difference.stderr


def test_bar_by_other_weights_of_the_labels_is_caught(by_labels):
    assert abs(off(with_flow(by_labels, replace(LABELS, weights=(0.4, 0.6))))) > 10


def test_the_error_of_bar_over_labelled_proposals_is_its_spread():
    runs = [record(800, seed=seed, flow=LABELS) for seed in range(1, 25)]
    z = np.array([off(run) for run in runs])
    assert abs(z.mean()) < 4 / np.sqrt(len(z))
    assert 0.6 < z.std(ddof=1) < 1.6


def test_histograms_of_labelled_works_cross_at_the_difference(by_labels):
    works = crossing_works(by_labels, 0, 1)
    (theirs,) = other_estimators.bar(works.forward.works, works.reverse.works, compute_uncertainty=False).values()
    assert abs(theirs - exact()) < 4 * bar(by_labels).stderr


@pytest.mark.parametrize("rarer", [25.0, 300.0])
def test_bar_of_paths_that_are_hardly_ever_accepted(mini, rarer):
    """All chances smaller by one factor say the same of the difference, and less of how well it is known."""
    made = proposals(mini)
    chances = made.log_survival + np.log(made.chance)
    usual, rare = (acceptance_ratios(made._replace(log_ratio=chances - less)) for less in (0.0, rarer))
    assert rare.free_energy == pytest.approx(usual.free_energy, abs=1e-6)
    assert rare.unseen_variance[0, 1] > 1e9 * usual.unseen_variance[0, 1]


def test_thin_works_have_no_error():
    thin = record(turns=1)
    assert np.isnan(bar(thin).stderr)


def test_mode_changes_and_crossings_are_told_apart():
    states = States({"low": "z < 1", "high": "z > 3"}, ["z"])
    chain = np.zeros(5, dtype=turn_type(1))
    chain["cv_old"][:, 0] = [0, 0, 4, 2, 4]
    chain["cv_kept"][:, 0] = [0, 4, 2, 2, 4]
    chain["cv"][:, 0] = [0, 4, 2, 4, 0]
    found = crossings(chain, states)
    assert found.by_jump.tolist() == [False, True, False, False, False]
    assert found.by_local_move.tolist() == [False, False, False, False, True]


def test_between_states_counts_what_was_proposed_and_what_arrived(mini):
    modes = count_modes(mini)
    low, aim = mini.turns["cv_old"][:, 0] < SPLIT, mini.turns["centre_new"][:, 0] < SPLIT
    assert modes.between_proposed == np.sum(low != aim)
    assert modes.between_accepted == 0
    assert modes.mode_changes == 0
