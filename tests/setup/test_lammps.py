"""Runs on LAMMPS, from the config to the report."""

import json

import numpy as np
import pytest

from cvflow.cli.commands import execute
from cvflow.config.settings import ConfigError, parse
from cvflow.cv import from_plumed
from cvflow.run import run_folder
from cvflow.setup import from_config
from cvflow.store import read_record
from tests.cv.with_plumed import needs_plumed
from tests.engines.lammps_missing import skip_module_without_lammps

skip_module_without_lammps()

SMALL = {
    "run": {"walkers": 2, "adapt_jumps": 2, "adapt_limit": 1, "jumps": 4, "local_steps": 20},
    "system": {"name": "polymer", "parameters": {"n_solvent": 70}},
    "engine": {"name": "lammps"},
    "path": {"steps": 60, "kappa": 300.0},
    "proposal": {"means": [[3.53], [5.65]], "sigmas": [[0.2], [0.2]], "weights": [0.5, 0.5]},
}


def config(**changes):
    return parse(SMALL | changes, "test")


def quiet(*_):
    pass


def turns(folder):
    found = read_record(folder / "run.h5").turns
    return {name: found[name].tobytes() for name in found.dtype.names if "seconds" not in name}


def test_the_polymer_runs_and_is_resumed_to_the_same_chain(tmp_path):
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    summary = run_folder.begin(from_config(config(), tmp_path), whole, quiet)
    short = config(run=SMALL["run"] | {"jumps": 2})
    run_folder.begin(from_config(short, tmp_path), halves, quiet)
    run_folder.resume(halves, 4, quiet)
    assert turns(whole) == turns(halves)
    assert summary["engine"] == "lammps"
    assert summary["exact"]["value"] is True
    assert json.loads((whole / "summary.json").read_text())["jumps"]["proposed"] == 8
    assert (whole / "in.lammps").read_text().startswith("units lj\n")
    record = read_record(whole / "run.h5").turns
    ended = record[np.isfinite(record["work"])]
    assert len(ended) > 0
    assert np.isfinite(ended["protocol_work"]).all()
    assert len(list(whole.glob("walker_*.xtc"))) == 2


def test_the_demo_takes_the_engine(tmp_path, monkeypatch, capsys):
    """Up to where the run would begin."""
    monkeypatch.setattr(run_folder, "begin", lambda setup, *_: pytest.fail(", ".join(setup.files)))
    with pytest.raises(pytest.fail.Exception, match=r"in\.lammps"):
        execute(["polymer", "--engine", "lammps", "--out", str(tmp_path / "out")])


@needs_plumed
def test_the_polymer_runs_with_a_cv_in_plumeds_words(tmp_path):
    words = {"name": "r", "plumed": "r: DISTANCE ATOMS=1,9 NOPBC", "unit": ""}
    setup = from_config(config(cv=[words]), tmp_path)
    assert setup.walkers.spec(setup).cvs == (from_plumed("r", "r: DISTANCE ATOMS=1,9 NOPBC"),)
    summary = run_folder.begin(setup, tmp_path / "out", quiet)
    assert summary["jumps"]["proposed"] == 8
    assert summary["jumps"]["failed"] == {}


REFUSED = {
    "another engine's word": ({"engine": {"name": "lammps", "platform": "CPU"}}, "platform is another engine's word"),
    "a system without a model": (
        {"system": {"name": "alanine_dipeptide"}}, "no LAMMPS model: take .engine. name = \"openmm\""
    ),
    "a model of torch": ({"system": {"name": "phi4"}}, 'runs on .engine. name = "batch"'),
    "a PDB": ({"system": {"pdb": "a.pdb", "forcefield": ["amber14-all.xml"]}}, "takes no molecules"),
    "positions": ({"cv": [{"name": "b", "type": "positions", "atoms": [0, 1, 2, 3]}]}, "'positions' are for"),
    "a kernel": ({"path": {"kernel": "langevin"}}, "LAMMPS has 'restraint'"),
    "a temperature": ({"engine": {"name": "lammps", "temperature": 300.0}}, "reduced units"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_misuse_is_one_line(what, tmp_path):
    changes, message = REFUSED[what]
    with pytest.raises(ConfigError, match=message) as error:
        from_config(config(**changes), tmp_path)
    assert "\n" not in str(error.value)
