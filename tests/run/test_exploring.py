"""`[explore]`: modes found before a run, handed to the flow and to the chains' starts, counted, and not found twice."""

import json
from dataclasses import replace

import numpy as np
import pytest

from cvflow.config.explore_section import METHODS
from cvflow.config.settings import ConfigError, load, parse
from cvflow.estimate.summary import summarise
from cvflow.explore.exchange import ReplicaExchange
from cvflow.explore.sequential import SequentialMonteCarlo
from cvflow.report.tables import summary_rows
from cvflow.run import run_folder
from cvflow.setup import from_config, from_objects
from cvflow.store import read_record
from tests import valley
from tests.run.valley_run import begin, chain, quick, sample, short, written  # noqa: F401

SHORT = {
    "sequential-monte-carlo": {"particles": 256, "populations": 8, "efficiency": 0.7, "moves": 2, "steps": 4},
    "replica-exchange": {"ladders": 8, "scans": 40, "steps": 3},
}
KINDS = {"sequential-monte-carlo": SequentialMonteCarlo, "replica-exchange": ReplicaExchange}
EACH = pytest.mark.parametrize("method", METHODS)


def explore(method, **words):
    return {"method": method, **SHORT[method], **words}


def share_on_the_left():
    return 1 / (1 + np.exp(-valley.difference()))


@pytest.fixture(autouse=True)
def quick_ladder(monkeypatch):
    monkeypatch.setattr("cvflow.explore.exchange.ROUNDS", 2)


