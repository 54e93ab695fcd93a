"""The command line as a new user meets it, wrong input included."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import openmm
import pytest

from cvflow.cli.commands import execute
from cvflow.cli.running import _free_folder
from cvflow.run.folder_lock import LockLostError
from cvflow.run.overwriting import _in_the_way
from cvflow.store import read_record
from tests.once import made_once
from tests.store.altered import rewrite

SHORT = ["--walkers", "2", "--jumps", "3", "--path-steps", "40", "--quick", "--quiet"]
CONFIG = """
[run]
walkers = 2
adapt_jumps = 2
adapt_limit = 1
jumps = 3
local_steps = 20
[system]
name = "polymer"
[path]
steps = 40
"""


def cvflow(*arguments, cwd):
    command = [sys.executable, "-W", "ignore", "-c", "from cvflow.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished run in `out`, from a config file beside it, and what it printed."""

    def make(folder):
        (folder / "config.toml").write_text(CONFIG)
        result = cvflow("run", "config.toml", "--out", "out", cwd=folder)
        assert result.returncode == 0, result.stderr
        (folder / "printed").write_text(result.stdout)

    folder = made_once(tmp_path_factory, "cli", make)
    return folder, (folder / "printed").read_text()


def test_a_run_says_what_it_found_and_where(done):
    folder, printed = done
    assert "ΔF compact → extended" in printed
    assert printed.rstrip().endswith("report: out/report.html")
    assert {
        "config.resolved.toml", "run.h5", "COLVAR", "jumps.dat", "topology.pdb", "walker_0.xtc", "walker_1.xtc",
        "flow.safetensors", "fes.dat", "fes_r.png", "work.png", "acceptance.png", "trace.png", "report.html",
        "summary.json",
    } <= {path.name for path in (folder / "out").iterdir()}  # fmt: skip


def test_what_a_run_writes_is_what_it_will_not_write_over(done):
    """A file that `_in_the_way` does not know would take the place of a user's of that name."""
    folder, _ = done
    known = {path.name for path in _in_the_way(folder / "out", ["system.xml"])}
    assert {path.name for path in (folder / "out").iterdir()} - known == {"run.log", "run.previous.h5"}


def test_the_resolved_config_runs_to_the_same_chain(done):
    folder, _ = done
    assert cvflow("run", "out/config.resolved.toml", "--out", "again", cwd=folder).returncode == 0
    first, again = (json.loads((folder / name / "summary.json").read_text()) for name in ("out", "again"))
    assert first["jumps"] == again["jumps"]
    assert first["delta_f"] == again["delta_f"]


