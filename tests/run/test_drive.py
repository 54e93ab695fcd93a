"""`cvflow drive` from its config to its report, with a small program in the place of an MD engine."""

import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from cvflow.cli.commands import execute
from cvflow.config.section import ConfigError
from cvflow.config.settings import load, parse
from cvflow.store import read_record
from tests.engines.external import landscape, program

CONFIG = """
[run]
seed = 3
walkers = 2
adapt_jumps = 12
adapt_limit = 1
jumps = 20
local_steps = 6
[system]
starts = {{left = "left", right = "right"}}
[engine]
name = "custom"
action = "CVFlow.so"
commands = ["{python} -I -S program.py {{steps}} {{seed}} {{timestep}} {{kT}} {mood}"]
inputs = ["program.py"]
state_files = ["x.bin", "y.txt"]
kT = 0.8
[[cv]]
name = "x"
plumed = "x: POSITION ATOM=1"
[path]
steps = 30
timestep = 0.05
kappa = 20.0
[flow]
retrain_every = 12
[states]
left = "x < 0"
right = "x >= 0"
"""


def prepared(folder, mood="", change=("", "")):
    """A folder with all that a run needs."""
    folder.mkdir(exist_ok=True)
    shutil.copy(program.__file__, folder / "program.py")
    (folder / "CVFlow.so").write_bytes(b"the action")
    for name, place in (("left", -1.0), ("right", 1.0)):
        (folder / name).mkdir()
        program.write_state(folder / name, place, place)
    text = CONFIG.format(python=sys.executable, mood=mood)
    assert change[0] in text
    (folder / "run.toml").write_text(text.replace(*change))
    return folder / "run.toml"


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drive")
    config = prepared(folder / "user")
    assert execute(["drive", str(config), "--out", str(folder / "out"), "--quiet"]) == 0
    return folder


def test_a_driven_run_leaves_what_any_run_leaves(done):
    out = done / "out"
    summary = json.loads((out / "summary.json").read_text())
    assert summary["engine"] == "custom"
    assert summary["jumps"]["proposed"] == 40
    assert summary["jumps"]["failed"] == {}
    assert 0 < summary["jumps"]["accepted"] < 40
    assert summary["exact"]["value"] is False
    assert "one-jump test has not been run through this program" in summary["exact"]["reason"]
    for name in ("COLVAR", "jumps.dat", "fes.dat", "report.html", "flow.safetensors", "flow.cvf"):
        assert (out / name).is_file(), name
    assert sorted(path.name for path in (out / "inputs").iterdir()) == ["CVFlow.so", "program.py"]


def test_a_driven_run_goes_on_from_its_own_folder(done, tmp_path):
    """The user's files may be gone by then."""
    shutil.copytree(done / "out", tmp_path / "out")
    (done / "user").rename(done / "elsewhere")
    try:
        assert execute(["resume", str(tmp_path / "out"), "--jumps", "23", "--quiet"]) == 0
    finally:
        (done / "elsewhere").rename(done / "user")
    before, after = (read_record(folder / "run.h5").turns for folder in (done / "out", tmp_path / "out"))
    assert len(after) == len(before) + 6
    kept = after[after["jump"] < 31]
    assert len(kept) == 62
    np.testing.assert_array_equal(kept["work"], before[before["jump"] < 31]["work"])


def test_a_program_that_fails_now_and_then_costs_rejections(tmp_path, capsys):
    """Two thirds of its paths get to their end; when two in a row do not, its own last lines are shown."""
    config = prepared(tmp_path / "user", mood="crash")
    assert execute(["drive", str(config), "--out", str(tmp_path / "out"), "--quiet"]) == 1
    said = capsys.readouterr().err.strip().splitlines()
    assert "last words: the forces are wrong" in said
    assert "paths in a row failed: `sh commands.sh` ended with exit code 3" in said[-1]


