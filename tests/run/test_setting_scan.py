"""`cvflow scan` on a small system: what it measures, what it picks, and what it writes."""

import json
import math
import os
from functools import partial

import numpy as np
import pytest

from cvflow.cli.commands import execute
from cvflow.config.resolved import resolved
from cvflow.config.settings import ConfigError, load, parse
from cvflow.estimate.summary import summarise
from cvflow.proposals.fit import FitSettings
from cvflow.proposals.learned import LearnedProposal
from cvflow.run import run_folder
from cvflow.run import setting_scan as scanning
from cvflow.run.setting_scan import Measured, Setting, scan_config, scan_run
from cvflow.setup import from_config
from tests import valley
from tests.run.valley_run import written

SHORT = {"walkers": 16, "jumps": 4, "local_steps": 3}
SMALL = (
    scanning._Variation("path length", scanning._lengths((0.5, 1.0))),
    scanning._Variation("schedule", scanning._schedules),
    scanning._Variation("kappa", scanning._kappas),
)


@pytest.fixture
def small(monkeypatch):
    """Few settings, no report."""
    monkeypatch.setattr("cvflow.run.setting_scan._VARIATIONS", SMALL)
    monkeypatch.setattr("cvflow.setup.specification.FitSettings", partial(FitSettings, epochs=4))
    monkeypatch.setattr("cvflow.run.run_folder.write_report", lambda record, folder: summarise(record))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A scan over all that there is to vary, by the command."""
    folder = tmp_path_factory.mktemp("scan")
    config = written(folder, run=SHORT, path={"steps": 6})
    code = execute(["scan", str(config), "--jumps", "8", "--out", str(folder / "out")])
    return code, folder / "out", json.loads((folder / "out" / "scan.json").read_text())


def settings(rows):
    return [{key: row[key] for key in Setting._fields} for row in rows]


def test_the_best_is_the_cheapest_that_was_measured(whole):
    code, _, found = whole
    assert code == 0
    costs = [row["steps_per_mode_change"] or math.inf for row in found["measured"]]
    assert min(costs) < math.inf
    assert settings(found["measured"])[int(np.argmin(costs))] == found["best"]
    assert set(found["best_again"]) == set(found["measured"][0]) - set(Setting._fields) - {"varied"}
    assert found["best_again"]["mode_changes"] > 0


VARIED = {
    "path length": {"steps"},
    "time step": {"timestep", "steps"},
    "schedule": {"schedule"},
    "friction": {"friction"},
    "path length again": {"steps"},
}


def test_one_setting_is_varied_at_a_time_around_the_best_so_far(whole):
    """The time step at the same duration of the paths; no kappa, since the kernel has no restraint."""
    _, _, found = whole
    rows = found["measured"]
    assert list(dict.fromkeys(row["varied"] for row in rows)) == list(VARIED)
    for axis, keys in list(VARIED.items())[1:]:
        begun = next(i for i, row in enumerate(rows) if row["varied"] == axis)
        best = min(rows[:begun], key=lambda row: row["steps_per_mode_change"] or math.inf)
        along = [row for row in rows if row["varied"] == axis]
        assert len(along) > 1
        for row in along:
            assert {key for key in Setting._fields if row[key] != best[key]} <= keys
            if axis == "time step":
                late = row["steps"] * row["timestep"] - best["steps"] * best["timestep"]
                assert abs(late) <= (0.5 + 1e-9) * row["timestep"], "to half a step"


def test_a_setting_is_measured_once_however_often_it_is_listed(whole):
    _, _, found = whole
    by_setting = {}
    for row in found["measured"]:
        figures = {key: value for key, value in row.items() if key != "varied"}
        assert by_setting.setdefault(tuple(map(str, settings([row])[0].values())), figures) == figures
    assert len(by_setting) > 10


def test_costs_are_those_of_the_counts(whole):
    _, _, found = whole
    assert found["local_steps"] == 3
    for row in [*found["measured"], found["best_again"]]:
        if row["mode_changes"]:
            assert row["steps_per_mode_change"] == pytest.approx(row["path_steps"] / row["mode_changes"])
            error = row["steps_per_mode_change"] / math.sqrt(row["mode_changes"])
            assert row["steps_per_mode_change_stderr"] == pytest.approx(error)
        else:
            assert row["steps_per_mode_change"] is row["steps_per_mode_change_stderr"] is None
        assert 0 <= row["acceptance_between_states"] <= 1


def test_the_figure_and_the_words(whole, tmp_path):
    _, folder, found = whole
    assert {path.name for path in folder.iterdir()} == {"scan.json", "scan.png"}
    assert (folder / "scan.png").read_bytes().startswith(b"\x89PNG")
    words = Setting(*found["best"].values())._replace(kappa=tuple(found["best"]["kappa"])).words()
    config = written(tmp_path)
    config.write_text(config.read_text().partition("[path]")[0] + f'[path]\nkernel = "langevin"\n{words}\n')
    path = load(config).path
    assert path.steps == found["best"]["steps"]
    assert path.timestep == pytest.approx(found["best"]["timestep"], rel=1e-5)
    assert path.friction == pytest.approx(found["best"]["friction"], rel=1e-5)


def measured(*arguments, scan=scan_config):
    seen = []
    setup, found = scan(*arguments, seen.append)
    first = {}
    for each in found.measured:
        first.setdefault(each.setting, each)
    assert seen == list(first.values()), "told once of each, as it is measured"
    assert all(isinstance(each, Measured) for each in seen)
    return setup, found


@pytest.mark.usefixtures("small")
def test_the_same_seed_measures_the_same(tmp_path):
    config = written(tmp_path, run=SHORT, path={"steps": 6})
    (_, first), (_, again), (_, other) = (measured(config, overrides, 2) for overrides in ([], [], ["run.seed=77"]))
    assert repr(first) == repr(again)  # an error of no accepted jump is NaN, which equals nothing
    assert first.measured[0].setting == other.measured[0].setting
    assert [each.cost for each in first.measured] != [each.cost for each in other.measured]


@pytest.mark.usefixtures("small")
def test_a_learned_flow_is_frozen_first(tmp_path, monkeypatch):
    """With a soft restraint, whose kappa is varied too: each component by the same factor."""
    proposals, measure = [], scanning.Bench.measure

    def noting(bench, setting, number):
        proposals.append(bench.proposal)
        return measure(bench, setting, number)

    monkeypatch.setattr(scanning.Bench, "measure", noting)
    run = SHORT | {"adapt_jumps": 4, "adapt_limit": 1}
    path = {"kernel": "restraint", "steps": 6, "timestep": 0.2}
    config = written(tmp_path, run=run, path=path, proposal=None, flow={"retrain_every": 16})
    setup, found = measured(config, [], 2)
    assert len({id(proposal) for proposal in proposals}) == 1
    assert isinstance(proposals[0], LearnedProposal)
    assert proposals[0].version == setup.plan(np.ones(1)).last_version == 3
    kappas = {each.setting.kappa for each in found.measured}
    (base,) = {each.setting.kappa for each in found.measured if each.axis == "path length"}
    assert kappas == {(base[0] * factor,) for factor in scanning.KAPPAS}
    assert "kappa = [" in found.best.words()


@pytest.mark.usefixtures("small")
def test_from_the_folder_of_a_run(tmp_path):
    """The run's own flow and frames; the store is left as it was."""
    config = written(tmp_path, run=SHORT)
    run_folder.begin(from_config(load(config), tmp_path), tmp_path / "out", lambda progress: None)
    before = (tmp_path / "out" / "run.h5").read_bytes()
    assert execute(["scan", str(tmp_path / "out"), "--jumps", "2"]) == 0
    assert (tmp_path / "out" / "run.h5").read_bytes() == before
    found = json.loads((tmp_path / "out" / "scan.json").read_text())
    _, again = measured(tmp_path / "out", 2, scan=scan_run)
    assert [each.cost.path_steps for each in again.measured] == [row["path_steps"] for row in found["measured"]]
    assert (tmp_path / "out" / "scan.png").stat().st_size > 5000


