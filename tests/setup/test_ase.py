"""Runs over ASE from the command line: ag6, and a user's function; what is refused."""

import json
import sys

import numpy as np
import pytest

pytest.importorskip("ase", reason="NO ASE: the engine over its calculators is not tested (pip install ase)")

from ase.io import write

from cvflow.cli.commands import execute
from cvflow.config.settings import ConfigError, load, parse
from cvflow.setup import from_config
from cvflow.store import read_record
from cvflow.systems import Ag6

AG6 = """
run = { walkers = 2, adapt_jumps = 1, adapt_limit = 1, jumps = 2, local_steps = 3 }
engine = { name = "ase" }
system = { name = "ag6" }
path = { steps = 6, timestep = 0.015, kappa = 500.0 }
[proposal]
means = [[0.2]]
sigmas = [[0.1]]
weights = [1.0]
"""
FUNCTION = """
from ase import Atoms
from ase.calculators.emt import EMT


def cluster(symbol=47):
    corners = [[1.9, 0, 0], [-1.9, 0, 0], [0, 1.9, 0], [0, -1.9, 0], [0, 0, 1.9], [0, 0, -1.9]]
    made = Atoms([symbol] * 6, positions=corners)
    made.calc = EMT()
    return made


class WithoutForces(EMT):
    implemented_properties = ["energy"]


def without_forces():
    made = cluster()
    made.calc = WithoutForces()
    return made


class Remembering(EMT):
    # As one that begins with the wavefunction of before: `reset` leaves it.

    before = 0.0

    def calculate(self, *arguments, **named):
        super().calculate(*arguments, **named)
        self.results["energy"] += 1e-9 * self.before
        self.before = self.results["energy"]


def remembers():
    made = cluster()
    made.calc = Remembering()
    return made


def fails():
    raise RuntimeError("no licence")
"""
OURS = (
    AG6.replace(
        '{ name = "ag6" }', '{ python = "theirs.py:cluster", starts = { low = "low.xyz", high = "high.extxyz" } }'
    )
    .replace('name = "ase" }', 'name = "ase", temperature = 300.0 }')
    .replace("means = [[0.2]]", "means = [[0.2, 0.2]]")
    .replace("sigmas = [[0.1]]", "sigmas = [[0.1, 0.1]]")
    + """
[[cv]]
name = "a"
type = "anisotropy"
atoms = "name Ag"
[[cv]]
name = "g"
type = "gyration"
atoms = [0, 1, 2, 3, 4, 5]
[states]
low = "a < 0.22"
high = "a >= 0.22"
"""
)


@pytest.fixture
def theirs(tmp_path):
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "run.toml").write_text(OURS)
    (folder / "theirs.py").write_text(FUNCTION)
    for state, file in (("octahedron", "low.xyz"), ("capped", "high.extxyz")):
        atoms = Ag6().system()
        atoms.positions = 10 * Ag6().start(state, np.random.default_rng(0)).positions
        write(folder / file, atoms)
    return folder


def test_ag6_runs_and_resumes(tmp_path):
    (tmp_path / "run.toml").write_text(AG6)
    out = str(tmp_path / "out")
    assert execute(["run", str(tmp_path / "run.toml"), "--out", out, "--quiet", "--workers", "1"]) == 0
    assert execute(["resume", out, "--jumps", "3", "--quiet"]) == 0
    record = read_record(tmp_path / "out" / "run.h5")
    assert (record.header.engine, record.header.cvs) == ("ase", ["a"])
    assert np.isfinite(record.turns["work"]).all()
    assert record.turns["cv"].min() >= 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["exact"]["value"]
    assert (
        "SILVER" in (tmp_path / "out" / "topology.pdb").read_text().upper()
        or "Ag" in (tmp_path / "out" / "topology.pdb").read_text()
    )


