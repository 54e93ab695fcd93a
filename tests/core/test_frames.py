"""Codes that files hold, which no order of names may change."""

import json

import numpy as np
import pytest

from cvflow.core.frames import Outcome
from cvflow.core.streams import Purpose
from cvflow.store import Header
from tests.report.synthetic import Lengths, fake_record

HEADER = fake_record(lengths=Lengths(walkers=2, adapt=1, jumps=2)).header


def test_the_codes_of_outcomes_are_those_of_every_store():
    assert {outcome.name: outcome.value for outcome in Outcome} == {
        "COMPLETED": 0, "DIVERGED": 1, "UNCONVERGED": 2, "OUT_OF_RANGE": 3, "UNSUPPORTED": 4, "GIVEN_UP": 5,
        "WITHIN_STATE": 6, "PROGRAM_FAILED": 7, "TIME_LIMIT": 8,
    }  # fmt: skip
    assert np.array(list(Outcome), dtype=np.uint8).tolist() == [outcome.value for outcome in Outcome]


def test_the_purposes_of_random_numbers_keep_their_numbers():
    """They are part of every stream."""
    assert {purpose.name: purpose.value for purpose in Purpose} == {
        "START": 0, "EQUILIBRATION": 1, "PROPOSAL": 2, "TURN": 3, "TRAINING": 4, "SCAN": 5,
        "MADE_START": 6, "PULL": 7, "EXPLORE": 8,
    }  # fmt: skip


def test_a_store_says_what_its_codes_mean():
    text = HEADER.to_json()
    assert json.loads(text)["outcomes"]["GIVEN_UP"] == 5
    assert Header.from_json(text) == HEADER


@pytest.mark.parametrize("other", [{"GIVEN_UP": 6}, {"MELTED": 9}])
def test_codes_of_another_meaning_are_refused(other):
    values = json.loads(HEADER.to_json())
    values["outcomes"] |= other
    with pytest.raises(ValueError, match=f"unknown codes of outcomes .*{next(iter(other))}.*newer version"):
        Header.from_json(json.dumps(values))
