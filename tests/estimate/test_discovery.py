import numpy as np
import pytest

from cvflow.estimate.cautions import UNVISITED, discovery
from cvflow.estimate.discovery import state_visits
from cvflow.estimate.summary import summarise
from tests.report.synthetic import Lengths, all_failed, fake_record


def test_walkers_that_never_move_find_what_they_started_in():
    visits = state_visits(all_failed(fake_record(lengths=Lengths(3, 2, 10))))
    assert (visits["compact"].started, visits["compact"].found) == (2, 2)
    assert (visits["extended"].started, visits["extended"].found) == (1, 1)
    assert visits["compact"].share == pytest.approx(2 / 3)


def test_shares_are_those_of_production():
    record = fake_record()
    visits = state_visits(record)
    assert sum(seen.share for seen in visits.values()) == pytest.approx(1)
    difference = -np.log(visits["extended"].share / visits["compact"].share)
    assert difference == pytest.approx(summarise(record)["delta_f_chain"][0]["value_kT"])
    assert visits["extended"].found == 4


def test_what_was_started_found_and_never_found_is_said():
    one = fake_record(lengths=Lengths(1, 10, 60), states={"low": "r < 4.62", "high": "r >= 4.62", "no": "r > 99"})
    text = discovery(summarise(one))
    assert text == f"started in low (1 walker); found on the way: high; never found: no. {UNVISITED}."
