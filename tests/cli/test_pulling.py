"""`cvflow pull` on the command line: what it leaves in its folder, and what it refuses."""

import json

import numpy as np
import pytest
import tomli_w

from cvflow.cli.commands import execute
from tests.run import pulled_rope


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rope")
    pulled_rope.fill(folder)
    short = pulled_rope.CONFIG["pull"] | {"stages": 4, "to": 0.9, "paths": 10}
    (folder / "rope.toml").write_text(tomli_w.dumps(pulled_rope.CONFIG | {"pull": short}))
    return folder / "rope.toml"


def test_a_pull_leaves_its_curve_its_figure_and_its_numbers(config, tmp_path, capsys):
    out = tmp_path / "out"
    assert execute(["pull", str(config), "--out", str(out), "--bins", "12", "--workers", "1", "--quiet"]) == 0
    assert {path.name for path in out.iterdir()} == {
        "fes_r.dat", "fes_r.png", "summary.json", "config.resolved.toml",
    }  # fmt: skip
    assert np.loadtxt(out / "fes_r.dat").shape == (12, 5)
    summary = json.loads((out / "summary.json").read_text())
    assert [stage["from"] for stage in summary["stages"]] == pytest.approx([0.5, 0.6, 0.7, 0.8])
    assert summary["steps"]["total"] > summary["steps"]["path"]
    assert "force evaluations" in capsys.readouterr().out


def test_a_folder_that_is_there_is_not_touched(config, tmp_path, capsys):
    (tmp_path / "note").write_text("mine")
    assert execute(["pull", str(config), "--out", str(tmp_path)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


@pytest.mark.parametrize(
    ("setting", "said"),
    [("pull.from=0.9", "from and to are the same"), ("pull.cv='phi'", "unknown CV 'phi'")],
)
def test_misuse_is_one_line_and_leaves_nothing(config, tmp_path, capsys, setting, said):
    assert execute(["pull", str(config), "--out", str(tmp_path / "out"), "--set", setting]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_pull_that_fails_leaves_no_folder(config, tmp_path, capsys, monkeypatch):
    def fails(*_):
        raise ArithmeticError("a path between two windows diverged")

    monkeypatch.setattr("cvflow.run.pulling.pull", fails)
    assert execute(["pull", str(config), "--out", str(tmp_path / "out"), "--workers", "1"]) == 1
    assert "diverged" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