def path_of(kernel):
    return resolved(parse({"system": {"name": "polymer"}, "path": {"kernel": kernel}}, "test")).path


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("kernel", ["euler", "mala", "mala-coin"])
def test_friction_is_not_varied_where_there_is_none(kernel, monkeypatch):
    friction = scanning._Variation("friction", scanning._frictions)
    monkeypatch.setattr("cvflow.run.setting_scan._VARIATIONS", (*SMALL, friction))
    assert friction not in scanning._variations(path_of(kernel))
    assert friction in scanning._variations(path_of("langevin"))


@pytest.mark.usefixtures("small")
def test_where_no_jump_changes_the_state(tmp_path, capsys):
    """Nothing is known to be best: the config's own setting stands, and the files say so without infinities."""
    nowhere = {"means": [[0.0], [0.1]], "sigmas": [[0.2], [0.2]], "weights": [0.5, 0.5]}
    config = written(tmp_path, run=SHORT, proposal=nowhere)
    assert execute(["scan", str(config), "--jumps", "1", "--out", str(tmp_path / "out")]) == 0
    found = json.loads((tmp_path / "out" / "scan.json").read_text(), parse_constant=pytest.fail)
    assert {row["mode_changes"] for row in found["measured"]} == {0}
    assert found["measured"][0]["steps_per_mode_change"] is None
    assert "0 mode changes" in capsys.readouterr().out


