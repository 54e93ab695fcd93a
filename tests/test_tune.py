"""Settings left to the program: what it tries, what it takes, and that the run says so."""

from math import inf

import numpy as np
import pytest

from cvflow.config import load
from cvflow.prospect import Prospect
from cvflow.state import Outcome
from cvflow.tune import Trial, chosen
from tests.test_batch_run import begin, written

AUTO = {"steps": "auto", "friction": "auto", "schedule": "auto", "timestep": 0.1}
RUN = {"walkers": 24, "adapt_jumps": 12, "jumps": 10, "local_steps": 4}


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tuned")
    return folder, begin(folder, path=AUTO, run=RUN)


def test_every_auto_is_a_number_before_the_run(tuned):
    folder, record = tuned
    path = load(folder / "out" / "config.resolved.toml").path
    assert isinstance(path.steps, int)
    assert isinstance(path.friction, float)
    assert path.schedule in ("linear", "cosine")
    assert str(path.steps) in record.header.config


def test_the_note_names_what_was_chosen_and_all_that_was_tried(tuned):
    folder, record = tuned
    (note,) = (note for note in record.header.notes if note.startswith("tuned before the run"))
    path = load(folder / "out" / "config.resolved.toml").path
    assert f"steps {path.steps}" in note
    assert note.count("steps ") >= 6
    assert "schedule cosine" in note
    assert "friction" in note


def test_the_same_seed_finds_the_same(tuned, tmp_path):
    _, record = tuned
    again = begin(tmp_path, path=AUTO, run=RUN)
    for name in ("cv", "steps", "work"):
        np.testing.assert_array_equal(again.turns[name], record.turns[name])


def test_paths_of_production_are_given_up_and_those_of_adaptation_looked_at(tuned):
    _, record = tuned
    given_up = record.turns["outcome"] == list(Outcome).index(Outcome.GIVEN_UP)
    production = record.turns["production"]
    assert given_up[production].any()
    assert not given_up[~production].any()
    assert np.isfinite(record.turns["interim"][~production]).all(axis=1).any()
    assert (record.turns["log_survival"][~production] == 0).all()
    assert (record.turns["steps"][given_up] > 0).all()


def test_early_rejection_and_jumps_within_states_can_be_turned_off(tmp_path):
    path = {"steps": 64, "timestep": 0.1}
    whole = begin(tmp_path / "whole", path=path | {"early_rejection": False}, run=RUN)
    assert not (whole.turns["outcome"] == list(Outcome).index(Outcome.GIVEN_UP)).any()
    assert np.isnan(whole.turns["interim"]).all()
    between = begin(tmp_path / "between", path=path | {"within_states": False}, run=RUN)
    within = between.turns["outcome"] == list(Outcome).index(Outcome.WITHIN_STATE)
    assert within[between.turns["production"]].mean() > 0.2
    assert not within[~between.turns["production"]].any()
    assert (between.turns["steps"][within] == 0).all()
    assert not between.turns["accepted"][within].any()


def trial(steps, cost, stderr):
    """A setting whose paths all arrive, at a length that is its cost."""
    return Trial({"steps": steps}, Prospect(0.0, cost, 50, stderr))


def test_of_settings_that_cannot_be_told_apart_the_best_known_is_taken():
    trials = [trial(64, inf, np.nan), trial(128, 900.0, 600.0), trial(256, 1200.0, 90.0), trial(512, 2000.0, 80.0)]
    assert chosen(trials).setting["steps"] == 256
    assert chosen(trials[:2]).setting["steps"] == 128


def test_auto_is_no_word_for_the_time_step(tmp_path):
    with pytest.raises(ValueError, match="timestep"):
        load(written(tmp_path, path={"timestep": "auto"}))
