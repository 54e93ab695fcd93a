"""Runs whose paths move on a surrogate, from the command line; what is refused."""

import json

import numpy as np
import pytest

pytest.importorskip("ase", reason="NO ASE: surrogates beside its calculators are not tested (pip install ase)")

from ase.io import write

import cvflow
from cvflow.cli.commands import execute
from cvflow.config.settings import ConfigError, load, parse
from cvflow.core.frames import Outcome
from cvflow.engines.surrogate import SurrogateSpec
from cvflow.setup import from_config
from cvflow.store import read_record
from cvflow.systems import Ag6

RUN = """
run = { walkers = 2, adapt_jumps = 2, adapt_limit = 1, jumps = 3, local_steps = 3, equilibration_moves = 2 }
engine = { name = "ase", temperature = 300.0, surrogate = "theirs.py:cheap" }
system = { python = "theirs.py:cluster", starts = { low = "low.xyz", high = "high.xyz" } }
path = { steps = 6, timestep = 0.015, kappa = 500.0 }
[[cv]]
name = "a"
type = "anisotropy"
atoms = "name Ag"
[states]
low = "a < 0.22"
high = "a >= 0.22"
[proposal]
means = [[0.2]]
sigmas = [[0.1]]
weights = [1.0]
"""
FUNCTIONS = """
import openmm
from ase import Atoms
from ase.calculators.emt import EMT
from ase.calculators.morse import MorsePotential
from openmm import app


def of(calculator, count=6):
    corners = [[1.9, 0, 0], [-1.9, 0, 0], [0, 1.9, 0], [0, -1.9, 0], [0, 0, 1.9], [0, 0, -1.9]]
    made = Atoms("Ag" * count, positions=corners[:count])
    made.calc = calculator
    return made


def cluster():
    return of(EMT())


def cheap():
    return of(MorsePotential(epsilon=0.5, r0=2.7, rho0=4.0))


def smaller():
    return of(EMT(), 5)


def springs(rigid=False):
    topology, system, force = app.Topology(), openmm.System(), openmm.HarmonicBondForce()
    residue = topology.addResidue("MOL", topology.addChain())
    for index in range(6):
        topology.addAtom("Ag", app.Element.getBySymbol("Ag"), residue)
        system.addParticle(107.8682)
        for other in range(index):
            force.addBond(other, index, 0.3, 5000.0)
    system.addForce(force)
    if rigid:
        system.addConstraint(0, 1, 0.38)
    return topology, system


def rigid():
    return springs(rigid=True)
"""


@pytest.fixture
def theirs(tmp_path):
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "run.toml").write_text(RUN)
    (folder / "theirs.py").write_text(FUNCTIONS)
    for state, file in (("octahedron", "low.xyz"), ("capped", "high.xyz")):
        atoms = Ag6().system()
        atoms.positions = 10 * Ag6().start(state, np.random.default_rng(0)).positions
        write(folder / file, atoms)
    return folder


@pytest.mark.parametrize("surrogate", ["cheap", "springs"])
def test_a_run_on_a_surrogate_counts_true_energies_and_goes_on(surrogate, theirs, tmp_path):
    out = tmp_path / "out"
    words = ["--set", f"engine.surrogate=theirs.py:{surrogate}", "--out", str(out), "--quiet", "--workers", "1"]
    assert execute(["run", str(theirs / "run.toml"), *words]) == 0
    assert execute(["resume", str(out), "--jumps", "4", "--quiet"]) == 0
    record, summary = read_record(out / "run.h5"), json.loads((out / "summary.json").read_text())
    turns = record.turns
    paths = (turns["steps"] > 0) & (turns["outcome"] != Outcome.GIVEN_UP)
    assert summary["true_energies"] == paths.sum() + len(turns)
    assert summary["exact"]["value"]
    assert record.header.surrogate.endswith(f"theirs.py:{surrogate}")
    assert any("go on the surrogate" in note for note in record.header.notes)
    assert not turns["look_fraction"].any()


