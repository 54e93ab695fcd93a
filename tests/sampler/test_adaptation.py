"""Adaptation goes on until populations have settled: what a run does, what it says, and that it does it again."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from cvflow.api import Result
from cvflow.cli.commands import execute
from cvflow.estimate.cautions import cautions
from cvflow.estimate.schema import Summary
from cvflow.estimate.summary import summarise
from cvflow.run import run_folder
from cvflow.store import read_record
from tests import exchanging, valley
from tests.exchanging import THREE, TWO, begun, groups, plan

NOT_SETTLED = "before the populations of the states had settled"


def ran(weights, rate, walkers, seed=1, threads=1, alone=False, gain=0.0, watch=lambda progress: None, **settings):
    """The record of a run, fixed proposal unless a gain says that versions of the flow get better."""
    fixed = None if gain else exchanging.untrained([], None, None, None, None, None).proposal
    run, store = begun(
        plan(weights, walkers, fixed=fixed, **settings), groups(weights, rate, walkers, seed, alone, gain), watch
    )
    with ThreadPoolExecutor(threads) as pool:
        run.go(pool)
    return store.record()


def made(record):
    """Jumps of adaptation, per walker."""
    return int((~record.turns["production"]).sum()) // record.header.walkers


def rows(record):
    return record.turns.tobytes()


@pytest.mark.parametrize(("weights", "rate"), [(TWO, 1 / 80), (THREE, 1 / 40)], ids=["two at 1 %", "three at 4 %"])
@pytest.mark.parametrize("walkers", [48, 256])
def test_an_unequilibrated_production_is_never_silent(weights, rate, walkers):
    """Even starts, adaptation and production that cannot forget them: longer, or a warning."""
    short = ran(weights, rate, walkers, adapt_jumps=20, jumps=20)
    summary = summarise(short)
    assert summary["adaptation"]["passed"] is False
    assert NOT_SETTLED in " ".join(cautions(summary))
    assert off(summary, weights) > 0.4, "far off"
    longer = ran(weights, rate, walkers, adapt_jumps=20, jumps=20, adapt_limit=60)
    summary = summarise(longer)
    found = summary.adaptation
    assert (found.asked, found.made, found.passed) == (20, made(longer), True)
    assert not any(NOT_SETTLED in text for text in cautions(summary))
    assert 3 / rate < made(longer) < 1200
    assert off(summary, weights) < 4 * np.sqrt(1 / weights[0] / walkers), "as independent walkers in equilibrium"


def off(summary, weights):
    """How far the worst free-energy difference is from the truth."""
    exact = [-np.log(weight / weights[0]) for weight in weights[1:]]
    return max(abs(found["value_kT"] - right) for found, right in zip(summary["delta_f_chain"], exact, strict=True))


def test_a_run_in_equilibrium_is_as_it_was_without_the_judgement():
    """Bit by bit, whatever the limit."""
    one, many = (ran(TWO, 0.5, 64, adapt_jumps=40, jumps=20, adapt_limit=limit) for limit in (1, 5))
    assert made(many) == 40
    assert rows(one) == rows(many)
    assert summarise(many)["adaptation"]["passed"] is True
    assert not any("population" in text for text in cautions(summarise(many)))


def test_no_adaptation_stays_none():
    record = ran(TWO, 0.001, 64, adapt_jumps=0, jumps=40, adapt_limit=5)
    assert made(record) == 0
    summary = summarise(record)
    assert summary["adaptation"]["passed"] is None
    assert any("too short to forget" in text for text in cautions(summary))


def test_production_from_a_start_that_biases_its_averages_is_said():
    """No adaptation, many walkers: forgotten soon, but not in the first jumps."""
    summary = summarise(ran(TWO, 0.1, 256, adapt_jumps=0, jumps=100))
    assert summary["populations"]["passed"] is True or summary["populations"]["drift"] > 1
    assert any("began away from equilibrium" in text for text in cautions(summary))


@pytest.mark.parametrize("threads", [1, 3])
def test_walkers_and_threads_that_finish_in_any_order_decide_the_same(threads):
    """Each walker alone in its group: what decides is what all have made, not when."""
    settings = {"adapt_jumps": 20, "jumps": 10, "adapt_limit": 6}
    one = ran(TWO, 0.08, 6, alone=True, seed=4, **settings)
    other = ran(TWO, 0.08, 6, alone=True, seed=4, threads=threads, **settings)
    assert 20 < made(one) < 120
    assert rows(one) == rows(other)
    assert set(one.turns["jump"][one.turns["production"]]) == set(range(made(one), made(one) + 10))


@pytest.mark.parametrize("after", [9, 70, 130, 200, 280, 430, 500])
@pytest.mark.parametrize("gain", [0.0, 0.004], ids=["fixed", "learned"])
def test_a_run_that_was_stopped_decides_as_one_that_was_not(after, gain):
    """Before it was known, while adaptation went on, and in production; also with another number of jumps."""
    settings = {"adapt_jumps": 20, "jumps": 20, "adapt_limit": 6, "retrain_every": 40}
    whole = ran(TWO, 0.08, 6, alone=True, seed=4, gain=gain, **settings)
    assert 20 < made(whole) < 120

    def stop(progress):
        if progress.turns == after:
            raise KeyboardInterrupt

    fixed = None if gain else exchanging.untrained([], None, None, None, None, None).proposal
    the_plan, the_groups = plan(TWO, 6, fixed=fixed, **settings), groups(TWO, 0.08, 6, 4, True, gain)
    run, store = begun(the_plan, the_groups, stop)
    with ThreadPoolExecutor(2) as pool, pytest.raises(KeyboardInterrupt):
        run.go(pool)
    record = store.record()
    assert after <= len(record.turns) < len(whole.turns)
    again, _ = begun(replace(the_plan, jumps=20), the_groups)
    again._store = store
    again._group_states = [
        group.group_state(np.array([int(record.commit.frames[walker].positions[0, 0]) for walker in group.walkers]))
        for group in the_groups
    ]
    again.restore(record)
    with ThreadPoolExecutor(2) as pool:
        again.go(pool)
    assert rows(store.record()) == rows(whole)


def test_the_flow_learns_on_and_production_uses_what_it_learned():
    """As for adaptation of that length from the first: trained on all of its blocks but the last."""
    longer = ran(TWO, 0.01, 16, gain=0.02, adapt_jumps=30, jumps=10, adapt_limit=8, retrain_every=160)
    times = made(longer) // 30
    assert times > 1
    planned = ran(TWO, 0.01, 16, gain=0.02, adapt_jumps=made(longer), jumps=10, retrain_every=160)
    assert rows(longer) == rows(planned)
    (version,) = set(longer.turns["flow_version"][longer.turns["production"]])
    assert version == longer.flows[-1].version == made(longer) // 10 - 1


def test_it_is_said_while_it_goes_on():
    stages = []
    record = ran(TWO, 0.02, 32, adapt_jumps=20, jumps=10, adapt_limit=10, watch=stages.append)
    longer = [progress for progress in stages if progress.longer]
    assert len(longer) >= made(record) - 21
    assert not any(progress.production for progress in longer)
    assert stages[-1].turns == stages[-1].total == len(record.turns)
    assert not stages[0].longer


CONFIG = f"""
proposal = {{ means = [[0.0], [4.0]], sigmas = [[0.08], [0.08]], weights = [0.5, 0.5] }}
run = {{ walkers = 64, adapt_jumps = 16, adapt_limit = 2, jumps = 16, local_steps = 4 }}
system = {{ python = "{valley.__file__}:valley", parameters = {{ weight = 0.2 }} }}
engine = {{ name = "batch" }}
path = {{ kernel = "langevin", steps = 2, timestep = 0.3 }}
"""


def test_scripts_and_readers_are_told(tmp_path, monkeypatch, capsys):
    """A bad fixed proposal through the whole program: summary, page, terminal and API."""
    monkeypatch.setattr("cvflow.report.run_illustrations", lambda *of_run: [])
    (tmp_path / "run.toml").write_text(CONFIG)
    out = tmp_path / "out"
    assert execute(["run", str(tmp_path / "run.toml"), "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    summary = Summary.model_validate_json((out / "summary.json").read_text())
    assert summary["adaptation"]["made"] == 32
    assert summary["adaptation"]["passed"] is False
    result = Result(out, read_record(out / "run.h5"), summary)
    assert list(summary.warnings) == cautions(summary) == list(result.delta_f("left", "right").cautions)
    (warning,) = [text for text in summary["warnings"] if NOT_SETTLED in text]
    page = (out / "report.html").read_text()
    assert warning in page
    assert "32 jumps a walker, 16 asked for; populations had NOT settled" in page
    assert NOT_SETTLED in " ".join(shown.replace("│", " ").split())
    run_folder.resume(out, 20, lambda progress: None)
    turns = read_record(out / "run.h5").turns
    assert len(turns) == 64 * (32 + 20)
    assert set(turns["jump"][turns["production"]]) == set(range(32, 52)), "the same adaptation, more production"