def test_report_and_fes_work_from_the_store_alone(done, tmp_path):
    folder, _ = done
    (tmp_path / "run.h5").write_bytes((folder / "out" / "run.h5").read_bytes())
    assert cvflow("report", ".", cwd=tmp_path).returncode == 0
    assert json.loads((tmp_path / "summary.json").read_text()) == json.loads(
        (folder / "out" / "summary.json").read_text()
    )
    result = cvflow("fes", ".", "--cv", "r", "--bins", "12", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    rows = [line for line in (tmp_path / "fes.dat").read_text().splitlines() if not line.startswith("#")]
    assert len(rows) == 12


@pytest.mark.parametrize("kind", ["svg", "pdf"])
def test_figures_are_drawn_as_vectors_too(kind, done, tmp_path):
    folder, _ = done
    (tmp_path / "run.h5").write_bytes((folder / "out" / "run.h5").read_bytes())
    assert cvflow("report", ".", "--format", kind, cwd=tmp_path).returncode == 0
    drawn = {path.stem for path in tmp_path.glob("*.png")}
    assert {"trace", "acceptance"} <= drawn
    assert {path.stem for path in tmp_path.glob(f"*.{kind}")} == drawn


def test_a_report_lists_other_runs_beside_this_one(done, tmp_path):
    folder, _ = done
    for name in ("mine", "yours"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.h5").write_bytes((folder / "out" / "run.h5").read_bytes())
    result = cvflow("report", "mine", "--beside", "yours", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "Side by side" in result.stdout
    assert "apart from mine" in result.stdout
    assert result.stdout.rstrip().endswith("report: mine/report.html")
    page = (tmp_path / "mine" / "report.html").read_text()
    assert "Beside other runs" in page
    assert "<th>yours</th>" in page
    assert [path.name for path in (tmp_path / "yours").iterdir()] == ["run.h5"], "the other run is only read"


def test_polymer_takes_the_next_free_folder(done, tmp_path, monkeypatch):
    folder, _ = done
    monkeypatch.chdir(tmp_path)
    assert _free_folder("cvflow-polymer") == Path("cvflow-polymer")
    (tmp_path / "cvflow-polymer").mkdir()
    assert _free_folder("cvflow-polymer") == Path("cvflow-polymer"), "an empty one is free"
    shutil.copy(folder / "out" / "run.h5", tmp_path / "cvflow-polymer")
    result = cvflow("polymer", *SHORT, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "report: cvflow-polymer-2/report.html" in result.stdout


def test_systems_are_listed_with_their_parameters(tmp_path):
    result = cvflow("systems", cwd=tmp_path)
    assert result.returncode == 0
    assert "polymer: 9-bead polymer" in result.stdout
    assert "n_solvent = 200" in result.stdout


def alone(folder):
    """An environment in which no other run of this machine has claimed a core."""
    return os.environ | {"XDG_RUNTIME_DIR": str(folder)}


def test_interrupted_and_continued(tmp_path):
    """Ctrl-C commits, says how to go on, and exits 130; the rest of the run is what it would have been."""
    (tmp_path / "config.toml").write_text(CONFIG.replace("jumps = 3", "jumps = 200"))
    command = [sys.executable, "-W", "ignore", "-c", "from cvflow.cli import main; main()"]
    process = subprocess.Popen(
        [*command, "run", "config.toml", "--out", "out"], cwd=tmp_path, stderr=subprocess.PIPE, text=True,
        stdout=subprocess.DEVNULL, env=alone(tmp_path),
    )  # fmt: skip
    store = tmp_path / "out" / "run.h5"
    while not store.exists() and process.poll() is None:
        time.sleep(0.1)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "cvflow resume" in errors
    assert len(errors.splitlines()) == 1
    result = cvflow("resume", "out", "--jumps", "202", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["jumps"]["proposed"] == 404


def test_interrupted_while_tuning(tmp_path):
    """Ctrl-C before the first jump: one line, 130, and a folder that a new start takes."""
    (tmp_path / "config.toml").write_text(CONFIG.replace("steps = 40", 'steps = "auto"'))
    command = [sys.executable, "-W", "ignore", "-c", "from cvflow.cli import main; main()"]
    process = subprocess.Popen(
        [*command, "run", "config.toml", "--out", "out"], cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=alone(tmp_path),
    )  # fmt: skip
    lines = iter(process.stdout.readline, "")
    assert any(line.startswith("tuning 1 ") for line in lines)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "cvflow: interrupted; nothing was committed yet, start it again\n"
    assert not (tmp_path / "out" / "run.h5").exists()
    assert 'steps = "auto"' in (tmp_path / "out" / "config.resolved.toml").read_text()
    left = snapshot(tmp_path)
    result = cvflow("run", "out/config.resolved.toml", "--set", "path.steps=40", "--out", "out", cwd=tmp_path)
    assert result.returncode == 2
    assert "the run reads out/config.resolved.toml and would write over it" in result.stderr
    assert snapshot(tmp_path) == left
    result = cvflow("run", "config.toml", "--set", "path.steps=40", "--out", "out", cwd=tmp_path)
    assert result.returncode == 0, result.stderr


MISUSE = {
    "unknown key": (["run", "config.toml", "--set", "path.step=3"], "did you mean steps?"),
    "unknown section": (["run", "config.toml", "--set", "paths.steps=3"], "did you mean path?"),
    "unknown system": (["run", "config.toml", "--set", "system.name=polymere"], "built in are polymer"),
    "unknown parameter": (["run", "config.toml", "--set", "system.parameters.kt=1.0"], "system.parameters.kt"),
    "unknown CV type": (["run", "cv.toml", "--set", "path.steps=1"], "cv.0: type is one of distance, angle"),
    "atoms out of range": (["run", "atoms.toml"], "atom 209 is out of range"),
    "negative time step": (["run", "config.toml", "--set", "path.timestep=-0.01"], "path.timestep"),
    "infinite time step": (["run", "config.toml", "--set", "path.timestep=inf"], "path.timestep"),
    "a word for a number": (["run", "config.toml", "--set", "path.steps=many"], "path.steps"),
    "unknown platform": (["run", "config.toml", "--set", "engine.platform=TPU"], "no platform 'TPU'"),
    "unknown engine": (["run", "config.toml", "--set", "engine.name=amber"], "engine.name: give one of openmm,"),
    "words the platform lacks": (["run", "config.toml", "--set", "engine.precision=mixed"], "the platform CPU has one"),
    "state does not parse": (["run", "config.toml", "--set", "states.a='r <'", "--set", "states.b='r > 1'"], "state a"),
    "state with unknown CV": (["run", "config.toml", "--set", "states.a='z<1'", "--set", "states.b='r>1'"], "CV 'z'"),
    "one state": (["run", "config.toml", "--set", "states.a='r < 1'"], "two named states"),
    "temperature in reduced units": (["run", "config.toml", "--set", "engine.temperature=300.0"], "reduced units"),
    "flow and proposal": (["run", "both.toml"], "not both"),
    "proposal of the wrong width": (["run", "wide.toml"], "proposal.means"),
    "bad override": (["run", "config.toml", "--set", "steps"], "section.key=value"),
    "config is missing": (["run", "nothing.toml"], "cannot be read"),
    "config is no TOML": (["run", "broken.toml"], "not TOML"),
    "folder holds a run": (["run", "config.toml", "--out", "out"], "already holds a run"),
    "folder holds a run, and there is something to note": (
        ["run", "config.toml", "--set", "run.local_steps=0", "--out", "out"],
        "already holds a run",
    ),
    "folder cannot be written": (["run", "config.toml", "--out", "/proc/cvflow"], "cannot be written"),
    "folder is a file": (["run", "config.toml", "--out", "config.toml"], "cannot be written"),
    "system.xml is no XML": (["run", "files.toml"], "system.xml: garbage is no OpenMM object as XML"),
    "system.xml is something else": (["run", "files.toml", "--set", "system.xml=force.xml"], "no OpenMM System"),
    "topology is no PDB": (["run", "files.toml", "--set", "system.xml=system.xml"], "system.topology: garbage"),
    "a start in no state": (["run", "polymer_files.toml", "--set", "run.walkers=1"], "one structure per state"),
    "a start of other atoms": (
        [
            "run",
            "files.toml",
            "--set",
            "system.xml=system.xml",
            "--set",
            "system.topology=out/topology.pdb",
            "--set",
            "system.starts.a=one.pdb",
        ],
        "atom 0 is AR (Ar) of HOH there",
    ),
    "report in an unknown format": (["report", "out", "--format", "bmp"], "not one of 'svg', 'pdf'"),
    "report of nothing": (["report", "."], "no run here"),
    "report beside nothing": (["report", "out", "--beside", "nowhere"], "nowhere: no run here"),
    "report beside a file": (["report", "out", "--beside", "garbage"], "garbage: no run here"),
    "report beside a damaged run": (["report", "out", "--beside", "damaged"], "not a cvflow store"),
    "report beside itself": (["report", "out", "--beside", "./out"], "named twice"),
    "report beside other states": (["report", "out", "--beside", "elsewhere"], "its states are compact = 'r < 5'"),
    "resume of nothing": (["resume", "nowhere"], "no run here"),
    "resume to fewer jumps": (["resume", "out", "--jumps", "1"], "ask for more"),
    "fes of an unknown CV": (["fes", "out", "--cv", "phi"], "the run has r"),
    "fes along one CV twice": (["fes", "out", "--cv", "r", "--cv", "r"], "r twice"),
    "fes along three CVs": (["fes", "out", "--cv", "r", "--cv", "r", "--cv", "r"], "one CV or two"),
    "fes with one bin": (["fes", "out", "--bins", "1"], "--bins"),
    "fes with a hundred million bins": (["fes", "out", "--bins", "100000000"], "--bins"),
    "no config": (["run"], "Missing argument 'config'; see `cvflow run --help`"),
    "option of another command": (["report", "out", "--quiet"], "see `cvflow report --help`"),
    "unknown command": (["polymr"], "polymer"),
    "unknown option": (["polymer", "--fast"], "--fast"),
    "unknown engine of the demo": (["polymer", "--engine", "gromacs"], "gromacs"),
    "one walker": (["polymer", "--walkers", "1"], "one structure per state"),
    "no jumps": (["polymer", "--jumps", "0"], "--jumps"),
}


def _with_other_states(source: Path, target: Path) -> None:
    """A copy of a store whose states have another border."""
    states = read_record(source).header.states
    rewrite(source, target, states={name: text.replace("4.62", "5") for name, text in states.items()})


@pytest.fixture(scope="module")
def littered(done):
    """Config files with one fault each, beside the finished run."""
    folder, _ = done
    (folder / "broken.toml").write_text("[run\n")
    (folder / "cv.toml").write_text(CONFIG + '[[cv]]\nname = "r"\ntype = "distanse"\natoms = [0, 8]\n')
    (folder / "atoms.toml").write_text(CONFIG + '[[cv]]\nname = "r"\ntype = "distance"\natoms = [0, 209]\n')
    mixture = "[proposal]\nmeans = [[1.0, 2.0]]\nsigmas = [[1.0, 1.0]]\nweights = [1.0]\n"
    (folder / "wide.toml").write_text(CONFIG + mixture)
    (folder / "both.toml").write_text(CONFIG + mixture + "[flow]\n")
    (folder / "garbage").write_text("garbage")
    (folder / "damaged").mkdir()
    (folder / "damaged" / "run.h5").write_text("garbage")
    (folder / "elsewhere").mkdir()
    _with_other_states(folder / "out" / "run.h5", folder / "elsewhere" / "run.h5")
    (folder / "one.pdb").write_text(
        "HETATM    1  AR  SOL A   1       0.000   0.000   0.000  1.00  0.00          AR\nEND\n"
    )
    (folder / "force.xml").write_text(openmm.XmlSerializer.serialize(openmm.HarmonicBondForce()))
    (folder / "system.xml").write_text((folder / "out" / "system.xml").read_text())
    files = (
        'system = {{ xml = "{0}", topology = "{1}", starts = {{ a = "out/topology.pdb" }} }}\n'
        "engine = {{ temperature = 156.0 }}\n"
        'cv = [{{ name = "r", type = "distance", atoms = [0, 8] }}]\nstates = {{ a = "r < 4.62", b = "r >= 4.62" }}\n'
    )
    (folder / "files.toml").write_text(files.format("garbage", "garbage"))
    (folder / "polymer_files.toml").write_text(files.format("system.xml", "out/topology.pdb"))
    return folder


@pytest.mark.parametrize("what", MISUSE)
def test_misuse_is_one_line_and_touches_nothing(what, littered, monkeypatch, capsys):
    arguments, mend = MISUSE[what]
    before = snapshot(littered)
    monkeypatch.chdir(littered)
    assert execute(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert mend in printed.err
    assert len(printed.err.strip().splitlines()) == 1
    assert snapshot(littered) == before
    assert not os.path.exists("/proc/cvflow")


@pytest.mark.parametrize("group", [[], ["plumed"]])
def test_a_command_line_without_a_command_gets_the_help_and_no_more(group, capsys):
    assert execute(group) == 2
    printed = capsys.readouterr()
    assert "Usage: " in printed.out + printed.err
    assert "cvflow: " not in printed.err


def test_whose_folder_was_taken_over_is_not_told_to_resume(tmp_path, monkeypatch, capsys):
    def taken_over(*arguments, **settings):
        raise LockLostError("out is no longer this run's: this process writes no more")

    monkeypatch.setattr("cvflow.run.run_folder.resume", taken_over)
    assert execute(["resume", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "cvflow: out is no longer this run's: this process writes no more\n"


def test_misuse_of_the_installed_command(littered):
    result = cvflow("run", "atoms.toml", cwd=littered)
    assert result.returncode == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert "Traceback" not in result.stderr
