"""The judgement on populations: what it must see, how seldom it may cry wolf, and what wrong judgements would miss."""

import math

import numpy as np
import pytest

from cvflow.core.states import last_named
from cvflow.estimate import settling as module
from cvflow.estimate.settling import drift, exchange, looks, relaxation, settling, window
from tests.exchanging import THREE, TWO, hops, settled

SEEDS = range(40)
HUMP = (0.1, 0.8, 0.1)
"""Three states whose mean says nothing."""


def passed(labels):
    return settling(labels).passed


def of_passing(weights, rate, walkers, turns, even=True):
    """The part of many runs that pass."""
    found = [
        passed(hops(weights, rate, walkers, turns, seed, None if even else settled(weights, walkers, 1000 + seed)))
        for seed in SEEDS
    ]
    return np.mean(found)


@pytest.mark.parametrize("walkers", [8, 64])
@pytest.mark.parametrize("weights", [TWO, THREE], ids=["two", "three"])
def test_populations_on_their_way_never_pass(weights, walkers):
    """125 turns, a fifth of the relaxation time: nearly everything is left of even starts."""
    assert of_passing(weights, 0.2 / 125, walkers, 125) == 0


@pytest.mark.parametrize("walkers", [8, 64])
@pytest.mark.parametrize("weights", [TWO, THREE], ids=["two", "three"])
def test_settled_populations_pass(weights, walkers):
    """Ten relaxation times, from equilibrium: one in twenty may fail, and more would be bad luck of one in 10⁴."""
    assert of_passing(weights, 10 / 100, walkers, 100, even=False) >= 1 - 7 / len(SEEDS)


def test_two_and_four_walkers_pass_too_when_the_window_is_long():
    for walkers in (1, 2, 4):
        assert of_passing(TWO, 0.2, walkers, 200) >= 0.9


@pytest.mark.parametrize("walkers", [4, 64])
def test_what_passes_has_forgotten_its_start(walkers):
    """Of runs that pass, whatever their relaxation time: what is left in truth is within the noise of the walkers."""
    worst = []
    for relaxing in (0.3, 0.7, 1.0, 1.5, 2.0, 3.0):
        for seed in range(12):
            if passed(hops(TWO, relaxing / 120, walkers, 120, seed)):
                worst.append(0.3 * math.exp(-relaxing) / math.sqrt(0.16 / walkers))
    assert np.mean([left > 1.0 for left in worst] or [0]) <= 0.1


def test_direction_matters():
    """As many passages one way as the other would be equilibrium; two to one from even populations is not."""
    labels = np.zeros((60, 80), dtype=int)
    labels[30:] = 1
    for walker in range(8):
        labels[walker, 5 * walker + 10 :] = 1
    assert not passed(labels)
    even = labels.copy()
    for walker in range(8):
        even[30 + walker, 5 * walker + 10 :] = 0
    assert settling(even).drift == 0.0
    assert settling(labels).left > settling(even).left


def test_a_drift_that_relaxation_does_not_explain_is_seen():
    """Fast passages, but the populations themselves move: a two-state chain of one rate knows nothing of it."""
    first, second = (hops(weights, 0.5, 64, 60, seed) for seed, weights in ((1, (0.4, 0.6)), (2, (0.2, 0.8))))
    found = settling(np.concatenate([first, second], axis=1))
    assert found.left < module.LEFT_LIMIT
    assert found.drift > 1.0
    assert not found.passed


def test_drift_is_that_of_walkers_with_themselves():
    """Walkers that differ but stay do not drift; the level is kept, also for few walkers."""
    assert drift(np.arange(20)[:, None] % 2 == np.zeros(30), 2) == 0.0
    for walkers in (3, 8, 64):
        found = [drift(hops(TWO, 0.1, walkers, 60, seed, settled(TWO, walkers, seed)) == 0, 1) for seed in range(200)]
        assert np.mean(np.array(found) > 1.0) <= 4 / 200


def test_no_passage_is_no_evidence():
    assert not passed(np.arange(8)[:, None] % 2 * np.ones(50, dtype=int))
    assert settling(np.zeros((4, 50), dtype=int)).left == math.inf, "one state alone"
    assert settling(np.full((4, 50), -1)).left == math.inf, "none"
    assert not passed(np.array([[0], [1]])), "one turn"
    assert not passed(np.zeros((3, 0), dtype=int))


def test_crossings_back_and_forth_at_a_border_are_no_relaxation(monkeypatch):
    """Each walker flickers across a border once, and then stays where it was: counted turn by turn, it moved twice."""
    labels = np.arange(48)[:, None] % 3 // 2 * np.ones(100, dtype=int)
    rng = np.random.default_rng(0)
    for walker, turn in enumerate(rng.choice(97, 48)):
        labels[walker, turn + 1] ^= 1
    assert not passed(labels)
    monkeypatch.setattr(module, "PARTS", 100)
    assert passed(labels)