@pytest.mark.parametrize(
    ("mood", "words"),
    [
        ("timed", "the sum of PLUMED's biases is 0.3 and then 0 kJ/mol"),
        ("drifting", "CV x is "),
    ],
)
def test_what_changes_in_time_is_found_by_looking_twice(mood, words, tmp_path, capsys):
    """At a path's end and at the beginning of the next, which is the same configuration."""
    config = prepared(tmp_path / "user", mood=mood)
    assert execute(["drive", str(config), "--out", str(tmp_path / "out"), "--quiet"]) == 2
    (said,) = capsys.readouterr().err.strip().splitlines()
    assert words in said
    assert "for the same configuration: it must be a function of the positions alone" in said
    assert not (tmp_path / "out").exists()


def test_what_changes_late_in_a_path_is_found(tmp_path, capsys):
    """As a bias that is laid down now and then: after more than 25 of a path's 30 steps."""
    config = prepared(tmp_path / "user")
    made = tmp_path / "user" / "program.py"
    text = made.read_text()
    assert 'if always == "timed":' in text
    made.write_text(text.replace('if always == "timed":', "if steps > 25:"))
    assert execute(["drive", str(config), "--out", str(tmp_path / "out"), "--quiet"]) == 2
    assert "the sum of PLUMED's biases is 0.3 and then 0 kJ/mol" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


MISUSE = {
    "a slip": ("state_files", "state_file", "unknown key engine.state_file; did you mean state_files?"),
    "an engine inside": ('name = "custom"', 'name = "openmm"', "engine.action is not for openmm"),
    "no engine": ('name = "custom"', 'name = "costum"', "engine.name: give one of openmm, lammps, ase, batch,"),
    "a system of cvflow's": ("[system]", '[system]\nname = "polymer"', "system.name is refused: custom has its own"),
    "no commands": ("commands = ", "commands = []\n#", "engine.commands is missing: custom needs commands"),
    "GROMACS's word": ("kT = 0.8", 'kT = 0.8\nmdp = "a.mdp"', "engine.mdp is not for custom"),
    "no action": ('action = "CVFlow.so"', 'action = "Other.so"', "is not a file; `cvflow plumed build` makes it"),
    "no input": ('inputs = ["program.py"]', 'inputs = ["md.py"]', "engine.inputs: "),
    "no temperature": ("kT = 0.8", "", "give engine.temperature [K], or engine.kT"),
    "both temperatures": ('name = "custom"', 'name = "custom"\ntemperature = 300.0', "give engine.temperature [K], or"),
    "no time step": ("timestep = 0.05", "", "path.timestep is missing"),
    "friction": ("kappa = 20.0", "friction = 0.1", "path.friction = 0 alone"),
    "another kernel": ("kappa = 20.0", 'kernel = "langevin"', "path.kernel = 'restraint'"),
    "early rejection": ("kappa = 20.0", "early_rejection = true", "path.early_rejection = true is refused"),
    "local moves": ("local_steps = 6", 'local = "langevin"', "run.local = 'hmc' alone"),
    "a CV of OpenMM's": ('plumed = "x: POSITION ATOM=1"', 'type = "distance"\natoms = [0, 1]', "takes CVs of PLUMED"),
    "no CV": ('[[cv]]\nname = "x"\nplumed = "x: POSITION ATOM=1"\n', "", "at least one [[cv]] is needed"),
    "metadynamics": ("ATOM=1", "ATOM=1\\nm: METAD ARG=x", "METAD is refused: both ends of a path need the same bias"),
    "the time": ("ATOM=1", "ATOM=1\\nt: TIME", "TIME is refused: both ends of a path need the same bias"),
    "an included file": ('ATOM=1"', 'ATOM=1\\nINCLUDE FILE=bias.inc"', "name it in engine.inputs too"),
    "metadynamics in an included file": (
        '["program.py"]\nstate_files = ["x.bin", "y.txt"]\nkT = 0.8\n[[cv]]\nname = "x"\nplumed = "x: POSITION ATOM=1"',
        '["program.py", "bias.inc"]\nstate_files = ["x.bin", "y.txt"]\nkT = 0.8\n[[cv]]\nname = "x"\n'
        'plumed = "x: POSITION ATOM=1\\nINCLUDE FILE=bias.inc"',
        "more.inc is refused: both ends of a path need the same bias",
    ),
    "units": ("x: POSITION", "UNITS LENGTH=A\\nx: POSITION", "UNITS is refused"),
    "no starts": ('starts = {left = "left", right = "right"}', "", "system.starts is missing"),
    "an unknown state": ('left = "left"', 'lift = "left"', "unknown state 'lift'"),
    "a start that is not there": ('"left"', '"gone"', "gone is not a folder: a start is one, with x.bin and y.txt"),
    "a start that lacks a file": ('"left"', '"half"', "half/y.txt is not a file"),
    "a start of an empty file": ('"left"', '"empty"', "empty/y.txt is empty"),
    "starts in one state": ('"left"', '"right"', "lies in another state than its name says"),
    "no state files": (
        "state_files = ",
        "state_files = []\n#",
        "engine.state_files is missing: custom needs state_files",
    ),
    "a state file in a folder": ('"y.txt"', '"sub/y.txt"', "state file 'sub/y.txt': give the name alone"),
    "a state file of PLUMED's": (
        '"y.txt"',
        '"COLVAR"',
        "state file 'COLVAR': another file of a path's folder has this",
    ),
    "a state file twice": ('"y.txt"', '"x.bin"', "state files x.bin, x.bin: one stands there twice"),
    "a program that is not there": (
        "program.py {steps}",
        "gone.py {steps}",
        "the program does not run: `sh commands.sh`",
    ),
    "parameters": ("[engine]", "[system.parameters]\na = 1\n[engine]", "system.parameters is refused"),
}


