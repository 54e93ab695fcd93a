"""Settings left to the program: what it tries, what it takes, and that the run says so."""

from concurrent.futures import ThreadPoolExecutor
from math import inf
from typing import ClassVar

import numpy as np
import pytest

from cvflow.config.settings import load
from cvflow.core.frames import Outcome
from cvflow.run import tuning
from cvflow.run.cost_model import Prospect, price
from cvflow.run.tuning import (
    ROUND,
    PilotRuns,
    Search,
    Trial,
    Trying,
    _dearer,
    _lengths,
    _springs,
    chosen,
    fitted,
    pilot_jumps,
    pilots_at,
)
from cvflow.sampler.loop import Progress
from cvflow.setup import Equilibrated, from_config
from cvflow.store.base import turn_type
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


def test_paths_of_production_are_given_up_and_those_of_adaptation_looked_at(tmp_path):
    record = begin(tmp_path, path={"steps": 16, "timestep": 0.1}, run=RUN)
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


class Foretold(Search):
    """What pilots would find where works are lost as 0.2 + 1200 times a factor of the springs over the length."""

    factors: ClassVar[dict[float, float]] = {}

    def at(self, **setting):
        steps = setting["steps"]
        factor = self.factors.get(setting["kappa"][0], 1.0) if "kappa" in setting else 1.0
        lost = 0.2 + 1200 * factor / steps
        cost = steps * price(lost, gives_up=True)
        self.trials.append(Trial(setting, Prospect(float(steps), lost, 0.1, 50), cost, 0.02 * cost))
        return self.trials[-1]


@pytest.fixture
def foretold(tmp_path):
    path = {"kernel": "restraint", "steps": "auto", "timestep": 0.1}
    setup = from_config(load(written(tmp_path, path=path, run=RUN)), tmp_path)
    with ThreadPoolExecutor(1) as unused:
        yield Foretold(PilotRuns(setup, unused, Equilibrated([], np.random.default_rng(0).normal(size=(1, 30, 1))), 3))


def test_longer_paths_are_tried_until_the_cheapest_lies_well_below(foretold):
    best = _lengths(foretold, {"steps": 1000})["steps"]
    lengths = [trial.setting["steps"] for trial in foretold.trials]
    assert lengths[:2] == [64, 128]
    assert lengths[-2] < 2 * best <= lengths[-1]


def test_springs_are_tried_where_paths_are_just_long_enough_to_tell(foretold):
    softest = foretold.pilots.setup.kappa(foretold.pilots.start.samples)[0]
    best = _springs(foretold, {"steps": 1000})
    lengths = [trial.setting["steps"] for trial in foretold.trials if trial.setting["kappa"] == [softest]]
    assert lengths[:3] == [64, 128, 256]
    assert best == {"steps": 256, "kappa": [softest]}


def test_stiffer_springs_are_tried_until_it_gets_dearer(foretold):
    softest = foretold.pilots.setup.kappa(foretold.pilots.start.samples)[0]
    _springs(foretold, {"steps": 1000})
    assert not any(trial.setting["kappa"] == [16 * softest] for trial in foretold.trials)
    foretold.trials.clear()
    foretold.factors = {softest: 3.0, 4 * softest: 2.0}
    best = _springs(foretold, {"steps": 1000})
    assert best == {"steps": 512, "kappa": [16 * softest]}
    found = _lengths(foretold, best)
    assert found["kappa"] == best["kappa"]
    assert next(trial.setting["steps"] for trial in foretold.trials if trial.setting["kappa"] == best["kappa"]) == 512


def rows_of(*paths):
    """Pilot rows of paths between the valley's states, a walker each: where from, where to and the work [kT]."""
    rows = np.zeros(len(paths), dtype=turn_type(1))
    rows["steps"] = 100
    for row, (start, end, work) in zip(rows, paths, strict=True):
        row["centre_old"], row["centre_new"], row["work"] = start, end, work
    return rows


def searched(setup, monkeypatch, rows):
    """A search whose rounds all bring these rows, and the list of the rounds that it makes."""
    made = []

    def round_of(pilots, number, *part, **setting):
        made.append((pilots.jumps, number, *part, setting["steps"]))
        return rows

    monkeypatch.setattr(PilotRuns, "round", round_of)
    with ThreadPoolExecutor(1) as unused:
        return Search(PilotRuns(setup, unused, Equilibrated([], np.zeros((1, 1, 1))), ROUND - 1)), made


def test_a_setting_is_tried_once_in_rounds_that_begin_where_equilibration_ended(tuned, monkeypatch):
    """Walkers that go over stay there, and the state that they left would hardly be left again."""
    folder, _ = tuned
    setup = from_config(load(folder / "run.toml"), folder).changed(run={"walkers": 4})
    search, made = searched(setup, monkeypatch, rows_of(*[(0.0, 4.0, 1.0), (4.0, 0.0, 1.0)] * 2))
    for steps in (64, 4096, 64):
        search.at(steps=steps)
    rounds = [2 * pilots_at(steps) // 4 // ROUND for steps in (64, 4096)]
    assert made == [(1, 0, k, 64) for k in range(rounds[0])] + [(1, 1, k, 4096) for k in range(rounds[1])]
    assert rounds == [12, 6]


@pytest.mark.parametrize(("back", "rounds"), [(1, 8), (0, 12)])
def test_more_rounds_are_made_where_too_few_paths_begin_in_a_state(tuned, monkeypatch, back, rounds):
    """A state of one per cent is left by the first path; 24 pilots had too few back, and no length was known."""
    folder, _ = tuned
    setup = from_config(load(folder / "run.toml"), folder).changed(run={"walkers": 4})
    search, made = searched(setup, monkeypatch, rows_of(*[(0.0, 4.0, 1.0)] * 7, *[(4.0, 0.0, 1.0)] * back))
    assert (search.at(steps=4096).cost < inf) == bool(back)
    assert len(made) == rounds


def test_paths_that_are_not_seen_to_arrive_end_the_search_where_shorter_ones_had():
    assert not _dearer([trial(inf, np.nan)])
    assert _dearer([trial(1000.0, 10.0), trial(inf, np.nan)])


def test_pilots_learn_once_what_equilibration_teaches(tuned, monkeypatch):
    folder, _ = tuned
    setup, taught = from_config(load(folder / "run.toml"), folder), []
    learned = tuning._taught(setup, Equilibrated([], np.zeros((1, 1, 1))), np.zeros(0))
    monkeypatch.setattr(tuning, "_taught", lambda setup, start, kappa: taught.append(kappa) or learned)
    with ThreadPoolExecutor(1) as unused:
        pilots = PilotRuns(setup, unused, Equilibrated([], np.zeros((1, 1, 1))), 3)
    for kappa in (1.0, 2.0, 1.0):
        pilots._taught(np.array([kappa]))
    assert np.concatenate(taught).tolist() == [1.0, 2.0]


def test_labels_lead_nearly_all_pilots_to_another_state(tmp_path):
    flows = [{"proposal": None, "flow": {"labels": labels}} for labels in (False, True)]
    setups = [from_config(load(written(tmp_path, run=RUN, **flow)), tmp_path) for flow in flows]
    assert [pilot_jumps(setup, 480) for setup in setups] == [40, 20]
    assert pilot_jumps(setups[1], 48) == 4, "at least"


def test_auto_is_no_word_for_the_time_step(tmp_path):
    with pytest.raises(ValueError, match="timestep"):
        load(written(tmp_path, path={"timestep": "auto"}))
