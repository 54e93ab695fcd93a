"""Whether error bars are what they say: deviations from the exact answer in units of them, over many short runs.

With n runs the standard deviation of z is known to within 1/sqrt(2n): windows are 2.6 of those wide, and with 200 runs
narrow enough that errors a fifth too small or too large do not pass.
"""

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import norm

from cvflow.estimate import acceptance_ratio, draws
from cvflow.estimate.acceptance import acceptance_between_states
from cvflow.estimate.comparison import compared
from cvflow.estimate.correlation import standard_error
from cvflow.estimate.draws import state_masses
from cvflow.estimate.free_energy import chain_difference, chain_influence, profile
from tests.estimate.relaxing import Relaxing, spread

LONG, SHORT, THREE = Relaxing(stops=4, memory=0.98), Relaxing(), Relaxing((0.3, 0.2, 0.5), gives_up=True)


@pytest.fixture(scope="module")
def long_runs():
    return LONG.runs(200, walkers=8, turns=200, seed=3)


@pytest.fixture(scope="module")
def long_comparisons(long_runs):
    return [compared(run)[0] for run in long_runs]


def right(z):
    """Neither biased, nor too spread, nor too narrow."""
    window = 2.6 / np.sqrt(2 * len(z))
    return np.isfinite(z).all() and abs(z.mean()) < 0.2 and 1 - window < z.std() < 1 + window


def test_the_chains_error_is_right(long_comparisons):
    z = spread([found.chain[2:4] for found in long_comparisons], LONG.difference(1))
    assert right(z)
    assert not right(z / 0.8), "the mutant: a fifth too small"
    assert not right(z / 1.2), "the mutant: a fifth too large"


def test_it_knows_that_chains_differ():
    """Chains that are shorter than the time in which they forget their start."""
    runs = SHORT.runs(100, walkers=24, turns=16, seed=4)
    values = [chain_difference(run, 0, 1).value for run in runs]
    influences = [chain_influence(run, 0, 1) for run in runs]
    exact = SHORT.difference(1)
    assert right(spread([(v, standard_error(i)) for v, i in zip(values, influences, strict=True)], exact))
    within = [standard_error(influence - influence.mean(axis=1, keepdims=True)) for influence in influences]
    assert not right(spread(list(zip(values, within, strict=True)), exact)), "the mutant: no between-chain part"


def test_bars_error_is_right(long_comparisons):
    assert right(spread([found.bar[2:4] for found in long_comparisons], LONG.difference(1)))


def test_bars_error_is_not_that_of_single_turns(long_runs):
    """Every turn four times over tells no more than once; turns taken one by one, a mutant, would halve the error."""
    once = long_runs[:20]
    turns = [np.repeat(run.turns.reshape(8, -1), 4, axis=1).reshape(-1) for run in once]
    fourfold = [run._replace(turns=each) for run, each in zip(once, turns, strict=True)]
    errors = np.array([[compared(run)[0].bar.stderr for run in runs] for runs in (once, fourfold)])
    assert np.median(errors[1] / errors[0]) == pytest.approx(1, abs=0.1)


def test_bars_error_knows_of_chances_that_were_not_seen(monkeypatch):
    """Three crossings a run, chances of all sizes: the runs that miss the large ones must not be the sure ones."""
    runs = LONG.runs(150, walkers=8, turns=20, seed=12)
    exact = LONG.difference(1)
    assert right(spread([compared(run)[0].bar[2:4] for run in runs], exact))
    monkeypatch.setattr(acceptance_ratio, "_ANY_CHANCE", 0.0)
    z = spread([compared(run)[0].bar[2:4] for run in runs], exact)
    assert z.std() > 1.3, "the mutant: as if all there is had been seen"


def test_the_error_of_their_difference_knows_that_they_share_a_run(long_comparisons):
    assert right(spread([found.apart[2:4] for found in long_comparisons], 0.0))
    combined = [np.hypot(found.chain.stderr, found.bar.stderr) for found in long_comparisons]
    alone = spread([(found.apart.value, error) for found, error in zip(long_comparisons, combined, strict=True)], 0.0)
    assert not right(alone), "the mutant: as if they were independent"


def test_the_acceptances_error_is_right(long_runs):
    found = [acceptance_between_states(run) for run in long_runs]
    pooled = sum(each.accepted for each in found) / sum(each.proposed for each in found)
    assert right(spread([(each.rate, each.stderr) for each in found], pooled))


