"""Settings left to the program: what it tries, what it takes, and that the run says so."""

from concurrent.futures import ThreadPoolExecutor
from math import inf

import numpy as np
import pytest

from cvflow.config.settings import load
from cvflow.core.frames import Outcome
from cvflow.run.cost_model import Prospect, price
from cvflow.run.tuning import PilotRuns, Trial, Trying, _lengths, chosen, fitted, pilot_jumps
from cvflow.sampler.loop import Progress
from cvflow.setup import Equilibrated, from_config
from tests.run.valley_run import begin, written

AUTO = {"steps": "auto", "friction": "auto", "schedule": "auto", "timestep": 0.1}
RUN = {"walkers": 24, "adapt_jumps": 12, "adapt_limit": 1, "jumps": 10, "local_steps": 4}


@pytest.fixture(scope="module")
def seen():
    """What whoever watches is told."""
    return []


@pytest.fixture(scope="module")
def tuned(tmp_path_factory, seen):
    folder = tmp_path_factory.mktemp("tuned")
    return folder, begin(folder, seen.append, path=AUTO, run=RUN)


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


def test_pilots_are_shown_as_they_go(tuned, seen):
    _, record = tuned
    events = [event for event in seen if not isinstance(event, str)]
    kinds = [type(event) for event in events]
    tries = kinds.count(Trying)
    assert kinds == [Trying] * tries + [Progress] * (len(events) - tries)
    last = {event.number: event for event in events[:tries]}
    assert list(last) == list(range(1, len(last) + 1))
    assert all(event.progress.turns == event.progress.total for event in last.values())
    (note,) = (note for note in record.header.notes if note.startswith("tuned before the run"))
    assert all(f"{event.setting}: " in note for event in last.values())


def test_interrupted_while_tuning_leaves_the_words_as_they_were_given(tmp_path):
    """Nothing to resume, and no number that nobody chose."""

    def interrupt(event):
        if isinstance(event, Trying) and event.number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        begin(tmp_path, interrupt, path=AUTO, run=RUN)
    out = tmp_path / "out"
    assert not (out / "run.h5").exists()
    path = load(out / "config.resolved.toml").path
    assert (path.steps, path.friction, path.schedule) == ("auto", "auto", "auto")


def test_paths_of_production_are_given_up_and_those_of_adaptation_looked_at(tuned):
    _, record = tuned
    given_up = record.turns["outcome"] == Outcome.GIVEN_UP
    production = record.turns["production"]
    assert given_up[production].any()
    assert not given_up[~production].any()
    assert np.isfinite(record.turns["interim"][~production]).all(axis=1).any()
    assert (record.turns["log_survival"][~production] == 0).all()
    assert (record.turns["steps"][given_up] > 0).all()


def test_early_rejection_and_jumps_within_states_can_be_turned_off(tmp_path):
    path = {"steps": 64, "timestep": 0.1}
    whole = begin(tmp_path / "whole", path=path | {"early_rejection": False}, run=RUN)
    assert not (whole.turns["outcome"] == Outcome.GIVEN_UP).any()
    assert np.isnan(whole.turns["interim"]).all()
    between = begin(tmp_path / "between", path=path | {"within_states": False}, run=RUN)
    within = between.turns["outcome"] == Outcome.WITHIN_STATE
    assert within[between.turns["production"]].mean() > 0.2
    assert not within[~between.turns["production"]].any()
    assert (between.turns["steps"][within] == 0).all()
    assert not between.turns["accepted"][within].any()


def trial(cost, stderr):
    return Trial({"steps": 100}, Prospect(100.0, 1.0, 0.1, 50), cost, stderr)


def test_of_settings_that_cannot_be_told_apart_the_first_is_taken():
    trials = [trial(1300.0, 90.0), trial(1200.0, 150.0), trial(inf, np.nan)]
    assert chosen(trials) is trials[0]
    assert chosen([trial(1400.0, 90.0), *trials[1:]]).cost == 1200.0


def test_the_length_is_that_of_the_curve_through_all_trials(tuned):
    """Works lost as b/N cost least where more of them are lost than where paths are run to their end."""
    folder, _ = tuned
    setup = from_config(load(folder / "run.toml"), folder)
    lengths = (64, 128, 256, 512, 1024, 2048)
    trials = [Trial({"steps": n}, Prospect(float(n), 0.2 + 1200 / n, 0.1, 50), 0.0, 0.0) for n in lengths]
    steps = fitted(trials, setup)["steps"]
    costs = {n: n * price(0.2 + 1200 / n, gives_up=True) for n in range(100, 2000, 10)}
    assert steps * price(0.2 + 1200 / steps, gives_up=True) == pytest.approx(min(costs.values()), rel=0.01)


def test_longer_paths_are_tried_until_the_cheapest_lies_well_below(tuned):
    folder, _ = tuned
    setup = from_config(load(folder / "run.toml"), folder)
    with ThreadPoolExecutor(1) as unused:
        pilots, trials = PilotRuns(setup, unused, Equilibrated([], np.zeros((1, 1, 1))), 4), []
    for setting in _lengths(pilots, {"steps": 1000}, trials):
        steps, lost = setting["steps"], 0.2 + 1200 / setting["steps"]
        cost = steps * price(lost, gives_up=True)
        trials.append(Trial(setting, Prospect(float(steps), lost, 0.1, 50), cost, 0.1 * cost))
    best, lengths = fitted(trials, setup)["steps"], [trial.setting["steps"] for trial in trials]
    assert lengths[:2] == [64, 128]
    assert lengths[-2] < 2 * best <= lengths[-1]


def test_labels_lead_nearly_all_pilots_to_another_state(tmp_path):
    flows = [{"proposal": None, "flow": {"labels": labels}} for labels in (False, True)]
    setups = [from_config(load(written(tmp_path, run=RUN, **flow)), tmp_path) for flow in flows]
    assert [pilot_jumps(setup, 480) for setup in setups] == [40, 20]
    assert pilot_jumps(setups[1], 48) == 4, "at least"


def test_auto_is_no_word_for_the_time_step(tmp_path):
    with pytest.raises(ValueError, match="timestep"):
        load(written(tmp_path, path={"timestep": "auto"}))
