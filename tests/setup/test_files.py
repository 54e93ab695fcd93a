"""Molecules from a PDB and a force field; the example that users copy."""

import json
import shutil
import tomllib
from pathlib import Path

import numpy as np
import openmm
import pytest
from openmm import app, unit

import cvflow
from cvflow.cli.commands import execute
from cvflow.config.settings import ConfigError, load
from cvflow.host.openmm_xml import deserialised
from cvflow.setup import from_config, header
from cvflow.setup.files.molecule import parametrised
from cvflow.systems.peptide import alanine_dipeptide_positions, alanine_dipeptide_topology
from tests.systems.alanine_umbrella import torsion

EXAMPLE = Path(__file__).parents[2] / "examples" / "alanine"
SHORT = [
    "run.walkers=2", "run.adapt_jumps=4", "run.adapt_limit=1", "run.jumps=4", "run.local_steps=50", "path.steps=60",
]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """A user's copy of the example."""
    shutil.copytree(EXAMPLE, tmp_path / "mine")
    return tmp_path / "mine"


def build(folder, *settings):
    return from_config(load(folder / "config.toml", list(settings)), folder)


def start_energy(setup):
    """Of the first walker's start, by the engine of the run [kJ/mol]."""
    return setup.walkers.spec(setup).build().potential_energy(setup.walkers.starts[0])


def test_the_example_runs_and_goes_on(folder, capsys):
    settings = [word for setting in SHORT for word in ("--set", setting)]
    assert execute(["run", str(folder / "config.toml"), "--out", str(folder / "out"), "--quiet", *settings]) == 0
    assert "warning" not in capsys.readouterr().out
    summary = json.loads((folder / "out" / "summary.json").read_text())
    assert summary["exact"]["value"]
    assert summary["states"]["C7ax"]["started"] == 1
    for file in folder.glob("*.pdb"):
        file.unlink()
    assert execute(["resume", str(folder / "out"), "--jumps", "6", "--quiet"]) == 0


def test_the_example_s_structures_are_those_of_the_project(folder):
    """Two starts of the same atoms as the built-in system, one in each state."""
    ours = [atom.element for atom in alanine_dipeptide_topology().atoms()]
    for state in ("c7eq", "c7ax"):
        pdb = app.PDBFile(str(folder / f"{state}.pdb"))
        assert [atom.element for atom in pdb.topology.atoms()] == ours
    setup = build(folder, "run.walkers=2")
    assert setup.notes == ()
    assert setup.states.assign(
        np.array([[cv.evaluate(f) for cv in setup.walkers.spec(setup).cvs] for f in setup.walkers.starts])
    ).tolist() == [
        0,
        1,
    ]
    positions = setup.walkers.starts[0].positions
    assert [cv.evaluate(setup.walkers.starts[0]) for cv in setup.walkers.spec(setup).cvs] == pytest.approx(
        [torsion(positions, (4, 6, 8, 14)), torsion(positions, (6, 8, 14, 16))]
    )


def test_the_potential_is_the_force_field_s(folder):
    setup = build(folder)
    pdb = app.PDBFile(str(folder / "c7eq.pdb"))
    system = app.ForceField("amber14-all.xml").createSystem(pdb.topology, nonbondedMethod=app.NoCutoff)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform("Reference"))
    context.setPositions(pdb.positions)
    energy = context.getState(getEnergy=True).getPotentialEnergy()._value
    assert start_energy(setup) == pytest.approx(energy, abs=1e-4)
    system = deserialised(setup.files["system.xml"], "system.xml")
    assert system.getNumConstraints() == 0
    assert system.getParticleMass(0)._value == 4.0


def test_a_file_beside_the_config_is_taken_before_openmm_s(folder):
    data = Path(app.__file__).parent / "data"
    shutil.copy(data / "amber99sbildn.xml", folder / "mine.xml")
    here = build(folder, 'system.forcefield=["mine.xml"]')
    there = build(folder, 'system.forcefield=["amber99sbildn.xml"]')
    energies = [start_energy(setup) for setup in (here, there)]
    assert energies[0] == energies[1]