MISUSE = {
    "no such file": (["nothing.toml"], "nothing.toml: cannot be read"),
    "a folder without a run": (["empty"], "no run here"),
    "settings for a folder": (["empty", "--set", "path.steps=3"], "--set is for a config"),
    "no jumps": (["run.toml", "--jumps", "0"], "--jumps"),
    "an unknown key": (["run.toml", "--set", "path.step=3"], "did you mean steps?"),
    "a kernel without a path": (["run.toml", "--set", "path.kernel=none"], "nothing to scan"),
    "a run from memory": (["memory"], "run the script again"),
}


@pytest.fixture(scope="module")
def beside(tmp_path_factory):
    """A config, a folder without a run, and one whose system was made by a script."""
    import cvflow

    folder = tmp_path_factory.mktemp("misuse")
    written(folder)
    (folder / "empty").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cvflow.run.run_folder.write_report", lambda record, out: summarise(record))
        path = {"kernel": "langevin", "steps": 4, "timestep": 0.3}
        proposal = {"means": [[0.0], [4.0]], "sigmas": [[1.0], [1.0]], "weights": [0.5, 0.5]}
        cvflow.sample(
            valley.valley(), out=folder / "memory", walkers=2, adapt_jumps=0, jumps=1, local_steps=2, path=path,
            proposal=proposal, quiet=True,
        )  # fmt: skip
    return folder


@pytest.mark.parametrize("what", MISUSE)
def test_misuse_is_one_line_and_writes_nothing(what, beside, monkeypatch, capsys):
    arguments, mend = MISUSE[what]
    before = {path: path.stat().st_mtime_ns for path in beside.rglob("*")}
    monkeypatch.chdir(beside)
    assert execute(["scan", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert mend in printed.err
    assert len(printed.err.strip().splitlines()) == 1
    assert {path: path.stat().st_mtime_ns for path in beside.rglob("*")} == before


@pytest.mark.parametrize("arguments", [["memory"], ["run.toml"], ["run.toml", "--out", "empty"]])
def test_a_folder_that_cannot_be_written_is_refused_before_the_scan(arguments, beside, monkeypatch, capsys):
    monkeypatch.chdir(beside)
    for scan in ("scan_run", "scan_config"):
        monkeypatch.setattr(f"cvflow.run.setting_scan.{scan}", lambda *given: pytest.fail("scanned"))
    monkeypatch.setattr("os.access", lambda path, mode: mode != os.W_OK)
    assert execute(["scan", *arguments]) == 2
    assert "cannot be written; give another folder by --out" in capsys.readouterr().err


@pytest.mark.usefixtures("small")
def test_what_goes_wrong_underway_is_one_line_too(tmp_path, capsys):
    """Walkers that cannot move at so long a time step: exit code 1."""
    config = written(tmp_path, run=SHORT | {"local_timestep": 1e6})
    assert execute(["scan", str(config), "--out", str(tmp_path / "out")]) == 1
    printed = capsys.readouterr()
    assert "shorten run.local_timestep" in printed.err
    assert len(printed.err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("small")
def test_what_was_learned_under_a_bias_of_the_states_is_measured_under_it(tmp_path, monkeypatch):
    """Its labels weigh the same, and nearly no path into the rare state would be accepted without."""
    monkeypatch.setattr("cvflow.setup.specification.FitSettings", partial(FitSettings, epochs=40))
    ran, run = [], scanning.run_in_memory
    monkeypatch.setattr(scanning, "run_in_memory", lambda *of, **more: ran.append(run(*of, **more)) or ran[-1])
    lengths = {"walkers": 64, "adapt_jumps": 12, "adapt_limit": 1, "jumps": 12, "state_bias": "flat"}
    flow = {"retrain_every": 128, "labels": True}
    system = {"python": f"{valley.__file__}:rare"}
    sections = {"flow": flow, "system": system, "path": {"within_states": False}, "proposal": None}
    config = written(tmp_path, run=SHORT | lengths, **sections)
    scan_config(config, [], 12, lambda measured: None)
    learned, *measured = ran
    bias = learned.flows[-1].state_bias
    assert bias[0] - bias[1] == pytest.approx(valley.difference(valley.RARE), abs=0.7)
    assert all([flow.state_bias for flow in record.flows] == [bias] for record in measured)
    turns = np.concatenate([record.turns[record.turns["production"]] for record in measured])
    assert 0.3 < (turns["cv"] > valley.WALL).mean() < 0.7
    assert run_folder.begin(from_config(load(config), tmp_path), tmp_path / "out", lambda progress: None)
    ran.clear()
    scan_run(tmp_path / "out", 4, lambda measured: None)
    assert all(record.flows[0].state_bias for record in ran)


def test_only_a_run_in_a_file_can_be_scanned(beside):
    with pytest.raises(ConfigError, match="made by a Python script"):
        scan_run(beside / "memory", 1, lambda measured: None)
