"""A run goes on as it was begun: what has changed in its folder since is refused by its name."""

import json
import shutil
from copy import deepcopy
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import openmm
import pytest
import tomli_w

from cvflow import __version__
from cvflow.cli.commands import execute
from cvflow.config.settings import ConfigError, load, parse
from cvflow.estimate.summary import summarise
from cvflow.run import run_folder
from cvflow.run.folder_lock import FolderTakenError, LockLostError
from cvflow.run.same_run import begun_config, checked_config, checked_versions, edited
from cvflow.run.setting_scan import scan_run
from cvflow.setup import from_config
from cvflow.setup.fingerprints import fingerprints
from cvflow.setup.versions import versions
from cvflow.store import read_record
from tests.report.synthetic import POLYMER, Lengths, fake_record

SECTIONS = {
    "run": {"walkers": 2, "adapt_jumps": 0, "jumps": 3, "local_steps": 4, "equilibration_moves": 4, "seed": 5},
    "system": {"python": "model.py:valley"},
    "engine": {"name": "batch"},
    "path": {"kernel": "langevin", "steps": 6, "timestep": 0.3},
    "proposal": {"means": [[0.0], [4.0]], "sigmas": [[0.9], [1.0]], "weights": [0.5, 0.5]},
}
MODEL = "from tests.valley import valley\n"
MOLECULE = {
    "run": {"seed": 3},
    "system": {"xml": "system.xml", "topology": "topology.pdb", "starts": {"a": "/a.pdb"}},
    "engine": {"temperature": 300.0},
    "cv": [
        {
            "name": "s", "type": "combination", "coefficients": [1.0, -1.0],
            "of": [
                {"name": "a", "type": "distance", "atoms": [0, 1]}, {"name": "b", "type": "force", "xml": "cv_b.xml"},
            ],
        },
        {"name": "p", "plumed": "p: DISTANCE ATOMS=1,2"},
    ],
    "states": {"left": "s < 0", "right": "s >= 0"},
}  # fmt: skip


def shorten(patch):
    """No report."""
    patch.setattr("cvflow.run.run_folder.write_report", lambda record, folder: summarise(record))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    shorten(monkeypatch)


def begun(tmp_path):
    """A finished run of a user's own model."""
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "run.toml").write_text(tomli_w.dumps(SECTIONS))
    setup = from_config(load(tmp_path / "run.toml"), tmp_path)
    run_folder.begin(setup, tmp_path / "out", lambda progress: None)
    return tmp_path / "out"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        shorten(patch)
        return begun(tmp_path_factory.mktemp("same"))


@pytest.fixture
def out(finished, tmp_path):
    """A copy of that run."""
    return Path(shutil.copytree(finished, tmp_path / "out"))


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def edit(out, old, new):
    text = (out / "config.resolved.toml").read_text()
    assert old in text
    (out / "config.resolved.toml").write_text(text.replace(old, new))


def resume(out, jumps=None, **words):
    return run_folder.resume(out, jumps, lambda progress: None, **words)


def refused(out, match, jumps=6):
    """Whatever is said, and nothing on disk has moved."""
    before = content(out)
    with pytest.raises(ConfigError, match=match) as said:
        resume(out, jumps)
    assert content(out) == before
    assert "\n" not in str(said.value)


def molecule(tmp_path, sections=MOLECULE):
    """A folder and a header of a run that was never made, and its config."""
    for name in ("system.xml", "cv_b.xml"):
        (tmp_path / name).write_text(name)
    config = parse(sections, "test")
    (tmp_path / "config.resolved.toml").write_text(config.to_toml())
    header = fake_record(POLYMER, Lengths(2, 2, 2)).header
    return replace(header, config=config.to_toml(), inputs=fingerprints(config, tmp_path), versions=versions(config))