def test_the_time_step_of_molecules_is_short_where_none_is_given(folder):
    text = (folder / "config.toml").read_text().replace("timestep = 0.0015", "")
    (folder / "config.toml").write_text(text)
    assert build(folder).config.path.timestep == 0.0005


def test_a_box_means_pme():
    topology = alanine_dipeptide_topology()
    field = app.ForceField("amber99sbildn.xml")

    def method():
        (force,) = [f for f in parametrised(topology, field).getForces() if isinstance(f, openmm.NonbondedForce)]
        return force.getNonbondedMethod()

    assert method() == openmm.NonbondedForce.NoCutoff
    topology.setPeriodicBoxVectors(np.eye(3) * 3 * unit.nanometer)
    assert method() == openmm.NonbondedForce.PME


MISUSE = {
    "no force field": (["system.forcefield=[]"], "pdb needs forcefield"),
    "a force field that is not there": (['system.forcefield=["amber2000.xml"]'], "amber2000.xml cannot be read"),
    "a force field that is none": (['system.forcefield=["config.toml"]'], "config.toml cannot be read"),
    "a force field of water": (['system.forcefield=["tip3p.xml"]'], "does not fit c7eq.pdb"),
    "no such pdb": (['system.pdb="nowhere.pdb"'], "nowhere.pdb cannot be read"),
    "no temperature": (["engine.temperature=0.0"], "engine.temperature"),
    "a start for an unknown state": (["system.starts.alpha='c7eq.pdb'"], "unknown state 'alpha'"),
    "both starts in one state": (["system.starts.C7ax='c7eq.pdb'"], "one structure per state"),
    "a start of other atoms": (["system.starts.C7ax='swapped.pdb'"], "the same atoms in the same order"),
    "masses of an XML": (["system.hydrogen_mass=-1.0"], "system.hydrogen_mass"),
}


@pytest.mark.parametrize("what", MISUSE)
def test_misuse_is_one_line(what, folder):
    settings, words = MISUSE[what]
    lines = (folder / "c7ax.pdb").read_text().splitlines()
    lines[1], lines[2] = lines[2], lines[1]
    (folder / "swapped.pdb").write_text("\n".join(lines) + "\n")
    with pytest.raises(ConfigError) as refused:
        build(folder, *settings)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_jumps_need_starts_in_two_states(folder):
    """Their distance sets the path lengths; there is no walker for a start that would be made."""
    with pytest.raises(ConfigError, match="fewer than two"):
        build(folder, "run.walkers=2", "states.C7ax='0 < phi < 0.9'", "states.alpha='0.9 <= phi < 2.1 and psi > 1'")


SWAPPED = ["system.starts.C7eq='c7ax.pdb'", "system.starts.C7ax='c7eq.pdb'"]


def test_starts_with_swapped_names_are_refused_in_one_line_with_both(folder):
    with pytest.raises(ConfigError, match="lies in another state than its name says") as refused:
        build(folder, *SWAPPED)
    assert "C7eq (phi = 1.05, psi = -0.729) lies in C7ax" in str(refused.value)
    assert "C7ax (phi = -1.36, psi = 0.958) lies in C7eq" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_nothing_is_written_where_a_start_is_refused(folder, capsys):
    words = [word for setting in SWAPPED for word in ("--set", setting)]
    assert execute(["run", str(folder / "config.toml"), "--out", str(folder / "out"), *words]) == 2
    assert not (folder / "out").exists()
    assert capsys.readouterr().out == ""


def test_every_start_is_shown_in_words(folder):
    setup = build(folder)
    assert setup.opening_words == (
        "start C7eq: phi = -1.36, psi = 0.958: C7eq",
        "start C7ax: phi = 1.05, psi = -0.729: C7ax",
    )
    assert header(setup, np.ones(2), 1).notes[:2] == list(setup.opening_words)


def with_cell(folder, side):
    """The structures with a cubic cell [Å] in their CRYST1 lines."""
    for path in folder.glob("*.pdb"):
        cell = f"CRYST1{side:9.3f}{side:9.3f}{side:9.3f}  90.00  90.00  90.00 P 1           1\n"
        path.write_text(cell + path.read_text())


