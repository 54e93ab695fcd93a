"""The best estimate has least variance where parts share their noise, and one part stands for both where it must."""

import math
from dataclasses import replace

import numpy as np
import pytest

from cvflow.estimate import best
from cvflow.estimate.best import PartialEstimate, best_of, chain_weight, error_of
from cvflow.estimate.comparison import compared, compared_pairs
from cvflow.estimate.free_energy import Difference
from cvflow.estimate.schema import Populations
from cvflow.estimate.unsettled import settled
from tests.estimate.relaxing import Relaxing, spread
from tests.report.synthetic import THREE, fake_record

SHARED, OWN = 1.0, (0.2, 1.0)
"""Variances of white noise: what both parts have, and what each has by itself, chains first."""

OPTIMUM = OWN[1] / (OWN[0] + OWN[1])
BY_VARIANCES_ALONE = (SHARED + OWN[1]) / (2 * SHARED + OWN[0] + OWN[1])


def parts(turns, seed, noise=0.0, own=OWN):
    """Estimates of zero by means of white noise, of four walkers."""
    rng = np.random.default_rng(seed)
    shared = math.sqrt(SHARED) * rng.standard_normal((4, turns))
    made = []
    for variance, unseen in zip(own, (0.0, noise), strict=True):
        series = shared + math.sqrt(variance) * rng.standard_normal((4, turns))
        value = series.mean() + math.sqrt(unseen) * rng.standard_normal()
        made.append(PartialEstimate(Difference("a", "b", value, error_of(series, unseen, 1)), series, unseen))
    return made


def test_the_weights_are_those_of_least_variance():
    found = np.array([chain_weight(*parts(400, seed), window=1) for seed in range(40)])
    assert found.mean() == pytest.approx(OPTIMUM, abs=0.02)
    assert abs(BY_VARIANCES_ALONE - OPTIMUM) > 0.2, "the mutant: as if they shared nothing"


def joined(turns, runs, weigh):
    """Root mean square of the joined estimates, by weights of some kind."""
    found = [parts(turns, seed) for seed in range(runs)]
    weights = np.array([weigh(*each) for each in found])
    values = np.array([[part.found.value for part in each] for each in found])
    return math.sqrt(np.mean((weights * values[:, 0] + (1 - weights) * values[:, 1]) ** 2))


def test_no_other_weights_do_better():
    """The same noise each time: differences are those of the weights."""
    right = joined(100, 400, lambda chain, works: chain_weight(chain, works, 1))
    least = joined(100, 400, lambda chain, works: OPTIMUM)
    assert right < 1.01 * least
    assert joined(100, 400, lambda chain, works: BY_VARIANCES_ALONE) > 1.01 * least, "the mutant"
    assert joined(100, 400, lambda chain, works: 0.5) > 1.03 * least


def test_what_no_turn_shows_is_weighed_as_well():
    """Works whose states' masses are badly known count for less; without their noise, a mutant, as much as others."""
    chain, works = parts(400, 0, own=(1.0, 1.0))
    assert chain_weight(chain, works, 1) == pytest.approx(0.5, abs=0.1)
    assert chain_weight(chain, works._replace(noise=9 * error_of(works.influence, 0.0, 1) ** 2), 1) > 0.85


def test_the_error_knows_what_both_share():
    found = [parts(60, seed, noise=0.002, own=(0.5, 0.5)) for seed in range(400)]
    whole = [best_of(*each, window=1, settled=True) for each in found]
    z = spread([(one.found.value, one.found.stderr) for one in whole], 0.0)
    assert 0.9 < z.std() < 1.1
    apart = [
        math.hypot(one.chain_weight * chain.found.stderr, (1 - one.chain_weight) * works.found.stderr)
        for one, (chain, works) in zip(whole, found, strict=True)
    ]
    alone = spread([(one.found.value, error) for one, error in zip(whole, apart, strict=True)], 0.0)
    assert alone.std() > 1.2, "the mutant: errors added as if they were independent"


def test_no_part_counts_against():
    """Of two that are nearly alike the worse one would have a negative weight; it has none."""
    chain, works = parts(200, 1, own=(0.0, 0.0))
    worse = works._replace(influence=2 * works.influence + 0.1 * chain.influence)
    assert chain_weight(chain, worse, 1) == 1.0
    assert chain_weight(worse, chain, 1) == 0.0
    assert chain_weight(chain, chain, 1) == 0.5, "one and the same"


def test_few_turns_make_no_wild_weights(monkeypatch):
    weights = [chain_weight(*parts(3, seed, own=(0.3, 0.3)), window=1) for seed in range(200)]
    monkeypatch.setattr(best, "_UNCORRELATED", 0.0)
    wild = [chain_weight(*parts(3, seed, own=(0.3, 0.3)), window=1) for seed in range(200)]
    assert np.std(weights) < 0.85 * np.std(wild), "the mutant: the correlation as it is found"


MISSING, NO_ERROR = {"value": math.nan, "stderr": math.nan, "reason": "why"}, {"stderr": math.nan}


