"""Molecules with constraints from files: their starts, their time step, whole runs."""

import json
import shutil
from pathlib import Path

import MDAnalysis
import numpy as np
import openmm
import pytest
from openmm import app, unit

import cvflow
from cvflow.cli.commands import execute
from cvflow.config.settings import ConfigError, load, parse
from cvflow.core.frames import Frame
from cvflow.engines.openmm import rigid_parts
from cvflow.setup import from_config
from cvflow.setup.magnitudes import usual_timestep
from cvflow.setup.starts.placing import check_bond_lengths
from cvflow.setup.starts.walker_starts import WalkerStarts
from cvflow.systems.peptide import alanine_dipeptide_topology
from tests.engines.waters import cluster
from tests.run.test_run import chain

EXAMPLE = Path(__file__).parents[2] / "examples" / "alanine"
CONFIG = """
[run]
walkers = 2
adapt_jumps = 4
adapt_limit = 1
jumps = 4
local_steps = 40

[system]
xml = "system.xml"
topology = "c7eq.pdb"
starts = { C7eq = "c7eq.pdb", C7ax = "c7ax.pdb" }

[engine]
temperature = 300.0
platform = "Reference"

[[cv]]
name = "phi"
type = "torsion"
atoms = ["resname ACE and name C", "resname ALA and name N", "resname ALA and name CA", "resname ALA and name C"]

[states]
C7eq = "phi <= 0 or phi >= 2.1"
C7ax = "0 < phi < 2.1"

[path]
steps = 40
kappa = 600.0
"""


def peptide(**options) -> openmm.System:
    field = app.ForceField("amber14-all.xml")
    return field.createSystem(
        alanine_dipeptide_topology(), nonbondedMethod=app.NoCutoff, removeCMMotion=False, **options
    )


@pytest.fixture
def folder(tmp_path):
    """A user's files: alanine dipeptide with bonds to hydrogen rigid, as OpenMM serialises it."""
    mine = tmp_path / "mine"
    mine.mkdir()
    for name in ("c7eq.pdb", "c7ax.pdb"):
        shutil.copy(EXAMPLE / name, mine)
    (mine / "system.xml").write_text(openmm.XmlSerializer.serialize(peptide(constraints=app.HBonds)))
    (mine / "config.toml").write_text(CONFIG)
    return mine


def run(*words) -> int:
    return execute([*map(str, words), "--quiet"])


def test_a_run_with_rigid_bonds_goes_on_bit_by_bit(folder, capsys):
    """Its bonds are kept in all frames, and what is reported is called exact."""
    config = folder / "config.toml"
    assert run("run", config, "--out", folder / "whole", "--set", "run.jumps=6") == 0
    assert run("run", config, "--out", folder / "parts") == 0
    assert run("resume", folder / "parts", "--jumps", "6") == 0
    assert chain(folder / "parts") == chain(folder / "whole")
    summary = json.loads((folder / "whole" / "summary.json").read_text())
    assert summary["exact"]["value"]
    assert "rigid bonds" in summary["exact"]["reason"]
    assert sum(summary["jumps"]["failed"].values()) == 0
    assert (folder / "whole" / "COLVAR").exists()
    resolved = load(folder / "whole" / "config.resolved.toml")
    assert resolved.path.timestep == 0.002
    rigid = rigid_parts(peptide(constraints=app.HBonds))
    assert len(rigid.pairs) == 12
    for walker in range(2):
        files = (folder / "whole" / name for name in ("topology.pdb", f"walker_{walker}.xtc"))
        for state in MDAnalysis.Universe(*map(str, files)).trajectory:
            assert np.abs(rigid.off(state.positions.astype(float) / 10)).max() < 2e-3  # what an .xtc keeps


def test_starts_are_put_on_the_bonds_lengths(folder):
    """PDB files have three decimals of an Å."""
    setup = from_config(load(folder / "config.toml"), folder)
    for frame in setup.walkers.starts:
        assert np.abs(rigid_parts(peptide(constraints=app.HBonds)).off(frame.positions)).max() < 1e-6


def moved(folder, hydrogen, by):
    pdb = app.PDBFile(str(folder / "c7ax.pdb"))
    positions = pdb.getPositions(asNumpy=True)._value
    pairs = [{first.index, second.index} for first, second in pdb.topology.bonds()]
    (carbon,) = next(pair for pair in pairs if hydrogen in pair) - {hydrogen}
    along = positions[hydrogen] - positions[carbon]
    positions[hydrogen] += by * along / np.linalg.norm(along)
    with (folder / "c7ax.pdb").open("w") as file:
        app.PDBFile.writeFile(pdb.topology, positions * unit.nanometer, file)