@pytest.mark.parametrize("fields", [[], ["implicit/obc2.xml"]])
def test_a_cell_of_one_angstrom_is_no_box(folder, fields):
    plain = build(folder, f"system.forcefield={json.dumps(['amber14-all.xml', *fields])}")
    with_cell(folder, 1.0)
    setup = build(folder, f"system.forcefield={json.dumps(['amber14-all.xml', *fields])}")
    assert setup.notes == (
        "system.pdb: the CRYST1 line of c7eq.pdb has a cell of 1 Å or less, which is no box: dropped",
    )
    assert all("0.1 x 0.1 x 0.1 nm, is dropped" in line for line in setup.opening_words)
    assert start_energy(setup) == start_energy(plain)


def test_implicit_solvent_in_a_true_box_is_refused_with_the_line_to_remove(folder):
    with_cell(folder, 30.0)
    with pytest.raises(ConfigError, match="CRYST1 line makes the system periodic, and implicit solvent has no box"):
        build(folder, 'system.forcefield=["amber14-all.xml", "implicit/obc2.xml"]')


def test_one_structure_for_two_states_is_refused(folder):
    settings = [
        "states.C7ax='0 < phi < 2.1 and psi < 0'",
        "states.alpha='phi < -2.9'",
        "system.starts.alpha='c7ax.pdb'",
    ]
    with pytest.raises(ConfigError, match=r"alpha \(phi = 1.05, psi = -0.729\) lies in C7ax"):
        build(folder, *settings)


@pytest.mark.parametrize("femtoseconds", [0.5, 2.0])
def test_time_steps_in_femtoseconds_are_recognised(folder, femtoseconds):
    with pytest.raises(ConfigError, match=rf"in ps, not fs; {femtoseconds:g} fs is {femtoseconds / 1000:g}"):
        build(folder, f"path.timestep={femtoseconds}")


def test_a_temperature_that_looks_like_celsius_is_a_warning(folder):
    assert "25 K; if °C are meant, it is 298.15 K" in build(folder, "engine.temperature=25").notes[0]


def test_every_start_needs_a_walker(folder):
    with pytest.raises(ConfigError, match=r"run\.walkers = 1: a walker is needed for each of the 2 states"):
        build(folder, "run.walkers=1")


def test_python_takes_the_same_molecule(folder):
    values = tomllib.loads((folder / "config.toml").read_text())
    pdb = app.PDBFile(str(folder / "c7eq.pdb"))
    system = cvflow.openmm_system(pdb.topology, app.ForceField("amber14-all.xml"), temperature=300, hydrogen_mass=4.0)
    assert system.system.getParticleMass(0)._value == 4.0
    cvs = [cvflow.cv.torsion(cv["name"], *cv["atoms"]) for cv in values["cv"]]
    with pytest.warns(UserWarning, match="^warning: ") as noted:
        result = cvflow.sample(
            system,
            cvs=cvs,
            states=values["states"] | {"C7ax": "0 < phi < 0.9 or phi > 1.9 and phi < 2.1", "right": "0.95 < phi < 1.5"},
            starts={
                "C7eq": folder / "c7eq.pdb",
                "C7ax": alanine_dipeptide_positions(1.7, -0.8),
                "right": folder / "c7ax.pdb",
            },
            out=folder / "out",
            quiet=True,
            walkers=3,
            adapt_jumps=3,
            adapt_limit=1,
            jumps=4,
            local_steps=20,
            path={"steps": 30, "timestep": 0.001},
            engine={"platform": "Reference"},
        )
    texts = "\n".join(str(warning.message) for warning in noted)
    assert "the start of C7ax (phi = 1.7, psi = -0.8) lies in no named state" in texts
    assert "no walker starts in C7ax" in texts
    assert result.plot_fes("phi", "psi").axes
    assert any(
        "fewer than" in caution or "No mode change" in caution for caution in result.delta_f("C7eq", "right").cautions
    )