@pytest.mark.parametrize(
    ("of_chain", "of_works", "is_settled", "weight", "words"),
    [
        ({}, {}, True, None, ""),
        (MISSING, {}, True, 0.0, "works alone: by the chains, why"),
        (NO_ERROR, {}, True, 0.0, "works alone: by the chains, too few independent events tell its error"),
        ({}, {}, False, 0.0, "works alone: by the chains, the populations of the states had not settled"),
        ({}, MISSING, True, 1.0, "chains alone: by the works, why"),
        ({}, NO_ERROR, True, 1.0, "chains alone: by the works, too few independent events tell its error"),
        ({}, MISSING, False, 1.0, "chains alone: by the works, why"),
        (NO_ERROR, MISSING, True, 1.0, "chains alone: by the works, why"),
        (MISSING, NO_ERROR, True, 0.0, "works alone: by the chains, why"),
    ],
)
def test_one_part_stands_for_both_where_the_other_is_missing(of_chain, of_works, is_settled, weight, words):
    chain, works = parts(200, 2)
    chain = chain._replace(found=chain.found._replace(**of_chain))
    works = works._replace(found=works.found._replace(**of_works))
    found = best_of(chain, works, 1, is_settled)
    assert found.alone == words
    if weight is None:
        assert 0 < found.chain_weight < 1
    else:
        assert (found.chain_weight, found.found) == (weight, (works, chain)[int(weight)].found)


def test_of_two_missing_parts_nothing_is_made():
    chain, works = (part._replace(found=part.found._replace(**MISSING)) for part in parts(200, 2))
    found = best_of(chain, works, 1, True).found
    assert math.isnan(found.value)
    assert found.reason == "by the chains, why; by the works, why"


def test_a_sign_of_bias_is_wanted_to_leave_the_chains_out():
    """That a short production proves nothing is none."""

    def judged(**of):
        known = {"passed": True, "left": 0.1, "drift": 0.5, "begun": 0.0, "relaxation_jumps": 5.0, "rhat": 1.0}
        return settled(Populations.model_validate(known | of))

    assert judged()
    assert judged(passed=False, left=0.9)
    assert judged(passed=None, left=None, drift=None, begun=None)
    assert not judged(passed=False, drift=1.2)
    assert not judged(begun=0.6)


def test_chains_that_began_away_from_equilibrium_are_left_out():
    """Walkers that all begin in one state, and few jumps: the chains' mean is off by many errors, the works' is not."""
    model = Relaxing(weights=(0.5, 0.5), stops=2, memory=0.9)
    found = []
    for seed in range(6):
        (run,) = model.runs(1, walkers=256, turns=120, seed=seed)
        walkers = run.turns.reshape(256, 120)
        home = walkers["cv_old"][:, 0, 0] < model.walls[0]
        one_sided = walkers[home][:100].copy()
        one_sided["walker"] = np.arange(100)[:, None]
        header = replace(run.header, walkers=100)
        found += compared(run._replace(header=header, turns=one_sided.reshape(-1)))
    assert all(one.best.alone.endswith("the populations of the states had not settled") for one in found)
    assert np.mean([abs(one.chain.value / one.chain.stderr) for one in found]) > 3
    z = spread([one.best.found[2:4] for one in found], model.difference(1))
    assert abs(z).max() < 3.5


def test_any_two_states_can_be_compared():
    """F(c) - F(b) by both parts, which the first state is none of, and turned round."""
    record = fake_record(THREE)
    (there,), (back,) = (compared_pairs(record, [pair]) for pair in ((1, 2), (2, 1)))
    exact = THREE.difference(2) - THREE.difference(1)
    first = compared(record)
    for found in (there.best.found, there.chain, there.bar):
        assert abs(found.value - exact) < 4 * found.stderr
    assert there.bar.value == pytest.approx(first[1].bar.value - first[0].bar.value)
    assert (back.best.found.value, back.best.found.stderr) == pytest.approx(
        (-there.best.found.value, there.best.found.stderr)
    )
    assert back.effective_paths == there.effective_paths


@pytest.mark.parametrize(
    ("model", "turns"),
    [(Relaxing(stops=4, memory=0.98), 160), pytest.param(Relaxing(), 300, marks=pytest.mark.slow)],
)
def test_runs_joined_have_right_errors_and_smaller_ones(model, turns):
    """Of exact runs; the mutant takes the chains' noise and the works' for independent."""
    found = [compared(run)[0] for run in model.runs(150, walkers=8, turns=turns, seed=21)]
    both = [one for one in found if not one.best.alone]
    assert len(both) > 130
    window = 2.6 / math.sqrt(2 * len(both))
    z = spread([one.best.found[2:4] for one in found], model.difference(1))
    assert abs(z.mean()) < 0.2
    assert abs(z.std() - 1) < window
    mean = {name: np.mean([getattr(one, name).stderr for one in both]) for name in ("chain", "bar")}
    assert np.mean([one.best.found.stderr for one in both]) <= min(mean.values())
    weights = [one.best.chain_weight for one in both]
    apart = [math.hypot(w * one.chain.stderr, (1 - w) * one.bar.stderr) for w, one in zip(weights, both, strict=True)]
    alone = spread([(one.best.found.value, e) for one, e in zip(both, apart, strict=True)], model.difference(1))
    assert abs(alone.std() - 1) > window
