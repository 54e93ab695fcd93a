"""The molecule is built from nothing: its geometry, its force field, and a run from end to end."""

import json

import numpy as np
import openmm
import pytest
from openmm import app, unit

from cvflow.cli.commands import execute
from cvflow.core.states import States
from cvflow.core.units import thermal_energy
from cvflow.engines.openmm import OpenMMSpec, prepare
from cvflow.systems import AlanineDipeptide, AlanineDipeptideImplicit
from cvflow.systems.peptide import PHI, PSI, alanine_dipeptide_positions, alanine_dipeptide_topology
from tests.systems.alanine_umbrella import reference, torsion

BOTH = [AlanineDipeptide(), AlanineDipeptideImplicit()]
OMEGAS = ((1, 4, 6, 8), (8, 14, 16, 18))


def context(system):
    return openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform("Reference"))


def energy_and_forces(system, positions):
    here = context(system)
    here.setPositions(positions)
    state = here.getState(getEnergy=True, getForces=True)
    return state.getPotentialEnergy()._value, state.getForces(asNumpy=True)._value


@pytest.mark.parametrize(("phi", "psi"), [(-1.4, 1.1), (1.1, -0.8), (3.1, -3.1), (0.0, 0.5)])
def test_torsions_are_those_asked_for(phi, psi):
    positions = alanine_dipeptide_positions(phi, psi)
    assert torsion(positions, PHI) == pytest.approx(phi)
    assert torsion(positions, PSI) == pytest.approx(psi)
    assert [abs(torsion(positions, omega)) for omega in OMEGAS] == pytest.approx([np.pi, np.pi])


def test_it_is_the_l_form():
    """Looked at from the hydrogen, C, CB and N of the middle residue follow each other clockwise."""
    positions = alanine_dipeptide_positions(-1.4, 1.1)
    hydrogen, c, cb, n = (positions[i] - positions[8] for i in (9, 14, 10, 6))
    for first, second in ((c, cb), (cb, n), (n, c)):
        assert np.cross(first, second) @ hydrogen < 0


def test_atoms_and_bonds():
    topology = alanine_dipeptide_topology()
    names = [atom.name for atom in topology.atoms()]
    assert (len(names), topology.getNumBonds()) == (22, 21)
    assert [residue.name for residue in topology.residues()] == ["ACE", "ALA", "NME"]
    assert [names[i] for i in PHI] == ["C", "N", "CA", "C"]
    assert [names[i] for i in PSI] == ["N", "CA", "C", "N"]
    positions = alanine_dipeptide_positions(-1.4, 1.1)
    for first, second in topology.bonds():
        hydrogen = "H" in (first.element.symbol, second.element.symbol)
        length = np.linalg.norm(positions[first.index] - positions[second.index])
        assert length == pytest.approx(0.105 if hydrogen else 0.138, abs=0.02)


@pytest.mark.parametrize("reference", BOTH, ids=lambda system: system.name)
def test_starts_minimise_within_their_states(reference):
    engine = OpenMMSpec(
        openmm.XmlSerializer.serialize(reference.system()), reference.cvs(), reference.kT, 0.0005, platform="Reference"
    ).build()
    states = States(reference.states, ["phi", "psi"])
    for index, name in enumerate(states.names):
        frame = reference.start(name, np.random.default_rng(0))
        frame = engine.minimise(frame, np.zeros(2), np.zeros(2))
        assert states.assign(engine.cv_values(frame)[None]) == index
        assert engine.potential_energy(frame) < -70
    with pytest.raises(ValueError, match="no state"):
        reference.start("alpha", np.random.default_rng(0))


