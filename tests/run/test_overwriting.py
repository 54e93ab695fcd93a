"""A run writes over nothing that it reads, and over nothing that is no run's."""

import shutil

import pytest
import tomli_w

from cvflow.cli.commands import execute
from cvflow.config.settings import ConfigError, load
from cvflow.estimate.summary import summarise
from cvflow.run import run_folder
from cvflow.run.overwriting import check_free
from cvflow.setup import from_config

PDB = """HETATM    1  O   MOL A   1      10.000  10.000  10.000  1.00  0.00           O
HETATM    2  H   MOL A   1      {x}  10.000  10.000  1.00  0.00           H
HETATM    3  N   MOL A   1      13.000  10.000  10.000  1.00  0.00           N
END
"""
SYSTEM = """<?xml version="1.0" ?>
<System openmmVersion="8.0" type="System" version="1">
<PeriodicBoxVectors><A x="2" y="0" z="0"/><B x="0" y="2" z="0"/><C x="0" y="0" z="2"/></PeriodicBoxVectors>
<Particles><Particle mass="16"/><Particle mass="1"/><Particle mass="14"/></Particles>
<Constraints/>
<Forces><Force energy="1000*(r-0.15)^2" forceGroup="0" name="CustomBondForce" type="CustomBondForce"
 usesPeriodic="0" version="3"><PerBondParameters/><GlobalParameters/><EnergyParameterDerivatives/>
<Bonds><Bond p1="0" p2="1"/><Bond p1="1" p2="2"/></Bonds></Force></Forces>
</System>
"""
SECTIONS = {
    "run": {"walkers": 2, "adapt_jumps": 0, "jumps": 2, "local_steps": 4},
    "system": {"xml": "given.xml", "topology": "given.pdb", "starts": {"left": "left.pdb", "right": "right.pdb"}},
    "engine": {"platform": "Reference", "temperature": 300.0},
    "cv": [{"name": "r", "type": "distance", "atoms": [0, 1]}],
    "path": {"steps": 4},
    "proposal": {"means": [[0.13], [0.17]], "sigmas": [[0.01], [0.01]], "weights": [0.5, 0.5]},
    "states": {"left": "r < 0.15", "right": "r >= 0.15"},
}


@pytest.fixture
def here(tmp_path):
    """A folder with a user's molecule, whose files have names of their own."""
    for name, x in (("given", "11.300"), ("left", "11.300"), ("right", "11.700")):
        (tmp_path / f"{name}.pdb").write_text(PDB.format(x=x))
    (tmp_path / "given.xml").write_text(SYSTEM)
    (tmp_path / "config.toml").write_text(tomli_w.dumps(SECTIONS))
    return tmp_path


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(here, out, said, capsys):
    before = content(here)
    assert execute(["run", str(here / "config.toml"), "--out", str(out), "--quiet"]) == 2
    errors = capsys.readouterr().err
    assert said in errors, errors
    assert len(errors.splitlines()) == 1
    assert content(here) == before


def configured(here, **system):
    sections = SECTIONS | {"system": SECTIONS["system"] | system}
    (here / "config.toml").write_text(tomli_w.dumps(sections))


READ = {
    "the system": ("system.xml", "given.xml", {"xml": "system.xml"}),
    "the topology": ("topology.pdb", "given.pdb", {"topology": "topology.pdb"}),
    "a start": ("topology.pdb", "left.pdb", {"starts": {"left": "topology.pdb", "right": "right.pdb"}}),
}


@pytest.mark.parametrize("what", READ)
def test_what_the_run_reads_is_not_written_over(here, what, capsys):
    name, original, words = READ[what]
    shutil.move(here / original, here / name)
    configured(here, **words)
    refused(here, here, f"the run reads {here / name} and would write over it", capsys)


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_nor_through_a_link(here, link, capsys):
    (here / "out").mkdir()
    getattr(here / "out" / "topology.pdb", link)(here / "given.pdb")
    refused(here, here / "out", f"the run reads {here / 'given.pdb'} and would write over it", capsys)


def test_nor_the_config_itself(here, capsys):
    shutil.move(here / "config.toml", here / "config.resolved.toml")
    before = content(here)
    assert execute(["run", str(here / "config.resolved.toml"), "--out", str(here)]) == 2
    assert "config.resolved.toml and would write over it" in capsys.readouterr().err
    assert content(here) == before


def test_a_folder_with_files_of_other_names_is_free(here, capsys, monkeypatch):
    monkeypatch.setattr("cvflow.run.run_folder.write_report", lambda record, folder: summarise(record))
    before = content(here)
    setup = from_config(load(here / "config.toml"), here)
    run_folder.begin(setup, here, lambda progress: None, 1)
    after = content(here)
    assert {name: after[name] for name in before} == before
    made = set(after) - set(before) - {"run.previous.h5", "run.log"}
    assert made == {"run.h5", "config.resolved.toml", "system.xml", "topology.pdb", "walker_0.xtc", "walker_1.xtc"}


@pytest.mark.parametrize("name", ["topology.pdb", "system.xml", "walker_1.xtc", "COLVAR", "fes_r.png", "summary.json"])
def test_files_of_nobody_known_are_not_written_over(here, name, capsys):
    (here / "out").mkdir()
    (here / "out" / name).write_text("mine")
    refused(here, here / "out", f"holds {name} and no run", capsys)


def test_what_a_run_left_before_its_first_commit_is(here, monkeypatch):
    """Killed while it equilibrates, in this case by an error."""
    setup = from_config(load(here / "config.toml"), here)
    with monkeypatch.context() as patch:
        patch.setattr(type(setup), "equilibrate", lambda self, executor: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run_folder.begin(setup, here / "out", lambda progress: None, 1)
    assert set(content(here / "out")) == {"config.resolved.toml", "system.xml", "run.log"}
    monkeypatch.setattr("cvflow.run.run_folder.write_report", lambda record, folder: summarise(record))
    run_folder.begin(setup, here / "out", lambda progress: None, 1)
    assert "run.h5" in content(here / "out")


def test_inputs_of_a_program_are_its_own(tmp_path):
    (tmp_path / "inputs").mkdir()
    (tmp_path / "inputs" / "mine[1].itp").write_text("mine")
    check_free(tmp_path, ["inputs/other.itp", "inputs/mine1.itp"], [])
    with pytest.raises(ConfigError, match=r"holds mine\[1\].itp"):
        check_free(tmp_path, ["inputs/mine[1].itp"], [])
