import numpy as np
import pytest

from cvflow.report.figures import acceptance_figure, png
from cvflow.report.figures.acceptance import running_acceptance, version_begins
from tests.report.figures.reading import all_words, curve
from tests.report.synthetic import Lengths, fake_record, with_turns


def test_the_window_counts_all_walkers(record):
    turns, half = record.turns, 5
    found = running_acceptance(turns["jump"], turns["accepted"], half, 200)
    for jump in (0, 3, 100, 199):
        inside = np.abs(turns["jump"] - jump) <= half
        assert found.rate[jump] == pytest.approx(turns["accepted"][inside].mean())


def test_the_interval_is_binomial_and_stays_within_bounds():
    jumps = np.repeat(np.arange(3), 1000)
    accepted = np.arange(3000) % 10 == 0
    found = running_acceptance(jumps, accepted, 0, 3)
    assert np.allclose((found.high - found.low) / 2, np.sqrt(0.1 * 0.9 / 1000), rtol=0.01)
    none = running_acceptance(jumps[:6], np.zeros(6, dtype=bool), 0, 3)
    assert none.low[0] == pytest.approx(0)
    assert none.high[0] > 0
    assert np.isnan(none.rate[2])


def test_versions_begin_where_they_propose(record):
    assert version_begins(record.turns, record.flows) == [0, 10, 20, 30]
    early = record.turns[record.turns["jump"] < 15]
    assert version_begins(early, record.flows) == [0, 10, 15, 15]


def test_the_likelihood_of_every_version_is_drawn(record):
    upper, lower = acceptance_figure(record).axes
    marks = [line for line in lower.get_lines() if line.get_marker() == "s"]
    assert np.allclose(marks[0].get_ydata(), [flow.holdout_nll for flow in record.flows])
    assert list(marks[0].get_xdata()) == [0, 10, 20, 30]
    assert len(curve(upper, "between states")[0]) == 200


def test_names_of_versions_keep_apart(record):
    assert {" v0", " v1", " v2", " v3"} <= set(all_words(acceptance_figure(record)).split("\n"))
    early = record.turns["flow_version"].copy()
    early[record.turns["jump"] < 40] = np.clip(record.turns["jump"][record.turns["jump"] < 40], 0, 3)
    words = set(all_words(acceptance_figure(with_turns(record, flow_version=early))).split("\n"))
    assert " v3" in words
    assert not {" v0", " v1", " v2"} & words


def test_a_fixed_proposal_has_no_empty_panel_of_trainings(record):
    fixed = record.flows[-1]._replace(holdout_nll=float("nan"), epochs=0)
    figure = acceptance_figure(record._replace(flows=[fixed]))
    assert len(figure.axes) == 1
    assert figure.axes[0].get_xlabel() == "jump of each walker"
    words = all_words(figure)
    assert "the proposal is fixed" in words
    assert " v3" not in words.split("\n")


def test_while_the_flow_adapts():
    record = fake_record(lengths=Lengths(2, 8, 0))
    for turns in (record.turns, record.turns[:0]):
        assert png(acceptance_figure(record._replace(turns=turns))).startswith(b"\x89PNG")