def test_between_the_states_a_walker_counts_for_the_last_it_was_in():
    labels = hops(TWO, 0.2, 32, 100, 3)
    seen = labels.copy()
    rng = np.random.default_rng(1)
    holes = (rng.random(labels.shape) < 0.3) & (np.pad(labels[:, :-1], ((0, 0), (1, 0)), constant_values=-9) == labels)
    seen[holes] = -1
    assert settling(seen) == settling(labels)
    np.testing.assert_array_equal(last_named(np.array([[-1, 2, -1, -1, 0], [1, -1, -1, 0, -1]]))[1], [1, 1, 1, 0, 0])
    late = labels.copy()
    late[:, :5] = -1
    assert passed(late)


def test_looks_are_pieces_of_stays():
    inside = np.array([[1, 1, 1, 1, 1, 0, 0, 1], [0, 1, 0, 0, 1, 1, 1, 0]], dtype=bool)
    assert looks(inside, 2) == 3 + 1 + 1 + 2
    assert looks(inside, 100) == 4
    assert looks(inside, 1) == inside.sum()


def test_passages_and_relaxation_are_those_of_the_chain():
    rate = 1 / 25
    inside = hops(TWO, rate, 400, 400, 5) == 0
    named = np.ones_like(inside)
    seen = exchange(inside, named, 10)
    kept = (1 - rate) ** 10
    assert seen.entering == pytest.approx(0.2 * (1 - kept), rel=0.05)
    assert seen.leaving == pytest.approx(0.8 * (1 - kept), rel=0.05)
    assert seen.correlation == pytest.approx(kept, rel=0.05)
    assert relaxation(inside, named) == pytest.approx(25, rel=0.1)


def test_a_start_away_from_equilibrium_is_weighed_against_the_error():
    """Production without adaptation: long enough to forget, and yet its average holds what the first turns were."""
    labels = hops(TWO, 1 / 10, 512, 200, 1)
    found = settling(labels)
    error = math.sqrt(0.16 / 512 * 2 * 10 / 200)
    assert found.begun == pytest.approx(0.3 * 10 / 200 / error, rel=0.35)
    assert settling(hops(TWO, 1 / 10, 512, 200, 1, settled(TWO, 512, 9))).begun == 0.0
    few = [settling(hops(TWO, 1 / 10, 4, 200, seed)).begun for seed in SEEDS]
    assert np.mean(np.array(few) > 0) <= 0.05, "four walkers cannot start anywhere that is far"


def test_the_window_is_the_later_half_of_what_all_have_made():
    assert [window(n) for n in (0, 1, 4, 100)] == [slice(0, 0), slice(0, 1), slice(1, 3), slice(37, 75)]


CAUGHT = {"always": (TWO, 0.2), "drift alone": (TWO, 0.2), "no direction": (TWO, 2.0), "the mean alone": (HUMP, 2.0)}
"""Wrong judgements, the weights at which they show, and how many relaxation times a window of 100 turns has."""


def judged_wrongly(mutant, monkeypatch):
    real, judge = module.exchange, module.settling

    def symmetric(inside, named, lag):
        seen = real(inside, named, lag)
        both = 0.5 * (seen.entering + seen.leaving)
        return seen._replace(entering=both, leaving=both)

    def of_means(labels):
        apart = labels[:, 50:].mean(axis=1) - labels[:, :50].mean(axis=1)
        moves = float(abs(apart.mean()) / apart.std() * math.sqrt(len(labels)))
        return judge(labels)._replace(left=0.0, drift=moves / 3)

    if mutant == "always":
        monkeypatch.setattr(module.Settling, "passed", True)
    if mutant == "drift alone":
        monkeypatch.setattr(module, "left", lambda inside, named: 0.0)
    if mutant == "no direction":
        monkeypatch.setattr(module, "exchange", symmetric)
        monkeypatch.setattr(module, "drift", lambda inside, states: 0.0)
    return of_means if mutant == "the mean alone" else judge


@pytest.mark.parametrize("mutant", CAUGHT)
def test_wrong_judgements_would_miss_it(mutant, monkeypatch):
    """Each lets runs pass that the judgement stops."""
    weights, relaxing = CAUGHT[mutant]
    runs = [hops(weights, relaxing / 100, 384, 100, seed) for seed in range(10)]
    assert not any(passed(labels) for labels in runs)
    judge = judged_wrongly(mutant, monkeypatch)
    assert np.mean([judge(labels).passed for labels in runs]) > 0.5