def test_works_are_those_of_the_system_and_steps_those_of_the_surrogate(theirs):
    setup = from_config(load(theirs / "run.toml"), theirs)
    spec = setup.walkers.spec(setup)
    assert isinstance(spec, SurrogateSpec)
    engine, truth, surrogate = spec.build(), spec.engine_of(spec.truth), spec.engine_of(spec.surrogate)
    start = setup.walkers.starts[0]
    judged, moved = (each.free_path(start, 4, 0.0, np.random.default_rng(1)) for each in (engine, surrogate))
    assert np.array_equal(judged.frame.positions, moved.frame.positions)
    ends = [truth.potential_energy(frame) - surrogate.potential_energy(frame) for frame in (start, judged.frame)]
    assert judged.work == pytest.approx(moved.work + (ends[1] - ends[0]) / spec.kT, abs=1e-9)
    assert judged.potential_energy == pytest.approx(truth.potential_energy(judged.frame), rel=1e-12)
    above = [truth.potential_energy(frame) - surrogate.potential_energy(frame) for frame in setup.walkers.starts]
    assert spec.offset == pytest.approx(np.mean(above))


def test_a_script_s_surrogate_is_found_from_elsewhere_later(theirs, monkeypatch):
    """Its file is named from where the script runs, and a resumed run has the full path."""
    monkeypatch.chdir(theirs)
    files = {"low": "low.xyz", "high": "high.xyz"}
    system = cvflow.ase_system("theirs.py:cluster", 300.0)
    run = {"walkers": 2, "adapt_jumps": 1, "adapt_limit": 1, "jumps": 2, "local_steps": 3, "equilibration_moves": 1}
    with pytest.warns(UserWarning, match="go on the surrogate"):
        cvflow.sample(
            system, [cvflow.cv.anisotropy("a", range(6))], {"low": "a < 0.22", "high": "a >= 0.22"}, files,
            out=theirs / "out", workers=1, engine={"surrogate": "theirs.py:cheap"},
            path={"steps": 6, "timestep": 0.015, "kappa": 500.0},
            proposal={"means": [[0.2]], "sigmas": [[0.1]], "weights": [1.0]}, **run,
        )  # fmt: skip
    monkeypatch.chdir(theirs.parent)
    assert execute(["resume", str(theirs / "out"), "--jumps", "3", "--quiet"]) == 0
    assert read_record(theirs / "out" / "run.h5").header.surrogate == f"{theirs / 'theirs.py'}:cheap"


def test_an_edited_surrogate_is_noticed(theirs, tmp_path, capsys):
    out = tmp_path / "out"
    (theirs / "mine.py").write_text(FUNCTIONS)
    words = ["--set", "engine.surrogate=mine.py:cheap", "--out", str(out), "--quiet", "--workers", "1"]
    assert execute(["run", str(theirs / "run.toml"), *words]) == 0
    (theirs / "mine.py").write_text(FUNCTIONS.replace("epsilon=0.5", "epsilon=0.4"))
    assert execute(["resume", str(out), "--jumps", "4", "--quiet"]) == 2
    assert "mine.py" in capsys.readouterr().err


MISUSE = {
    "no function": ({"surrogate": "theirs.py"}, 'is not of the form "file.py:function"'),
    "none there": ({"surrogate": "theirs.py:none"}, "has no function none"),
    "other atoms": ({"surrogate": "theirs.py:smaller"}, "has other atoms than the system"),
    "rigid bonds": ({"surrogate": "theirs.py:rigid"}, "it has other rigid bonds or virtual sites than the system"),
    "another engine": ({"name": "batch", "temperature": None}, "surrogate is a word of OpenMM's and ASE's"),
}


@pytest.mark.parametrize("what", MISUSE)
def test_misuse_is_one_line(what, theirs):
    changed, mend = MISUSE[what]
    values = load(theirs / "run.toml").model_dump(exclude_none=True, exclude_defaults=True)
    engine = {key: value for key, value in (values["engine"] | changed).items() if value is not None}
    with pytest.raises(ConfigError) as error:
        from_config(parse(values | {"engine": engine}, "run.toml"), theirs)
    assert mend in str(error.value)
    assert "\n" not in str(error.value)


def test_moves_that_nobody_decides_are_refused(theirs):
    with pytest.raises(ConfigError, match="would sample the surrogate"):
        from_config(load(theirs / "run.toml", ["run.local=langevin"]), theirs)
