"""F along a CV from the works of paths: right where no chain has been, its errors hold, wrong weights are caught."""

from dataclasses import replace

import numpy as np
import pytest

from cvflow.estimate import path_density, ways
from cvflow.estimate.convergence import cv_chains
from cvflow.estimate.free_energy import profile
from cvflow.estimate.path_density import path_slices
from cvflow.estimate.surface import surface
from cvflow.proposals.io import to_bytes
from cvflow.proposals.mixture import GaussianMixture
from tests.estimate import steered
from tests.estimate.landscapes import AROUND, CIRCLE, GRID, PLANE, double_well, masses, plane_masses, torsion

EDGES = np.linspace(-1.2, 1.1, 24)


@pytest.fixture(autouse=True)
def forgetful():
    """What a mutant made is remembered by nobody."""
    yield
    path_density._weighted.cache_clear()


def largest_z(record):
    """Of the probabilities of bins from one well to the other, by independent turns."""
    return float(np.abs(scores(record, EDGES, masses(double_well, GRID, EDGES))).max())


def scores(record, edges, exact):
    """z of bins along each CV, or of the cells of all CVs."""
    slices, turns = path_slices(record), len(record.turns)
    cells = np.digitize(slices.cv, edges) - 1
    inside = ((cells >= 0) & (cells < len(edges) - 1)).all(axis=1)
    each = np.zeros((turns, *exact.shape))
    np.add.at(each, (slices.turn[inside], *cells[inside].T), slices.weight[inside])
    with np.errstate(invalid="ignore", divide="ignore"):
        return (each.mean(axis=0) - exact) / (each.std(axis=0) / np.sqrt(turns))


@pytest.fixture(scope="module")
def whole():
    return steered.steered(4, 2500, 1)


@pytest.fixture(scope="module")
def thinned():
    """Half of the paths are given up on their way."""
    record = steered.steered(4, 2500, 2, gives_up=True, holds=0.5)
    assert 0.2 < (record.turns["outcome"] != 0).mean() < 0.9
    return record


def test_the_density_is_right_all_the_way(whole):
    assert largest_z(whole) < 5


def test_paths_that_were_given_up_are_made_up_for(thinned):
    assert largest_z(thinned) < 5


def test_paths_that_go_by_labels_are_weighted_by_how_often_they_are_proposed():
    by_labels = steered.steered(4, 2500, 3, proposal=steered.LABELS)
    assert 0.1 < np.isnan(by_labels.turns["centre_new"]).mean() < 0.6
    assert largest_z(by_labels) < 5
    path_density._weighted.cache_clear()
    at_random = by_labels.flows[0]._replace(data=to_bytes(steered.PROPOSAL, ["x"]))
    assert largest_z(by_labels._replace(flows=[at_random])) > 8, "as if λ̃ did not look at λ_0"


AROUND_EDGES = np.linspace(-np.pi, np.pi, 33)


@pytest.fixture(scope="module", params=[False, True], ids=["whole", "thinned"])
def around(request):
    """On a circle, where paths go either way round; run to their end, or given up on their way."""
    record = steered.steered(4, 2000, 30, gives_up=request.param, holds=0.5, landscape=CIRCLE)
    way = record.turns["centre_new"] - record.turns["centre_old"]
    assert 0.1 < (np.abs(way) > np.pi).mean() < 0.4, "over the seam"
    return record


def circle_z(record):
    return float(np.abs(scores(record, AROUND_EDGES, masses(torsion, AROUND, AROUND_EDGES))).max())


def test_around_a_circle_the_density_is_right_on_both_ways(around):
    assert circle_z(around) < 5


def test_a_circle_that_is_taken_for_a_line_is_caught(around):
    assert circle_z(around._replace(header=replace(around.header, periods=[None]))) > 8


def test_around_a_circle_survival_that_is_left_out_is_caught():
    thinned = steered.steered(4, 2000, 30, gives_up=True, holds=0.5, landscape=CIRCLE)
    assert circle_z(changed(thinned, log_survival=0.0)) > 8


PLANE_EDGES = np.linspace(-0.75, 0.75, 7)


@pytest.fixture(scope="module", params=[False, True], ids=["whole", "thinned"])
def askew(request):
    """Two CVs, neither of which is along the valley; run to their end, or given up on their way."""
    return steered.steered(4, 2000, 12, gives_up=request.param, holds=0.5, landscape=PLANE)


def plane_z(record):
    """Of the cells along the valley."""
    exact = plane_masses(PLANE_EDGES)
    found = np.abs(scores(record, PLANE_EDGES, exact))[exact > 0.1 * exact.max(axis=1, keepdims=True)]
    assert len(found) > 10
    return float(found.max())


def test_in_two_cvs_the_density_is_right_all_the_way(askew):
    assert plane_z(askew) < 5


def test_in_more_than_two_cvs_works_say_nothing(askew):
    """Nobody knows there how many ways lead past a point: what 300 of them told was 5 kT and more too high."""
    header = askew.header
    three = replace(header, cvs=["x", "y", "z"], units=[""] * 3, kappa=[*header.kappa, 1.0], periods=[np.inf] * 3)
    assert len(path_slices(askew).turn) > 100
    assert not len(path_slices(askew._replace(header=three)).turn)


def test_in_two_cvs_a_restraint_that_is_forgotten_is_caught(askew, monkeypatch):
    monkeypatch.setattr(path_density, "visits", lambda *given: ways.visits(*given[:2], given[2] * [1, 0.01], given[3]))
    assert plane_z(askew) > 8