def test_nothing_has_changed(out):
    resume(out, 5)
    header = read_record(out / "run.h5").header
    assert load(out / "config.resolved.toml").run.jumps == begun_config(header).run.jumps == 5
    assert load(out / "config.resolved.toml") == begun_config(header)
    edit(out, "jumps = 5", "jumps = 7")
    resume(out)
    turns = read_record(out / "run.h5").turns
    assert len(turns) == 2 * 7


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seed = 5", "seed = 6", "run.seed is 6 in config.resolved.toml and 5 in the run: .* `cvflow run`"),
        ("walkers = 2", "walkers = 4", "run.walkers is 4"),
        ("local_steps = 4", "local_steps = 8", "run.local_steps is 8"),
        ('local = "hmc"', 'local = "langevin"', "run.local is 'langevin'"),
        ("timestep = 0.3", "timestep = 0.2", "path.timestep is 0.2"),
        ('left = "z < 2.0"', 'left = "z < 2.1"', "states.left is 'z < 2.1'"),
    ],
)
def test_an_edited_config_is_refused_by_the_key(out, old, new, said):
    edit(out, old, new)
    refused(out, said)


def _places(values, place=()):
    """Where a table has plain values, whatever tables and lists of tables they lie in."""
    for key, value in values.items() if isinstance(values, dict) else enumerate(values):
        if isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict)):
            yield from _places(value, (*place, key))
        else:
            yield (*place, key)


def test_every_key_is_compared():
    """Whatever the config grows by: a value that is another or gone is told by its key, jumps apart."""
    begun = parse(MOLECULE, "test").model_dump(exclude_none=True)
    places = list(_places(begun))
    assert {("run", "jumps"), ("engine", "temperature"), ("cv", 0, "of", 1, "xml"), ("states", "left")} <= set(places)
    for *way, last in places:
        for gone in (False, True):
            now = deepcopy(begun)
            inner = now
            for key in way:
                inner = inner[key]
            inner.update({last: ["another"]})
            if gone:
                del inner[last]
            told, key = list(edited(begun, now, "the file")), ".".join(map(str, (*way, last)))
            if key == "run.jumps":
                assert told == []
            else:
                assert len(told) == 1
                assert told[0].startswith(f"{key} is {'missing' if gone else ['another']} in the file and ")


def test_all_that_differs_is_listed_up_to_a_few(tmp_path):
    header = molecule(tmp_path)
    sections = MOLECULE | {
        "run": {"seed": 4, "walkers": 2, "local_steps": 7, "jumps": 9}, "engine": {"temperature": 600.0},
        "states": {"left": "s < 0.1", "right": "s >= 0"},
    }  # fmt: skip
    (tmp_path / "config.resolved.toml").write_text(parse(sections, "test").to_toml())
    with pytest.raises(ConfigError) as said:
        checked_config(header, tmp_path / "config.resolved.toml")
    assert "engine.temperature is 600.0 in config.resolved.toml and 300.0 in the run" in str(said.value)
    assert "states.left is 's < 0.1' in config.resolved.toml and 's < 0' in the run" in str(said.value)
    assert "jumps" not in str(said.value)


@pytest.mark.parametrize("name", ["system.xml", "cv_b.xml"])
def test_edited_and_missing_inputs_are_refused_by_name(tmp_path, name):
    header = molecule(tmp_path)
    checked_config(header, tmp_path / "config.resolved.toml")
    (tmp_path / name).write_text("other")
    with pytest.raises(ConfigError, match=f"{name} has changed since the run began"):
        checked_config(header, tmp_path / "config.resolved.toml")
    (tmp_path / name).unlink()
    with pytest.raises(ConfigError, match=f"{name} is missing"):
        checked_config(header, tmp_path / "config.resolved.toml")


def test_files_of_a_program_and_of_plumed_are_inputs(tmp_path):
    (tmp_path / "reference.pdb").write_text("ATOM")
    drive = {
        "run": {}, "system": {}, "engine": {"name": "lammps"}, "states": {"a": "d < 1", "b": "d >= 1"},
        "drive": {"script": "inputs/in.lmp", "plumed": "inputs/p.dat", "inputs": ["inputs/data"], "kT": 1.0},
        "cv": [{"name": "d", "plumed": f"d: RMSD REFERENCE={tmp_path}/reference.pdb # TYPE={tmp_path}"}],
    }  # fmt: skip
    found = fingerprints(parse(drive, "test"), tmp_path)
    inside = {"CVFlow.so", "inputs/in.lmp", "inputs/p.dat", "inputs/data"}
    assert set(found) == {*inside, str(tmp_path / "reference.pdb")}
    assert all(len(found[name]) == (0 if name in inside else 64) for name in found)