@pytest.mark.parametrize("what", MISUSE)
def test_misuse_is_one_line_and_writes_nothing(what, tmp_path, capsys):
    old, new, said = MISUSE[what]
    config = prepared(tmp_path / "user", change=(old, new))
    (tmp_path / "user" / "bias.inc").write_text(f"INCLUDE ...\n  FILE={tmp_path}/user/more.inc\n... INCLUDE\n")
    (tmp_path / "user" / "more.inc").write_text("m: METAD ARG=x SIGMA=0.2 HEIGHT=0.5 PACE=5\n")
    for name in ("half", "empty"):
        (tmp_path / "user" / name).mkdir()
        shutil.copy(tmp_path / "user" / "left" / "x.bin", tmp_path / "user" / name)
    (tmp_path / "user" / "empty" / "y.txt").touch()
    assert execute(["drive", str(config), "--out", str(tmp_path / "out"), "--quiet"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert said in line
    assert not (tmp_path / "out").exists()


def test_run_and_drive_are_one_command(tmp_path, capsys):
    """Both take a program's config as they take any."""
    config = prepared(tmp_path / "user", change=("walkers = 2", "walkers = 1"))
    for command in ("run", "drive"):
        assert execute([command, str(config)]) == 2
        assert "run.walkers = 1: a walker is needed for each" in capsys.readouterr().err


def with_drive(text):
    """A config as it was written when the words of programs had a section of their own."""
    return text.replace('name = "custom"\n', 'name = "custom"\n[drive]\n')


def test_a_section_drive_is_the_engine_s(tmp_path):
    """As configs had it, and as the resolved ones of begun runs have it, defaults of other programs' words included."""
    config = prepared(tmp_path)
    now = load(config)
    assert now.engine.commands[0].endswith("{kT} ")
    before = with_drive(config.read_text())
    config.write_text(before)
    assert load(config) == now
    config.write_text(before.replace("[drive]\n", "[drive]\nmaxwarn = 1\ncoordinates = []\n"))
    assert load(config) == now


OLD_MISUSE = {
    "another program's word": ("[drive]", "[drive]\nmaxwarn = 2", "engine.maxwarn is not for custom"),
    "an engine inside": ('name = "custom"', 'name = "openmm"', "[drive] goes with engine.name = 'gromacs' or"),
    "a word given twice": ('name = "custom"', 'name = "custom"\nkT = 0.9', "engine.kT and drive.kT differ"),
}


@pytest.mark.parametrize("what", OLD_MISUSE)
def test_misuse_of_a_section_drive_is_one_line(what, tmp_path):
    old, new, said = OLD_MISUSE[what]
    config = prepared(tmp_path)
    text = with_drive(config.read_text())
    assert old in text
    config.write_text(text.replace(old, new))
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        load(config)
    assert "\n" not in str(caught.value)


def test_a_drive_that_is_no_section_is_refused():
    with pytest.raises(ConfigError, match=r"words of \[drive\] go into \[engine\]"):
        parse({"drive": 3, "engine": {"name": "custom"}, "system": {}}, "run.toml")


EXAMPLE = Path(__file__).parents[2] / "examples" / "custom_program"


def test_the_example_of_a_program_of_one_s_own(wrapper, library, tmp_path):
    """PLUMED itself, through py-plumed, and the action: the work is the protocol's but for the time step's."""
    shutil.copytree(EXAMPLE, tmp_path / "user", ignore=shutil.ignore_patterns("*.so"))
    shutil.copy(library, tmp_path / "user" / "CVFlow.so")
    config, text = tmp_path / "user" / "run.toml", (EXAMPLE / "run.toml").read_text()
    for old, new in (
        ("python md.py", f"{sys.executable} md.py"),
        ("adapt_jumps = 60", "adapt_jumps = 10"),
        ("jumps = 300", "jumps = 15"),
    ):
        assert old in text
        text = text.replace(old, new)
    config.write_text(text)
    assert execute(["drive", str(config), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["jumps"]["failed"] == {}
    assert summary["jumps"]["accepted"] > 0
    turns = read_record(tmp_path / "out" / "run.h5").turns
    assert np.std(turns["protocol_work"]) > 0.5
    assert np.std(turns["work"] - turns["protocol_work"]) < 0.2 * np.std(turns["protocol_work"])


PESMD = """
[run]
seed = 1
walkers = 4
adapt_jumps = 60
adapt_limit = 1
jumps = 250
local_steps = 20
[system]
starts = {left = "left.dat", right = "right.dat"}
[engine]
name = "pesmd"
plumed = "landscape.dat"
coordinates = ["d.x", "d.y"]
kT = 1.0
[[cv]]
name = "x"
plumed = "x: COMBINE ARG=d.x PERIODIC=NO"
[path]
steps = 40
timestep = 0.05
kappa = 20.0
[states]
left = "x < 0"
right = "x >= 0"
"""


@pytest.mark.slow
def test_populations_through_pesmd_are_those_of_quadrature(plumed, library, tmp_path):
    """A two-dimensional asymmetric double well in PLUMED's functions."""
    (tmp_path / "run.toml").write_text(PESMD)
    (tmp_path / "landscape.dat").write_text("\n".join(landscape.LINES[:3]) + "\n")
    (tmp_path / "left.dat").write_text("-1 0.5\n")
    (tmp_path / "right.dat").write_text("1 0.5\n")
    shutil.copy(library, tmp_path / "CVFlow.so")
    assert execute(["drive", str(tmp_path / "run.toml"), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    left = landscape.left_of_zero()
    exact = np.log(left / (1 - left))
    for estimate in (*summary["delta_f"], *summary["delta_f_chain"], *summary["delta_f_bar"]):
        print(f"{estimate['value_kT']:.3f} ± {estimate['stderr_kT']:.3f} kT, quadrature {exact:.3f}")
        assert abs(estimate["value_kT"] - exact) < 3 * estimate["stderr_kT"]
        assert estimate["stderr_kT"] < 0.25
    assert summary["exact"]["value"]
    assert summary["mode_changes"] > 20
