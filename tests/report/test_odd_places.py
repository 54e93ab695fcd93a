"""Reports where something is in the way: a matplotlibrc, a figure that fails, a folder that cannot be written."""

import os
from errno import EACCES

import matplotlib
import pytest
from matplotlib import rc_context

from cvflow import report
from cvflow.api import Result
from cvflow.cli.commands import execute
from cvflow.estimate.summary import summarise
from cvflow.report import illustrations, write_fes, write_report
from cvflow.store import HDF5Store
from tests.report.synthetic import POLYMER, fake_record

THEIRS = {
    "text.usetex": True,
    "font.family": "serif",
    "figure.dpi": 20,
    "savefig.dpi": 20,
    "axes.prop_cycle": "cycler('ls', [':'])",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run's folder whose config names a file of Python that leaves a mark when it is imported."""
    folder = tmp_path_factory.mktemp("run")
    record = fake_record(POLYMER)
    store = HDF5Store(folder / "run.h5", record.header, record.pilot, record.commit.frames[0])
    for flow in record.flows:
        store.append_flow(flow)
    store.append_turns(record.turns)
    store.commit(record.commit)
    store.close()
    (folder / "evil.py").write_text("open(__file__ + '.ran', 'w').close()\ndef system(): pass\n")
    (folder / "config.resolved.toml").write_text('[system]\npython = "evil.py:system"\n[engine]\nname = "batch"\n')
    return folder


def test_a_users_matplotlibrc_changes_nothing(record, tmp_path):
    """LaTeX is not there; and the figures are the same bytes."""
    write_report(record, tmp_path / "ours")
    with rc_context(THEIRS):
        write_report(record, tmp_path / "theirs")
        assert matplotlib.rcParams["text.usetex"]
    for path in (tmp_path / "ours").glob("*.png"):
        assert (tmp_path / "theirs" / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_figure_can_be_saved_under_a_users_matplotlibrc(record, tmp_path):
    with rc_context({"text.usetex": True}):
        figure = Result(tmp_path, record, summarise(record)).plot_fes("r")
        figure.savefig(tmp_path / "fes.png")
    assert (tmp_path / "fes.png").stat().st_size > 10_000


def test_a_figure_that_fails_costs_nothing_else(record, tmp_path, monkeypatch, caplog):
    def fails(*arguments):
        raise RuntimeError("latex could not\nbe found")

    monkeypatch.setattr(illustrations, "work_figure", fails)
    monkeypatch.setattr(illustrations, "free_energy_figure", fails)
    assert write_report(record, tmp_path).text() == (tmp_path / "summary.json").read_text()
    assert "warning: work.png could not be drawn (RuntimeError: latex could not be found)" in caplog.messages
    there = {path.name for path in tmp_path.iterdir()}
    assert {"summary.json", "report.html", "COLVAR", "trace.png"} <= there
    assert "work.png" not in there
    assert write_fes(record, tmp_path, ["r"], 20) == ["fes.dat"]


@pytest.mark.parametrize("command", ["report", "fes"])
def test_a_folder_of_somebody_else(command, run, tmp_path, monkeypatch, capsys):
    """One line, exit code 2; with --out it goes there."""
    before = {path.name: path.stat().st_mtime_ns for path in run.iterdir()}

    def refuse(path, data):
        raise PermissionError(EACCES, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(report, "write_whole", refuse)
        assert execute([command, str(run)]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said == f"cvflow: {run}: cannot be written (Permission denied); give another folder by --out"
    assert execute([command, str(run), "--out", str(tmp_path / "mine")]) == 0
    assert (tmp_path / "mine" / "fes.dat").is_file()
    assert {path.name: path.stat().st_mtime_ns for path in run.iterdir()} == before


def test_a_run_of_somebody_else_is_not_resumed(run, monkeypatch, capsys):
    monkeypatch.setattr("os.access", lambda path, mode, **more: mode != os.W_OK)
    assert execute(["resume", str(run)]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"cvflow: {run}: cannot be written: it is somebody else's")


def test_reading_a_folder_runs_nothing_of_it(run, tmp_path):
    """docs/trust.md: report, fes and check."""
    for command in (
        ["report", str(run), "--out", str(tmp_path)],
        ["fes", str(run), "--out", str(tmp_path)],
        ["check", str(run)],
    ):
        execute(command)
    assert sorted(path.name for path in run.iterdir()) == ["config.resolved.toml", "evil.py", "run.h5"]