def profile_z(model, run, error=lambda found: found.stderr):
    """Of every bin that has an error: of the curve as it is shown, against the exact one, zero at its own minimum."""
    found = profile(run, "z", 16)
    edges = found.axis.edges.copy()
    edges[[0, -1]] = -np.inf, np.inf
    exact = -np.log([model.population(low, high) for low, high in pairwise(edges)])
    above = found.stderr > 0  # none where it is not known, zero where nothing else can be the lowest
    return (found.free_energy - (exact - exact.min()))[above] / error(found)[above]


def test_the_band_is_that_of_the_curve_as_it_is_shown(long_runs):
    z = np.concatenate([profile_z(LONG, run) for run in long_runs[:60]])
    assert abs(z.mean()) < 0.3, "the lowest bin is chosen for being low"
    assert 0.85 < z.std() < 1.15
    of_p = np.concatenate(
        [profile_z(LONG, run, lambda found: found.stderr * np.exp(-found.free_energy)) for run in long_runs[:60]]
    )
    assert not 0.85 < of_p.std() < 1.15, "the mutant: the error of p in place of that of ln p"


def test_three_states_are_solved_together():
    runs = THREE.runs(50, walkers=8, turns=250, seed=5)
    found = [compared(run) for run in runs]
    for index in (1, 2):
        z = spread([each[index - 1].bar[2:4] for each in found], THREE.difference(index))
        assert abs(z.mean()) < 3 / np.sqrt(50)
        assert 0.7 < z.std() < 1.3


def test_the_masses_of_the_states_are_known_within_a_percent():
    """200 draws in place of these, a mutant, leave 10 %."""
    model = Relaxing((0.5, 0.1, 0.4))
    found = state_masses(model.runs(1, 2, 2, 0)[0])
    edges = [-np.inf, *model.walls, np.inf]
    exact = np.diff([np.mean(norm.cdf(edge, np.array(model.means) + 0.3, 1.3)) for edge in edges])
    assert (found.log_variance <= 1e-4).all()
    assert (abs(np.log(found.mass[0] / exact)) < 0.04).all()


def test_few_draws_make_a_larger_error(long_runs, monkeypatch):
    before = compared(long_runs[0])[0].bar
    monkeypatch.setattr(draws, "FLOW_DRAWS", 200)
    monkeypatch.setattr(draws, "ENOUGH", 1)
    draws._state_masses.cache_clear()
    draws._component_points.cache_clear()
    after = compared(long_runs[0])[0].bar
    draws._state_masses.cache_clear()
    draws._component_points.cache_clear()
    assert after.stderr**2 - before.stderr**2 == pytest.approx(1 / 100 + 1 / 100, rel=0.2)
    assert abs(after.value - before.value) < 4 * np.sqrt(2 / 100)


def test_a_state_that_is_never_proposed_has_no_mass(long_runs):
    header = long_runs[0].header
    states = {**header.states, "far": "z > 90"}
    run = long_runs[0]._replace(header=type(header)(**{**vars(header), "states": states}))
    masses = state_masses(run)
    assert masses.mass[0, 2] == 0
    assert masses.log_variance[0, 2] == np.inf
    assert compared(run)[1].bar.reason == "no paths connect s0 and far in both directions"


def test_series_that_stand_for_fewer_draws_have_larger_errors():
    """Each draw ten times over: as many independent ones as before."""
    draws_once = np.random.default_rng(0).standard_normal((4, 500))
    tenfold = np.repeat(draws_once, 10, axis=1)
    alone = draws_once.std() / np.sqrt(draws_once.size)
    assert standard_error(draws_once) == pytest.approx(alone, rel=0.1)
    assert standard_error(tenfold) == pytest.approx(alone, rel=0.1)
    assert standard_error(tenfold, window=20) == pytest.approx(alone, rel=0.1)


def test_chains_that_never_mix_count_as_one_draw_each():
    levels = np.random.default_rng(1).standard_normal(40)
    stuck = np.repeat(levels[:, None], 50, axis=1)
    assert standard_error(stuck) == pytest.approx(levels.std(ddof=1) / np.sqrt(40), rel=0.1)


def test_one_event_is_not_known_to_itself():
    once = np.zeros((4, 200))
    once[2, 17] = 1.0
    assert np.isnan(standard_error(once))
    assert np.isnan(standard_error(once, window=1))
    once[1, 90] = 1.0
    assert standard_error(once) == pytest.approx(once.mean(), rel=0.05), "1/√2 for two events, √2 for four degrees"


def test_nothing_to_tell_an_error_from_is_said():
    assert np.isnan(standard_error(np.zeros((4, 200))))
    assert np.isnan(standard_error(np.random.default_rng(0).standard_normal((1, 7))))
