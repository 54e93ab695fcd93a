import json
import math

import numpy as np
import pytest

from cvflow.estimate.cautions import cautions, comparisons
from cvflow.estimate.convergence import effective_sample_size, production, r_hat
from cvflow.estimate.free_energy import chain_difference, profile
from cvflow.estimate.modes import joined
from cvflow.estimate.schema import INFINITY, EffectiveSamples, Summary
from cvflow.estimate.summary import summarise
from cvflow.report.html import html_report
from cvflow.report.tables import summary_rows
from tests.report.synthetic import Lengths, all_failed, fake_record, with_turns


def chains(*shifts):
    return np.random.default_rng(0).standard_normal((len(shifts), 400)) + np.array(shifts)[:, None]


def test_r_hat_tells_chains_that_agree_from_those_that_do_not():
    """Formula of Gelman and Rubin for the second: means ±1, variance 1 in each chain. Always 1, a mutant, is not it."""
    assert r_hat(chains(0, 0, 0, 0)) == pytest.approx(1, abs=0.01)
    assert r_hat(chains(-1, 1, -1, 1)) > 1.3


def test_r_hat_of_chains_that_never_move_is_infinite():
    stuck = np.repeat([[1.57], [-1.57], [1.5]], 20, axis=1)
    assert r_hat(stuck) == math.inf
    assert effective_sample_size(stuck) == EffectiveSamples(bulk=None, tail=None)
    assert math.isnan(r_hat(np.ones((3, 20)))), "nothing to compare"


@pytest.fixture(scope="module")
def record():
    return fake_record()


@pytest.fixture(scope="module")
def stuck():
    """Walkers that vibrate in the states they started in."""
    return all_failed(fake_record(lengths=Lengths(4, 5, 40)))


def test_without_a_way_there_and_back_nothing_is_determined(stuck):
    difference = chain_difference(stuck, 0, 1)
    assert math.isnan(difference.value)
    assert math.isnan(difference.stderr)
    assert difference.reason == "in production no walkers went from compact to extended and back"
    summary = summarise(stuck)
    assert summary["delta_f"][0]["determined"] is False
    assert summary["delta_f"][0]["value_kT"] is None
    assert summary["delta_f"][0]["reason"].startswith("by the chains, in production no walkers went")
    assert "not determined by the chains: in production" in " ".join(cautions(summary))
    assert comparisons(summary)[0].chain.text() == "not determined"


def test_production_has_each_walker_s_turns_in_their_order_cut_to_the_shortest():
    """Whatever the order in which walkers ended their turns, and though some have made more."""
    whole = fake_record(lengths=Lengths(4, 7, 40))
    shuffled = whole.turns[np.random.default_rng(0).permutation(len(whole.turns))]
    turns = shuffled[np.argsort(shuffled["jump"], kind="stable")][:-2]
    found = production(whole._replace(turns=turns))
    assert found.shape == (4, 39)
    assert (found["walker"] == np.arange(4)[:, None]).all()
    assert (found["jump"] == np.arange(7, 46)).all()
    for row in found.reshape(-1)[::10]:
        (own,) = turns[(turns["walker"] == row["walker"]) & (turns["jump"] == row["jump"])]
        assert row["cv"] == own["cv"]


def test_no_number_stands_in_bold_then(stuck, record):
    def result(of):
        page = html_report(of, summarise(of), [])
        return page.split("Free-energy differences</h2>")[1].split("</section>")[0]

    assert "<strong>not determined" not in result(stuck)
    assert result(stuck).count("<td>not determined</td>") == 4, "in two units, by chain and by BAR"
    assert result(record).count("<td><strong>") == 1, "the best of all"


def test_null_is_never_printed(stuck):
    for value in dict(summary_rows(summarise(stuck), stuck.header)).values():
        assert "None" not in value
        assert "nan" not in value


def test_one_way_alone_does_not_join_states():
    record = fake_record(lengths=Lengths(2, 0, 10))
    place = np.where(record.turns["walker"] * record.turns["jump"] > 4, 5.65, 3.53)[:, None]
    there = with_turns(record, cv_old=place, cv_kept=place, cv=place)
    assert joined(there)[0] != joined(there)[1]
    back = np.where((record.turns["walker"] == 1) & (record.turns["jump"] == 5), 5.65, 3.53)[:, None]
    assert len(set(joined(with_turns(record, cv_old=back, cv_kept=back, cv=back)))) == 1


def test_a_curve_has_no_errors_between_states_that_nobody_joined(stuck):
    found = profile(stuck, "r", 20)
    beside = (found.centres < 4.62) == (found.centres[np.nanargmin(found.free_energy)] < 4.62)
    assert np.isfinite(found.stderr[beside]).sum() > 1
    assert np.isnan(found.stderr[~beside]).all()
    assert np.isnan(found.free_energy[~beside]).all()


def test_the_summary_says_infinite_in_json(stuck):
    place = np.where(stuck.turns["walker"] % 2 == 0, 3.53, 5.65)[:, None]
    summary = summarise(with_turns(stuck, cv_old=place, cv_kept=place, cv=place))
    again = json.loads(summary.text())
    assert again["rhat"] == {"r": INFINITY}
    assert summary.rhat == Summary.model_validate(again).rhat == {"r": math.inf}
    assert float(INFINITY) == math.inf
    assert again["ess"] == {"r": {"bulk": None, "tail": None}}
    assert any("R-hat of r is infinite" in text for text in summary.warnings)
    assert dict(summary_rows(summary, stuck.header))["R-hat of r"] == "infinite"