def test_in_two_cvs_one_direction_counted_as_both_is_caught(askew, monkeypatch):
    to_the_right = askew.turns["centre_new"][:, 0] > askew.turns["centre_old"][:, 0]
    monkeypatch.setattr(path_density, "_log_prefactor", one_way(path_density._log_prefactor))
    ended = np.where(to_the_right, askew.turns["outcome"], 1)
    assert plane_z(changed(askew, outcome=ended)) > 8


def changed(record, **columns):
    turns = record.turns.copy()
    for name, column in columns.items():
        turns[name] = column
    return record._replace(turns=turns)


def test_works_that_are_not_weighted_by_their_survival_are_caught(thinned):
    assert largest_z(changed(thinned, log_survival=0.0)) > 8


def test_starts_that_are_not_weighted_by_the_proposal_are_caught(whole, monkeypatch):
    right = path_density._log_prefactor

    def unweighted(paths, *rest):
        return right(paths, *rest) - paths["log_q_old"] + np.log(np.mean(np.exp(paths["log_q_old"])))

    monkeypatch.setattr(path_density, "_log_prefactor", unweighted)
    assert largest_z(whole) > 8


def one_way(right):
    """The weights of paths that are made in one direction alone."""

    def prefactor(paths, *rest):
        log_ratio = paths["log_q_old"] - paths["log_q_new"] - paths["work"]
        return right(paths, *rest) + np.logaddexp(0.0, log_ratio) - np.log(2)

    return prefactor


def test_one_direction_counted_as_both_is_caught(whole, monkeypatch):
    forward = whole.turns["centre_new"][:, 0] > whole.turns["centre_old"][:, 0]
    monkeypatch.setattr(path_density, "_log_prefactor", one_way(path_density._log_prefactor))
    assert largest_z(changed(whole, outcome=np.where(forward, 0, 1))) > 8


def test_works_of_the_protocol_read_the_wrong_way_round_are_caught(whole):
    assert largest_z(changed(whole, look_work=-whole.turns["look_work"])) > 8


def test_where_nothing_was_seen_on_the_way_nothing_is_said(whole):
    assert not len(path_slices(changed(whole, look_fraction=0.0)).turn)


def test_a_bin_has_a_point_only_where_it_has_an_error(whole):
    """One that a chain came through once or twice, on its way over the barrier, would stand far too low."""
    chains = changed(whole, look_fraction=0.0)
    for found in (profile(chains, "x", 60), surface(steered.steered(2, 300, 5, landscape=PLANE), ("x", "y"), 30)):
        known = np.isfinite(found.free_energy)
        assert known.any()
        assert np.array_equal(known, np.isfinite(found.stderr))
    found = profile(chains, "x", 60)
    visited = np.bincount(found.axis.bin_of(cv_chains(chains)[..., 0].ravel()), minlength=60) > 0
    assert (visited & np.isnan(found.free_energy)).any()


@pytest.fixture(scope="module")
def many():
    """z of the bins of F as it is shown, and errors at the barrier, with and without the works; a row a run."""
    scores, errors = [], []
    for seed in range(30):
        record = steered.steered(4, 400, 100 + seed, gives_up=seed % 2 == 0)
        for run in (record, changed(record, look_fraction=0.0)):
            found = profile(run, "x", 24)
            exact = -np.log(masses(double_well, GRID, found.axis.edges))
            barrier = (found.centres > -0.3) & (found.centres < 0.3)
            known = found.stderr > 0
            scores.append(np.where(known, (found.free_energy - exact + exact.min()) / found.stderr, np.nan))
            errors.append(np.mean(found.stderr[barrier]))
    return np.array(scores), np.array(errors).reshape(-1, 2)


@pytest.mark.filterwarnings("ignore:invalid value encountered in divide")
def test_errors_of_the_joined_curve_hold(many):
    joined = many[0][::2]
    assert abs(np.nanmean(joined)) < 0.35
    assert 0.85 < np.nanstd(joined) < 1.15


@pytest.mark.filterwarnings("ignore:invalid value encountered in divide")
def test_the_barrier_is_known_where_the_chains_alone_do_not_know_it(many):
    joined, chains = many[1].T
    assert np.isfinite(joined).mean() > 0.8
    assert np.nanmedian(joined) < 0.15
    assert np.isnan(chains).mean() > 0.8


def test_a_path_without_looks_is_not_counted_as_zero(whole):
    """Paths of an older version, or of few steps: a run that has some says nothing by works."""
    looks = whole.turns["look_fraction"].copy()
    looks[: len(looks) // 2] = 0.0
    assert not len(path_slices(changed(whole, look_fraction=looks)).turn)


def test_a_flow_that_proposes_no_crossing_says_nothing(whole):
    """Its broad part may have drawn the one that there was."""
    one_well = GaussianMixture(((-1.0,),), ((0.05,),), (1.0,))
    flow = whole.flows[0]._replace(data=to_bytes(one_well, ["x"]))
    assert not len(path_slices(whole._replace(flows=[flow])).turn)


@pytest.mark.parametrize("kept", [slice(2, None, 5), slice(4, None, 11)], ids=["four looks", "two looks"])
def test_few_looks_far_apart_are_enough(whole, kept):
    """Four, and then two, that lie many widths of the restraint from each other."""
    columns = {}
    for name in ("look_fraction", "look_work", "look_cv"):
        columns[name] = np.zeros_like(whole.turns[name])
        some = whole.turns[name][:, kept]
        columns[name][:, : some.shape[1]] = some
    assert largest_z(changed(whole, **columns)) < 5