@pytest.mark.parametrize("reference", BOTH, ids=lambda system: system.name)
def test_bonds_to_hydrogen_are_free_and_masses_change_no_energy(reference):
    """Heavy hydrogens are a choice of momenta: no constraint, and the same potential as with masses of nature."""
    heavy = reference.system()
    light = type(reference)(hydrogen_mass=1.008).system()
    assert heavy.getNumConstraints() == 0
    elements = [atom.element.symbol for atom in reference.topology().atoms()]
    for system, mass in ((heavy, 4.0), (light, 1.008)):
        masses = [system.getParticleMass(i)._value for i in range(22)]
        assert {m for m, element in zip(masses, elements, strict=True) if element == "H"} == {mass}
        assert min(m for m, element in zip(masses, elements, strict=True) if element != "H") > 11
    positions = alanine_dipeptide_positions(-1.2, 0.9)
    (first, pull), (second, other) = (energy_and_forces(system, positions) for system in (heavy, light))
    assert first == second
    assert np.array_equal(pull, other)
    assert prepare(heavy).notes == ()


def test_the_potential_is_openmm_s_for_the_same_molecule_from_a_pdb(tmp_path):
    """Names and bonds survive the format, and the force field finds the same terms."""
    positions = alanine_dipeptide_positions(-1.2, 0.9)
    with (tmp_path / "a.pdb").open("w") as file:
        app.PDBFile.writeFile(alanine_dipeptide_topology(), positions * unit.nanometer, file)
    pdb = app.PDBFile(str(tmp_path / "a.pdb"))
    system = app.ForceField("amber99sbildn.xml").createSystem(pdb.topology, nonbondedMethod=app.NoCutoff)
    ours = energy_and_forces(AlanineDipeptide().system(), positions)[0]
    assert energy_and_forces(system, positions)[0] == pytest.approx(ours, abs=1e-6)


def test_parameters_out_of_range_are_refused():
    for name in ("temperature", "hydrogen_mass"):
        with pytest.raises(ValueError, match="positive"):
            AlanineDipeptide(**{name: 0.0})


def test_the_reference_has_its_error():
    for solvent in ("vacuum", "obc"):
        assert 0 < reference(solvent).stderr < 0.1
        assert 0 < reference(solvent).delta_f < 10


CONFIG = """
run = { walkers = 2, adapt_jumps = 6, adapt_limit = 1, jumps = 6, local_steps = 50 }
system = { name = "alanine_dipeptide" }
engine = { temperature = 310.0 }
path = { steps = 100 }
flow = { transforms = 1, retrain_every = 6 }
"""


def test_a_run_from_end_to_end(tmp_path, capsys):
    (tmp_path / "config.toml").write_text(CONFIG)
    assert execute(["run", str(tmp_path / "config.toml"), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "WARNING" in printed
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["cvs"] == ["phi", "psi"]
    assert summary["kT"] == pytest.approx(thermal_energy(310.0))
    assert summary["exact"]["value"]
    assert {name: visits["started"] for name, visits in summary["states"].items()} == {"C7eq": 1, "C7ax": 1}
    assert (tmp_path / "out" / "fes_phi_psi.png").is_file()
    grid = (tmp_path / "out" / "fes.dat").read_text()
    assert "#! SET min_phi -pi\n#! SET max_phi pi\n" in grid
    assert "#! SET periodic_psi true\n" in grid
    resolved = (tmp_path / "out" / "config.resolved.toml").read_text()
    assert "timestep = 0.0015" in resolved
    assert 'platform = "Reference"' in resolved
    assert execute(["fes", str(tmp_path / "out"), "--cv", "psi", "--cv", "phi", "--bins", "9"]) == 0
    assert (tmp_path / "out" / "fes_psi_phi.png").is_file()
    assert execute(["resume", str(tmp_path / "out"), "--jumps", "8", "--quiet"]) == 0
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["jumps"]["proposed"] == 16


def test_two_temperatures_are_refused(tmp_path, capsys):
    (tmp_path / "config.toml").write_text(CONFIG.replace('dipeptide"', 'dipeptide", parameters.temperature = 300.0'))
    assert execute(["run", str(tmp_path / "config.toml"), "--out", str(tmp_path / "out")]) == 2
    assert "give one" in capsys.readouterr().err
