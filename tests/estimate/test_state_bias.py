"""Chains under a bias of the states: what is estimated is that of the unbiased system, with errors that hold."""

from dataclasses import replace

import numpy as np
import pytest

from cvflow.core.state_bias import StateBias, flat
from cvflow.core.states import States
from cvflow.estimate import path_density
from cvflow.estimate.comparison import compared
from cvflow.estimate.convergence import chain_weights
from cvflow.estimate.discovery import state_visits
from cvflow.estimate.free_energy import profile
from cvflow.estimate.transitions import free_energies
from cvflow.estimate.work import crossing_works
from cvflow.report.plumed_text import colvar_columns
from tests.estimate import steered
from tests.estimate.landscapes import GRID, WELL, double_well, masses
from tests.estimate.relaxing import Relaxing, spread
from tests.estimate.test_error_bars import profile_z, right
from tests.estimate.test_path_density import largest_z

RARE = Relaxing((0.98, 0.02), gives_up=True)
FLAT = replace(RARE, bias=(0.6, -3.2))
"""Not quite flat, as a bias that was learned is not."""

THREE = Relaxing((0.7, 0.02, 0.28), gives_up=True, bias=(0.5, -2.0, -0.1))


@pytest.fixture(autouse=True)
def forgetful():
    yield
    path_density._weighted.cache_clear()


@pytest.fixture(scope="module")
def runs():
    return FLAT.runs(100, walkers=8, turns=120, seed=3)


@pytest.fixture(scope="module")
def found(runs):
    return [compared(run)[0] for run in runs]


def test_errors_hold(found):
    exact = FLAT.difference(1)
    for part in ("chain", "bar"):
        assert right(spread([getattr(each, part)[2:4] for each in found], exact)), part
    assert right(spread([each.best.found[2:4] for each in found], exact))


def test_a_bias_that_is_not_taken_off_is_caught(found, runs):
    rise = FLAT.bias[1] - FLAT.bias[0]
    for part in ("chain", "bar"):
        wrong = [(getattr(each, part).value + rise, getattr(each, part).stderr) for each in found]
        assert not right(spread(wrong, FLAT.difference(1))), part
    forgotten = [run._replace(flows=[run.flows[0]._replace(state_bias=())]) for run in runs[:50]]
    wrong = [compared(run)[0] for run in forgotten]
    for part in ("chain", "bar"):
        assert not right(spread([getattr(each, part)[2:4] for each in wrong], FLAT.difference(1))), part


def test_it_is_worth_its_while(found):
    """As many turns: half the error, though this proposal draws the rare state as often without a bias as with it."""
    plain = [compared(run)[0].best.found.stderr for run in RARE.runs(20, walkers=8, turns=120, seed=4)]
    known = np.nan_to_num(plain, nan=np.inf)
    assert np.median([each.best.found.stderr for each in found]) < 0.7 * np.median(known)


def test_three_states_are_solved_together():
    found = [compared(run) for run in THREE.runs(50, walkers=8, turns=250, seed=5)]
    for index in (1, 2):
        z = spread([each[index - 1].best.found[2:4] for each in found], THREE.difference(index))
        assert abs(z.mean()) < 3 / np.sqrt(50)
        assert 0.7 < z.std() < 1.3


def test_the_band_holds_and_populations_are_those_of_the_system(runs):
    z = np.concatenate([profile_z(FLAT, run) for run in runs[:60]])
    assert abs(z.mean()) < 0.3
    assert 0.85 < z.std() < 1.15
    shares = np.array([[visits.share for visits in state_visits(run).values()] for run in runs])
    exact = 1 / (1 + np.exp([-FLAT.difference(1), FLAT.difference(1)]))
    z = (shares.mean(axis=0) - exact) / (shares.std(axis=0) / np.sqrt(len(shares)))
    assert np.abs(z).max() < 4
    assert chain_weights(runs[0]).mean() == pytest.approx(1)