def test_an_edited_function_is_refused_before_it_is_run(tmp_path):
    out, model = begun(tmp_path), tmp_path / "model.py"
    model.write_text(f"raise SystemExit\n{MODEL}")
    refused(out, "model.py has changed since the run began")
    with pytest.raises(ConfigError, match=r"model\.py has changed"):
        scan_run(out, 1, lambda measured: None)
    model.unlink()
    refused(out, "model.py is missing")
    model.write_text(MODEL)
    resume(out, 4)


def test_a_run_whose_folder_was_taken_over_commits_no_more(out):
    stored = (out / "run.h5").read_bytes()
    with pytest.raises(LockLostError, match="no longer this run's"):
        run_folder.resume(out, 9, lambda progress: (out / "run.lock").write_text("{}"))
    assert (out / "run.h5").read_bytes() == stored


def test_a_second_resume_beside_the_first_is_refused(out):
    said = []

    def again(progress):
        with pytest.raises(FolderTakenError, match="a run is writing here") as refused:
            resume(out, 12)
        said.append(refused.value)

    run_folder.resume(out, 5, again)
    assert said
    assert len(read_record(out / "run.h5").turns) == 2 * 5
    assert not (out / "run.lock").exists()


def test_the_command_line_says_it_in_one_line(out, capsys):
    edit(out, "seed = 5", "seed = 6")
    assert execute(["resume", str(out), "--jumps", "5"]) == 2
    said = capsys.readouterr().err
    assert "run.seed is 6 in config.resolved.toml and 5 in the run" in said
    assert len(said.splitlines()) == 1


def test_a_config_that_is_gone_is_written_again(out):
    (out / "config.resolved.toml").unlink()
    resume(out, 4)
    assert load(out / "config.resolved.toml").run.jumps == 4


def test_fewer_jumps_than_are_done_are_refused(out):
    refused(out, "--jumps 2: walkers have done 3", jumps=2)
    edit(out, "jumps = 3", "jumps = 1")
    refused(out, r"run.jumps = 1 in config.resolved.toml: walkers have done 3", jumps=None)


def test_other_versions_go_on_only_when_told_to(out, monkeypatch):
    """From then on the chain's numbers are others; the header says from where on."""
    here = read_record(out / "run.h5").header.versions
    assert here == {
        "cvflow": __version__, **{name: metadata.version(name) for name in ("numpy", "torch", "zuko")},
    }  # fmt: skip
    monkeypatch.setattr("cvflow.run.same_run.versions", lambda config: here | {"torch": "99.0", "zuko": "0.1"})
    refused(out, r"torch 99\.0 in place of .*, zuko 0\.1 in place of .*--accept-versions")
    resume(out, 4, accept_versions=True)
    header = read_record(out / "run.h5").header
    assert header.versions == here | {"torch": "99.0", "zuko": "0.1"}
    assert header.notes[-1].startswith(f"gone on after 6 turns with torch 99.0 in place of {here['torch']}")
    resume(out, 5)


def test_the_command_line_passes_the_word_on(out, monkeypatch):
    asked = {}
    monkeypatch.setattr("cvflow.run.run_folder.resume", lambda *arguments, **words: asked.update(words))
    monkeypatch.setattr("cvflow.cli.outcome.show", lambda summary, folder: None)
    assert execute(["resume", str(out), "--accept-versions"]) == 0
    assert asked == {"accept_versions": True}
    assert execute(["resume", str(out)]) == 0
    assert asked == {"accept_versions": False}


def test_versions_are_of_what_a_run_computes_with(tmp_path):
    header = molecule(tmp_path)
    assert set(header.versions) == {"cvflow", "numpy", "torch", "zuko", "openmm", "plumed"}
    assert header.versions["openmm"] == openmm.__version__
    assert checked_versions(header, tmp_path, False, 0) is header
    old = replace(header, versions={})
    with pytest.raises(ConfigError, match="in place of not known"):
        checked_versions(old, tmp_path, False, 0)


def test_a_header_of_nonsense_is_one_line(tmp_path):
    header = molecule(tmp_path)
    for config in ("[run", "[run]\nsteps = 1\n"):
        with pytest.raises(ConfigError, match="the run's own config"):
            checked_config(replace(header, config=config), tmp_path / "config.resolved.toml")


def test_headers_travel(tmp_path):
    header = molecule(tmp_path)
    assert type(header).from_json(header.to_json()) == header
    assert json.loads(header.to_json())["inputs"].keys() == {"system.xml", "cv_b.xml"}