@pytest.mark.usefixtures("quick")
@EACH
def test_what_was_found_is_in_the_summary_and_the_report(method, tmp_path):
    record = begin(tmp_path, explore=explore(method), proposal=None, flow={"labels": True}, run={"jumps": 30})
    summary = json.loads(summarise(record).text())
    (found,) = summary["explored"]
    assert (found["method"], found["claim"]) == (method, KINDS[method].claim)
    left = found["shares"][0]
    assert left["state"] == "left"
    assert abs(left["value"] - share_on_the_left()) < 4 * left["stderr"] < 0.5
    assert summary["steps"]["exploration"] == found["evaluations"] > 1000
    assert summary["steps"]["total"] == sum(count for key, count in summary["steps"].items() if key != "total")
    assert record.pilot.shape == (8, 4 + min(4096, found["samples"]) // 8, 1)
    assert record.flows[0].samples == record.pilot.size
    row = dict(summary_rows(summarise(record), record.header))["exploration"]
    assert row.startswith(f"{method}: {100 * left['value']:.3g} ± ")
    assert row.endswith(found["claim"])
    assert abs(summary["delta_f"][0]["value_kT"] - valley.difference()) < 4 * summary["delta_f"][0]["stderr_kT"]


@pytest.mark.usefixtures("quick")
@EACH
def test_every_evaluation_is_counted(method, tmp_path):
    """Of the exploration alone: the potential counts those who ask for it."""
    system, counted = valley.valley(), []

    def energy(x):
        counted.append(len(x))
        return system.potential.function(x)

    counting = replace(system, potential=replace(system.potential, function=energy))
    setup = from_objects_with(counting, explore(method))
    with setup.walkers.executor(1) as executor:
        before = sum(counted)
        found = setup.completed(executor).exploration
    assert found.evaluations == sum(counted) - before


def from_objects_with(system, words):
    path = {"kernel": "langevin", "steps": 8, "timestep": 0.3}
    return from_objects(system, {"explore": words, "path": path, "run": {"walkers": 8}}, (), {})


@pytest.mark.usefixtures("quick")
def test_a_run_explores_once_and_comes_out_the_same(tmp_path, monkeypatch):
    words = explore("sequential-monte-carlo")
    whole = {"explore": words, "proposal": None, "flow": {"retrain_every": 32}}
    begin(tmp_path / "one", **whole)
    begin(tmp_path / "again", run={"jumps": 4}, **whole)
    monkeypatch.setattr(SequentialMonteCarlo, "explore", None)
    run_folder.resume(tmp_path / "again" / "out", 6, lambda progress: None)
    assert chain(tmp_path / "one" / "out") == chain(tmp_path / "again" / "out")
    one, again = (summarise(read_record(tmp_path / name / "out" / "run.h5")) for name in ("one", "again"))
    assert one.explored == again.explored != ()
    assert load(tmp_path / "one" / "out" / "config.resolved.toml").explore.particles == 256


def all_left(state, count, rng):
    """Every start in one of the two states."""
    return valley.starts("left", count, rng)


@pytest.mark.usefixtures("quick")
@EACH
def test_starts_in_one_state_are_enough(method, tmp_path):
    """Without exploration they are refused."""
    lopsided = replace(valley.valley(), starts=all_left)
    with pytest.raises(ValueError, match="right"):
        sample(tmp_path / "refused", lopsided)
    result = sample(tmp_path / "run", lopsided, walkers=16, jumps=2, explore=explore(method, spread=3.0))
    assert result.summary.states["right"].started > 0
    assert abs(result.summary.explored[0].shares[0].value - share_on_the_left()) < 0.25


@pytest.mark.usefixtures("quick")
def test_a_state_that_is_not_found_ends_the_run_in_words(tmp_path):
    nowhere = replace(valley.valley(), states={"left": "z < 2", "far": "z > 40"}, starts=all_left)
    with pytest.raises(ArithmeticError, match=r"has found nothing of far: give it a wider explore\.spread than 2, or"):
        sample(tmp_path, nowhere, explore=explore("sequential-monte-carlo", spread=2.0))


def one_point(state, count, rng):
    return np.zeros((count, 2))


REFUSED = {
    "a method that is none": (
        {"method": "annealing"},
        "explore.method: give one of 'sequential-monte-carlo', 'replica-exchange', got 'annealing'",
    ),
    "no method": ({}, "explore: Unable to extract tag using discriminator 'method'"),
    "another method's word": (
        explore("replica-exchange", particles=5), "unknown key explore.particles; known are method, spread, ladders"
    ),
    "too much": (explore("replica-exchange", rejection=1.5), "explore.rejection: Input should be less than 1, got 1.5"),
    "populations that do not go": (
        explore("sequential-monte-carlo", populations=7), "explore: particles must be a multiple of populations"
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_misuse_is_said_in_one_line(what, tmp_path):
    words, expected = REFUSED[what]
    with pytest.raises(ConfigError) as caught:
        from_config(load(written(tmp_path, explore=words)), tmp_path)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_point_needs_a_spread(tmp_path):
    with pytest.raises(ValueError, match=r"explore\.spread is needed: all chains start at one point"):
        sample(tmp_path, replace(valley.valley(), starts=one_point), explore=explore("replica-exchange"))


def test_molecules_are_not_explored():
    with pytest.raises(ConfigError, match=r'\[explore\] is for \[engine\] name = "batch", not "openmm"'):
        parse({"system": {"name": "polymer"}, "explore": explore("replica-exchange")}, "test")


def test_the_config_names_every_explorer_and_its_settings():
    for method, section in METHODS.items():
        kind = KINDS[method]
        assert kind.name == method
        defaults = section(method=method).model_dump(exclude={"method", "spread"})
        assert defaults == vars(kind())


def test_the_samples_are_those_of_the_seed(tmp_path):
    """Another seed, another exploration."""
    setups = [from_config(load(written(tmp_path / str(seed), run={"seed": seed},
              explore=explore("sequential-monte-carlo"))), tmp_path) for seed in (1, 1, 2)]  # fmt: skip
    found = []
    for setup in setups:
        with setup.walkers.executor(1) as executor:
            found.append(setup.completed(executor).exploration)
    assert found[0] == found[1] != found[2]

