"""Runs whose CV is positions, end to end, and their misuse."""

import json

import numpy as np
import pytest

from cvflow.cli.commands import execute
from cvflow.config.presets import POLYMER_BEADS
from cvflow.config.settings import ConfigError, parse
from cvflow.run import run_folder
from cvflow.setup import from_config

TINY = {"walkers": 2, "adapt_jumps": 4, "adapt_limit": 1, "jumps": 4, "local_steps": 20, "seed": 1}


def config(path=None, **sections):
    steered = POLYMER_BEADS["path"] | {"steps": 20} | (path or {})
    return parse(POLYMER_BEADS | {"run": TINY, "path": steered, "flow": {"retrain_every": 4}} | sections, "test")


@pytest.mark.parametrize("kernel", ["langevin", pytest.param("restraint", marks=pytest.mark.slow)])
def test_a_run_goes_from_its_starts_to_its_report_and_on(kernel, tmp_path, monkeypatch):
    monkeypatch.setattr("cvflow.estimate.draws.FLOW_DRAWS", 300)  # a flow of a dozen samples keeps few of its draws
    monkeypatch.setattr("cvflow.estimate.draws.ENOUGH", 30)
    folder = tmp_path / "out"
    summary = run_folder.begin(from_config(config({"kernel": kernel}), tmp_path), folder, lambda progress: None, 1)
    assert summary["jumps"]["proposed"] == 8
    assert summary["flow"]["version"] == 1
    assert summary["exact"]["value"]
    record = run_folder.open_record(folder)
    assert record.header.cvs[:2] == ["r", "beads_b1"]
    assert len(record.header.cvs) == 22
    assert len(record.header.kappa) == (1 if kernel == "restraint" else 0)
    turns = record.turns
    assert np.isfinite(turns["log_q_old"]).all()
    assert np.isfinite(turns["log_q_new"]).all()
    strayed = np.abs(turns["centre_old"] - turns["cv_old"]).max()
    assert strayed > 1e-3 if kernel == "restraint" else strayed < 1e-12
    longer = run_folder.resume(folder, 5, lambda progress: None, 1)
    assert longer["jumps"]["proposed"] == 10
    assert json.loads((folder / "summary.json").read_text())["jumps"]["proposed"] == 10


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ({"steps": "auto"}, "path.steps"),
        ({"friction": 1.0}, "path.friction"),
        ({"schedule": "cosine"}, "path.schedule"),
        ({"within_states": False}, "path.within_states"),
        ({"kernel": "mala"}, "path.kernel"),
        ({"kernel": "restraint", "kappa": [1.0] * 22}, "path.kappa"),
    ],
)
def test_settings_that_positions_have_not_are_refused(path, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        from_config(config(path), tmp_path)


def test_positions_need_a_distance_to_name_states_by(tmp_path):
    with pytest.raises(ConfigError, match="only recorded"):
        from_config(config(cv=POLYMER_BEADS["cv"][1:]), tmp_path)


def test_the_command_line_knows_the_beads(tmp_path, capsys):
    assert execute(["polymer", "--cv", "spine", "--out", str(tmp_path / "out")]) == 2
    assert "beads" in capsys.readouterr().err