def test_a_start_off_its_bonds_is_mended_and_said(folder):
    moved(folder, 0, 0.005)
    setup = from_config(load(folder / "config.toml"), folder)
    assert dict(setup.opening.said)["C7ax"].startswith("rigid bonds were up to 0.00")


def test_a_start_far_off_its_bonds_is_refused(folder):
    moved(folder, 0, 0.05)
    with pytest.raises(ValueError, match=r"the start of C7ax: atoms \d+ and \d+ are 0.15\d nm apart") as error:
        from_config(load(folder / "config.toml"), folder)
    assert "\n" not in str(error.value)


def test_starts_of_rigid_water_in_another_unit_are_noticed():
    """All bonds are constraints there, and none is a harmonic one."""
    system, x = cluster("tip3p")
    check_bond_lengths(WalkerStarts((Frame(x, None),), ("a",)), system)
    with pytest.raises(ValueError, match="look like Å"):
        check_bond_lengths(WalkerStarts((Frame(10 * x, None),), ("a",)), system)


STEPS = {
    "flexible": (lambda: peptide(), 0.0005),
    "flexible, heavy": (lambda: peptide(hydrogenMass=4 * unit.amu), 0.0005),
    "bonds to hydrogen": (lambda: peptide(constraints=app.HBonds), 0.002),
    "all bonds": (lambda: peptide(constraints=app.AllBonds), 0.002),
    "heavy": (lambda: peptide(constraints=app.HBonds, hydrogenMass=3 * unit.amu), 0.004),
    "not heavy enough": (lambda: peptide(constraints=app.HBonds, hydrogenMass=2 * unit.amu), 0.002),
    "rigid water": (lambda: cluster("tip3p")[0], 0.002),
    "rigid water with sites": (lambda: cluster("tip4pew")[0], 0.002),
    "flexible water": (lambda: cluster("tip3p", rigid=False)[0], 0.0005),
    "rigid water around a flexible molecule": (lambda: beside(peptide(), cluster("tip3p")[0]), 0.0005),
    "water around a molecule with heavy hydrogens": (
        lambda: beside(peptide(constraints=app.HBonds, hydrogenMass=4 * unit.amu), cluster("tip3p")[0]), 0.004,
    ),
}  # fmt: skip


def beside(system, other):
    """The masses and constraints of both."""
    first = system.getNumParticles()
    for i in range(other.getNumParticles()):
        system.addParticle(other.getParticleMass(i))
    for i in range(other.getNumConstraints()):
        a, b, length = other.getConstraintParameters(i)
        system.addConstraint(first + a, first + b, length)
    return system


@pytest.mark.parametrize("what", STEPS)
def test_the_time_step_that_goes_without_saying(what):
    made, timestep = STEPS[what]
    assert usual_timestep(made()) == timestep


def test_the_api_takes_constraints_and_their_time_step(tmp_path):
    starts = {state: str(EXAMPLE / f"{state.lower()}.pdb") for state in ("C7eq", "C7ax")}
    phi, topology = cvflow.cv.torsion("phi", 4, 6, 8, 14), app.PDBFile(str(EXAMPLE / "c7eq.pdb")).topology
    result = cvflow.sample(
        cvflow.openmm_system(topology, peptide(constraints=app.HBonds), 300.0),
        cvs=[phi], states={"C7eq": "phi <= 0 or phi >= 2.1", "C7ax": "0 < phi < 2.1"}, starts=starts,
        out=tmp_path / "out", quiet=True, walkers=2, adapt_jumps=4, adapt_limit=1, jumps=4, local_steps=20,
        path={"steps": 20, "kappa": 600.0}, engine={"platform": "Reference", "constraint_tolerance": 1e-7},
    )  # fmt: skip
    config = load(tmp_path / "out" / "config.resolved.toml")
    assert (config.path.timestep, config.engine.constraint_tolerance) == (0.002, 1e-7)
    assert result.summary["exact"]["value"]


def test_a_tolerance_that_is_too_loose_is_refused_before_anything_is_written(folder, capsys):
    words = ["--out", folder / "out", "--set", "engine.constraint_tolerance=1e-3"]
    assert run("run", folder / "config.toml", *words) == 2
    assert "engine.constraint_tolerance = 0.001 is refused" in capsys.readouterr().err
    assert not (folder / "out").exists()


def test_the_tolerance_is_openmm_s_word():
    with pytest.raises(ConfigError, match="constraint_tolerance is another engine's word"):
        parse({"engine": {"name": "lammps", "constraint_tolerance": 1e-6}}, "here")
