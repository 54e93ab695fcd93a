"""What stands beside a run of cvflow in the figures has the same potential and the same CVs."""

import argparse
import dataclasses
import importlib.util
import sys
from pathlib import Path

import numpy as np
import openmm
import pytest

from cvflow.config.settings import load
from cvflow.core.states import States
from cvflow.estimate.summary import summarise
from cvflow.setup import from_config
from tests.report.synthetic import fake_record

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "nacl_water"


def benchmark(name):
    """A module of the benchmarks."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def biased():
    return benchmark("biased")


def test_efficiency_counts_all_there_was():
    efficiency = benchmark("efficiency")
    record = fake_record(equilibration_steps=5000, pilot_steps=700)
    summary = summarise(record)
    found = efficiency.row(summary, seconds=64.0)
    evaluations = 5700 + sum(int(record.turns[name].sum()) for name in ("steps", "local_steps"))
    assert found["evaluations"] == evaluations
    assert found["evaluations_wanted"] == pytest.approx(evaluations * (summary.delta_f[0].stderr_kT / 0.1) ** 2)
    assert found["processor_seconds_per_mode_change"] == 64.0 / summary.mode_changes
    assert 0 < found["before_production"] < 0.5
    both = [found | {"seed": seed, "delta_f": value} for seed, value in ((1, 0.5), (2, 0.9), (3, 0.8))]
    middle = efficiency.medians(both)
    assert (middle["median_of"], middle["delta_f"], "seed" in middle) == (3, 0.8, False)
    assert middle["spread_of_delta_f"] == pytest.approx(np.std([0.5, 0.9, 0.8], ddof=1))


def test_processor_time_is_that_of_all_processes():
    """A child's child counts."""
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {busy!r}])"
    efficiency = benchmark("efficiency")
    assert efficiency.processor_seconds([sys.executable, "-S", "-c", parent]) >= 0.3
    with pytest.raises(RuntimeError, match="ended with code 3"):
        efficiency.processor_seconds([sys.executable, "-S", "-c", "raise SystemExit(3)"])


def test_walkers_that_sleep_cost_what_their_coordinator_does(monkeypatch):
    """All that a run has but the paths: what is sent holds the positions of all atoms, and so does what comes back."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    coordination = importlib.import_module("coordination")
    asked = argparse.Namespace(seconds=0.05, turns=3, atoms=100, dask=None)
    found = coordination.measured(2, asked, None)
    assert found["efficiency"] > 0
    assert found["processor_ms_a_turn"] > 0
    assert found["bytes_of_the_system"] > 100 * coordination.BYTES_AN_ATOM
    assert 100 * 24 < found["bytes_sent_a_turn"] < 2 * 100 * 24
    assert found["bytes_back_a_turn"] > 100 * 24


def test_metadynamics_and_umbrellas_move_the_run_s_own_system(biased):
    """Walls are in its energy, and a distance is that of the nearest images wherever ions are wrapped."""
    config = load(EXAMPLE / "nacl.toml", ["run.walkers=2"])
    walls = [{"cv": "r", "upper": 0.2, "kappa": 20000.0}]
    setup = from_config(config.changed(wall=walls), EXAMPLE)
    spec, frame = biased.spec_of(setup), setup.walkers.starts[0]
    wrapped = frame._replace(positions=frame.positions + np.eye(len(frame.positions))[:, :1] * frame.box[0])
    engine, (system, cvs) = spec.build(), biased.molecule(spec)
    without = dataclasses.replace(spec, walls=()).build()
    assert engine.potential_energy(wrapped) > without.potential_energy(wrapped) + 50
    value = openmm.CustomCVForce("r")
    value.addCollectiveVariable("r", cvs[0].openmm_force(str))
    value.setForceGroup(1)
    system.addForce(value)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform("CPU"))
    context.setPeriodicBoxVectors(*frame.box)
    context.setPositions(wrapped.positions)
    assert value.getCollectiveVariableValues(context)[0] == pytest.approx(engine.cv_values(frame)[0], abs=1e-5)
    energy = context.getState(getEnergy=True, groups={0}).getPotentialEnergy()._value
    assert energy == pytest.approx(engine.potential_energy(wrapped), abs=0.1)


@pytest.fixture
def comparison(monkeypatch):
    """The program, with the modules that lie beside it."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("comparison")


def test_a_difference_of_visits_and_of_a_surface_is_that_of_the_states(comparison):
    work = importlib.import_module("methods.work")
    states = States({"left": "x < 0", "right": "x > 0"}, ["x"])
    grid = importlib.import_module("biased").Grid((-3.0,), (3.0,), 60)
    visited = [np.array([value]) for value in (-1.0, -2.0, -0.5, 1.0)]
    assert work.delta_f_of_visits(states, visited) == pytest.approx(np.log(3))
    assert np.isnan(work.delta_f_of_visits(states, visited[:3]))
    tilted = 2.0 + 1.5 * (grid.points[:, 0] > 0)
    assert work.delta_f_of_surface(states, tilted, grid) == pytest.approx(1.5)


@pytest.mark.parametrize("method", ["metadynamics", "opes", "umbrella", "replica_exchange", "plain"])
def test_each_method_says_something_of_the_polymer(comparison, method):
    """Too short to be right: ΔF is a number, or none where only one state was seen."""
    if method == "opes":
        pytest.importorskip("openmm_opes", reason="NO OPES: it is not tested (pip install openmm-opes)")
    works = comparison.works()
    assert all(work.config.is_file() for work in works.values())
    polymer = works["polymer"]
    short = dataclasses.replace(polymer, windows=[["r", 4.0, 5.4, 3, 60.0]], drag=50, hold=50, replicas=2)
    module = importlib.import_module(f"methods.{method}")
    found = list(module.differences(short, short.setup(1), [1200, 2400]))
    assert len(found) == 2
    assert method not in ("metadynamics", "opes", "umbrella") or np.isfinite(found[-1])


def test_the_table_has_errors_of_the_median_and_of_the_worst_run(comparison):
    work = comparison.works()["polymer"]
    off = ([np.nan, 1.0, 0.3], [0.5, -0.4, 0.1], [2.0, 0.2, -0.2])
    said = [[*[np.nan] * 3, *(work.reference[0] + np.array(each))] for each in off]
    rows = [{"work": "polymer", "method": "opes", "delta_f": each, "seconds": 9.0} for each in said]
    (line,) = [line for line in comparison.table(rows).splitlines() if line.startswith("| opes")]
    assert line.split(" | ")[1:] == ["3", *["∞ (∞)"] * 3, "2.00 (∞)", "0.40 (1.00)", "0.20 (0.30)", "9 |"]