def test_works_cross_at_the_difference_of_the_system(runs):
    """Bennett's sums of both directions, in each of which paths that were given up have weights."""
    z = []
    for run in runs[:60]:
        forward, reverse = crossing_works(run, 0, 1)
        accepted = [(each.weights * np.exp(-np.maximum(each.works, 0.0))).mean() for each in (forward, reverse)]
        z.append(np.log(accepted[1] / accepted[0]))
    z = np.array(z)
    # <min(1, e^-w)> over both directions is e^-dF where as many are proposed as the flow's masses say
    assert abs(z.mean() - FLAT.difference(1)) < 4 * z.std() / np.sqrt(len(z))


@pytest.mark.parametrize("gives_up", [False, True])
def test_the_density_from_works_is_right_all_the_way(gives_up):
    bias = StateBias(States(WELL.states, WELL.cvs), (1.0, -1.5))
    record = steered.steered(4, 6000, 1, gives_up=gives_up, holds=1.5, bias=bias)
    assert largest_z(record) < 4
    path_density._weighted.cache_clear()
    forgotten = record._replace(flows=[record.flows[0]._replace(state_bias=())])
    assert largest_z(forgotten) > 7


def test_the_curve_from_chains_and_works_is_that_of_the_system():
    bias = flat(States(WELL.states, WELL.cvs), np.array([0.0, -2.5]))
    scores = []
    for seed in range(20):
        found = profile(steered.steered(4, 400, 100 + seed, gives_up=seed % 2 == 0, bias=bias), "x", 24)
        exact = -np.log(masses(double_well, GRID, found.axis.edges))
        known = found.stderr > 0
        scores.append((found.free_energy - exact + exact.min())[known] / found.stderr[known])
    z = np.concatenate(scores)
    assert abs(z.mean()) < 0.35
    assert 0.8 < z.std() < 1.2


def in_versions(models, count, turns, seed):
    """Adaptation's rows of some runs, made by some proposals and biases in turn, and those biases."""
    states = States(models[0].states, ["z"])
    made = [model.runs(count, 8, turns, seed + version) for version, model in enumerate(models)]
    biases = [StateBias(states, model.bias or (0.0,) * len(model.weights)) for model in models]
    for version, runs in enumerate(made):
        for run in runs:
            run.turns["flow_version"] = version
    return [np.concatenate([run.turns for run in one]) for one in zip(*made, strict=True)], biases, states


@pytest.mark.parametrize(
    ("models", "turns"),
    [((RARE, FLAT), 60), ((FLAT, replace(RARE, bias=(0.0, -1.0))), 60), ((THREE, THREE), 160)],
    ids=["none, then flat", "flat, then another", "three states"],
)
def test_transitions_of_all_versions_tell_the_free_energies(models, turns):
    runs, biases, states = in_versions(models, 20, turns, 1)
    found = np.array([free_energies(rows, biases, states) for rows in runs])
    np.testing.assert_allclose(found.sum(axis=1), 0, atol=1e-9)
    exact = [models[0].difference(state) for state in range(1, found.shape[1])]
    errors = found[:, 1:] - found[:, :1] - exact
    drawn = 0.15  # to zero, by one jump in some dozens
    assert (np.abs(errors.mean(axis=0)) < 4 * errors.std(axis=0) / np.sqrt(len(runs)) + drawn).all()
    assert (errors.std(axis=0) < 0.5).all()


def test_states_that_no_jump_connects_are_taken_for_alike():
    (rows,), biases, states = in_versions((FLAT,), 1, 20, 0)
    rows["log_acceptance"] = -np.inf
    assert free_energies(rows, biases, states).tolist() == [0.0, 0.0]
    assert free_energies(rows[:0], biases, states).tolist() == [0.0, 0.0]


def test_colvar_has_it_as_plumed_reweights(runs):
    columns, plain = colvar_columns(runs[0]), colvar_columns(RARE.runs(1, 2, 3, 0)[0])
    assert "state_bias" not in plain
    assert set(np.round(columns["state_bias"], 12)) == set(FLAT.bias)
    np.testing.assert_array_equal(columns["state_bias"] < 0, columns["z"] >= FLAT.walls[0])
