from dataclasses import replace

import numpy as np
import pytest

from cvflow.core.frames import Outcome
from cvflow.estimate.cautions import Estimate
from cvflow.estimate.comparison import compared_pairs
from cvflow.estimate.summary import summarise
from cvflow.estimate.work import crossing_works
from cvflow.report.figures import work_figure
from cvflow.report.figures.work import Direction, _edges, histogram
from tests.report.figures.reading import all_words, curve
from tests.report.synthetic import Lengths, all_failed, fake_record, with_turns


def stairs(figure, label):
    (patch,) = [patch for patch in figure.axes[0].patches if str(patch.get_label()).startswith(label)]
    return patch.get_data()


def test_histograms_are_densities_of_all_paths(record):
    figure = work_figure(record)
    works = crossing_works(record, 0, 1)
    for label, values in (("p_F", works.forward.works), ("p_R", -works.reverse.works)):
        density, edges, _ = stairs(figure, label)
        shown = (values > edges[0]) & (values < edges[-1])
        assert (density * np.diff(edges)).sum() == pytest.approx(shown.mean())
        assert (density * np.diff(edges) * edges[:-1]).sum() < values[shown].mean()


def test_few_heavy_paths_make_few_bins_with_their_errors():
    """Paths that survived early rejection: fine bins would show the heaviest one by one."""
    rng = np.random.default_rng(0)
    works, weights = rng.normal(size=100), np.where(np.arange(100) < 90, 0.05, 5.0)
    heavy = Direction("p_F", works, weights, 200)
    assert heavy.effective == pytest.approx(weights.sum() ** 2 / (weights**2).sum())
    assert heavy.effective < 15
    even = heavy._replace(weights=np.ones(100))
    nowhere = Estimate(np.nan, np.nan)
    assert len(_edges([heavy, heavy], nowhere)) < len(_edges([even, even], nowhere)) / 2
    edges = np.array([-10.0, 0.0, 10.0])
    found = histogram(heavy, edges)
    assert (found.density * np.diff(edges)).sum() == pytest.approx(weights.sum() / 200)
    assert found.stderr[0] == pytest.approx(np.sqrt((weights[works < 0] ** 2).sum()) / 200 / 10)
    assert found.shown == 100


def test_what_weighted_paths_are_worth_is_said_and_bins_have_error_bars(record):
    survival = np.where(np.arange(len(record.turns)) % 10 == 0, -3.0, 0.0)
    figure = work_figure(with_turns(record, log_survival=survival))
    assert "by their weights worth" in all_words(figure)
    assert len(figure.axes[0].containers) == 2
    assert "worth" not in all_words(work_figure(record))


def test_no_start_in_one_state_leaves_the_works_without_a_zero(record):
    turns = record.turns[record.turns["cv_old"][:, 0] < 4.62]
    turns = turns[turns["walker"] == 0].copy()
    turns["jump"] = np.arange(len(turns))
    alone = record._replace(turns=turns, header=replace(record.header, walkers=1))
    assert "is not known, and without that the works of" in all_words(work_figure(alone))


def test_the_crossing_is_marked_with_its_error(record):
    figure = work_figure(record)
    assert curve(figure.axes[0], "ΔF from BAR")[0][0] == summarise(record)["delta_f_bar"][0]["value_kT"]
    assert "one standard error" in all_words(figure)


def test_any_two_states_have_their_works(three):
    figure = work_figure(three, (1, 2))
    assert "Works of the paths between middle and right" in all_words(figure)
    found = compared_pairs(three, [(1, 2)])[0].bar
    assert curve(figure.axes[0], "ΔF from BAR")[0][0] == found.value


def test_paths_that_do_not_connect_are_counted_not_drawn(record):
    failed = record.turns["walker"] == 0
    turns = record.turns.copy()
    turns["work"][failed], turns["outcome"][failed] = np.nan, Outcome.DIVERGED
    figure = work_figure(record._replace(turns=turns))
    works = crossing_works(record._replace(turns=turns), 0, 1)
    apart = int((works.forward.works == 500).sum())
    assert apart > 10
    assert f"{apart} that were given up or do not connect the states are left out" in all_words(figure)
    assert figure.axes[0].get_xlim()[1] < 100
    density, edges, _ = stairs(figure, "p_F")
    assert (density * np.diff(edges)).sum() <= 1 - apart / len(works.forward.works) + 1e-12


def test_far_works_are_counted_beyond_the_axis(record):
    works = record.turns["work"].copy()
    works[np.flatnonzero(record.turns["production"])[:40]] += 300
    figure = work_figure(with_turns(record, work=works))
    assert "outside the axis" in all_words(figure)
    assert figure.axes[0].get_xlim()[1] < 100


def test_nothing_to_show_is_said_in_words():
    failed = all_failed(fake_record(lengths=Lengths(2, 5, 20)))
    assert "No path connects compact and extended (20 proposed" in all_words(work_figure(failed)).replace("\n", " ")
    single = fake_record(lengths=Lengths(2, 5, 20), states={"all": "r > 0"})
    assert "Fewer than two named states" in all_words(work_figure(single))


def test_one_direction_alone_is_drawn(record):
    forward = record.turns["cv_old"][:, 0] < 4.62
    figure = work_figure(with_turns(record, work=np.where(forward, record.turns["work"], np.nan)))
    assert "BAR: ΔF not determined" in all_words(figure)
    assert len(figure.legends[0].get_texts()) == 1