def test_a_function_of_one_s_own_is_the_same_system(theirs, tmp_path):
    out = tmp_path / "out"
    assert execute(["run", str(theirs / "run.toml"), "--out", str(out), "--quiet", "--workers", "1"]) == 0
    assert execute(["resume", str(out), "--jumps", "3", "--quiet"]) == 0
    assert read_record(out / "run.h5").header.cvs == ["a", "g"]
    (tmp_path / "ag6.toml").write_text(AG6)
    ours, built_in = (from_config(load(file), file.parent) for file in (theirs / "run.toml", tmp_path / "ag6.toml"))
    frames = [setup.walkers.starts[1] for setup in (ours, built_in)]
    np.testing.assert_allclose(frames[0].positions, frames[1].positions, atol=1e-6)
    energies = [setup.walkers.spec(setup).build().potential_energy(frames[0]) for setup in (ours, built_in)]
    assert energies[0] == pytest.approx(energies[1], rel=1e-12)


@pytest.mark.parametrize(("function", "warned"), [("cluster", False), ("remembers", True)])
def test_a_calculator_that_remembers_is_warned_of(function, warned, theirs):
    config = load(theirs / "run.toml").changed(system={"python": f"theirs.py:{function}"})
    assert any("remembers, after a reset" in note for note in from_config(config, theirs).notes) is warned


@pytest.mark.parametrize(("engine", "threads"), [({}, 1), ({"threads": 2}, 2)])
def test_a_walker_has_as_many_threads_as_the_config_says(engine, threads, theirs):
    config = load(theirs / "run.toml").changed(engine=engine)
    assert from_config(config, theirs).walkers.threads == threads


MISUSE = {
    "no temperature": ({"engine": {"name": "ase"}}, "engine.temperature [K] is missing"),
    "no CV": ({"cv": []}, "at least one [[cv]] is needed"),
    "a function that fails": ({"system": {"python": "theirs.py:fails"}}, "fails: RuntimeError: no licence"),
    "no forces": (
        {"system": {"python": "theirs.py:without_forces"}},
        "without_forces fails: PropertyNotImplementedError: forces",
    ),
    "no function": ({"system": {"python": "theirs.py:none"}}, "has no function none"),
    "an unknown parameter": ({"system": {"python": "theirs.py:cluster", "parameters": {"a": 1}}}, "fails: TypeError"),
    "no starts": ({"system": {"python": "theirs.py:cluster"}}, "system.starts is missing"),
    "a start in no state": (
        {"system": {"python": "theirs.py:cluster", "starts": {"middle": "low.xyz"}}},
        "unknown state 'middle'",
    ),
    "a start that is none": (
        {"system": {"python": "theirs.py:cluster", "starts": {"low": "theirs.py"}}},
        "by ase.io fails",
    ),
    "both in one state": (
        {"system": {"python": "theirs.py:cluster", "starts": {"low": "low.xyz", "high": "low.xyz"}}},
        "lies in another state than its name says",
    ),
    "a device": ({"engine": {"name": "ase", "temperature": 300.0, "device": "0"}}, "device is another engine's word"),
    "a kernel": ({"path": {"kernel": "mala"}}, "ASE has 'restraint'"),
    "positions": ({"cv": [{"name": "b", "type": "positions", "atoms": [0, 1, 2, 3]}]}, "CVs of type 'positions'"),
    "a molecule": ({"system": {"pdb": "a.pdb", "forcefield": ["amber14-all.xml"]}}, "takes no molecules"),
}


@pytest.mark.parametrize("what", MISUSE)
def test_misuse_is_one_line(what, theirs):
    changed, mend = MISUSE[what]
    values = load(theirs / "run.toml").model_dump(exclude_none=True, exclude_defaults=True)
    with pytest.raises(ConfigError) as error:
        from_config(parse(values | changed, "run.toml"), theirs)
    assert mend in str(error.value)
    assert "\n" not in str(error.value)


def test_without_ase_the_mend_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ase", None)
    with pytest.raises(ConfigError, match="ASE is missing: pip install ase"):
        from_config(parse({"system": {"name": "ag6"}, "engine": {"name": "ase"}}, "test"), tmp_path)
