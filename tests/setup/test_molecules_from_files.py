"""Molecules of Amber, GROMACS, CHARMM, the PDB and mmCIF: the potential is that of OpenMM's own readers."""

import json
import random
import re
from pathlib import Path

import MDAnalysis
import numpy as np
import openmm
import pytest
from openmm import app, unit

import cvflow
from cvflow.cli.commands import execute
from cvflow.config.settings import ConfigError, parse
from cvflow.setup import from_config, from_objects
from cvflow.setup.files.molecule import molecule_of
from cvflow.setup.files.solvation import seeded
from cvflow.setup.starts.structure_file import read_structure
from tests.setup.molecules_at_hand import ENDS, SYSTEMS, build, config, fill, first, write_frames

pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
"""OpenMM's reader of top files leaves them open."""


@pytest.fixture
def folder(tmp_path):
    fill(tmp_path)
    return tmp_path


def by_openmm(kind, folder, **arguments):
    """Topology and System by OpenMM's own reader."""
    given = SYSTEMS[kind]
    match kind:
        case "prmtop":
            file = app.AmberPrmtopFile(str(folder / given["prmtop"]))
        case "top":
            box = first(kind, folder).box
            file = app.GromacsTopFile(str(folder / given["top"]), periodicBoxVectors=box * unit.nanometer)
        case "psf":
            file = app.CharmmPsfFile(str(folder / given["psf"]))
            parameters = app.CharmmParameterSet(*(str(folder / name) for name in given["parameter_files"]))
            return file.topology, file.createSystem(parameters, **arguments)
        case _:
            reader = app.PDBFile if kind == "pdb" else app.PDBxFile
            topology = reader(str(folder / given[kind])).topology
            return topology, app.ForceField(*given["forcefield"]).createSystem(topology, **arguments)
    return file.topology, file.createSystem(**arguments)


def energy(system, frame):
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform("Reference"))
    if frame.box is not None and system.usesPeriodicBoundaryConditions():
        context.setPeriodicBoxVectors(*frame.box)
    context.setPositions(frame.positions)
    return context.getState(getEnergy=True).getPotentialEnergy()._value


def energies(setup):
    engine = setup.walkers.spec(setup).build()
    return [engine.potential_energy(frame) for frame in setup.walkers.starts]


def check_same(setup, system):
    ours = energies(setup)
    assert ours == pytest.approx([energy(system, frame) for frame in setup.walkers.starts], rel=1e-6)
    assert ours[0] != pytest.approx(ours[1], rel=1e-3)


@pytest.mark.parametrize("kind", [kind for kind in SYSTEMS if kind != "top"])
def test_the_potential_is_that_of_openmm_s_reader(kind, folder):
    topology, system = by_openmm(kind, folder, rigidWater=False)
    setup = build(kind, folder)
    check_same(setup, system)
    assert [atom.name for atom in setup.topology.atoms()] == [atom.name for atom in topology.atoms()]


def test_a_periodic_top_takes_the_box_of_the_starts(folder):
    """Its gro file has 3 nm; PME is what a box means where nothing is said."""
    _, system = by_openmm("top", folder, rigidWater=False, nonbondedMethod=app.PME)
    setup = build("top", folder)
    check_same(setup, system)
    assert setup.walkers.starts[0].box[0, 0] == pytest.approx(first("top", folder).box[0, 0])


OPTIONS = {
    "a cutoff": (
        "prmtop",
        {"nonbonded_method": "CutoffNonPeriodic", "nonbonded_cutoff": 0.6, "switch_distance": 0.5},
        {"nonbondedMethod": app.CutoffNonPeriodic, "nonbondedCutoff": 0.6, "switchDistance": 0.5},
    ),
    "implicit solvent": ("prmtop", {"implicit_solvent": "obc2"}, {"implicitSolvent": app.OBC2}),
    "Ewald": (
        "top",
        {"nonbonded_method": "ewald", "nonbonded_cutoff": 1.2, "ewald_error_tolerance": 1e-5},
        {"nonbondedMethod": app.Ewald, "nonbondedCutoff": 1.2, "ewaldErrorTolerance": 1e-5},
    ),
    "no cutoff in a box": ("top", {"nonbonded_method": "NoCutoff"}, {"nonbondedMethod": app.NoCutoff}),
    "a switched force field": (
        "pdb",
        {"nonbonded_method": "CutoffNonPeriodic", "nonbonded_cutoff": 0.7, "switch_distance": 0.6},
        {"nonbondedMethod": app.CutoffNonPeriodic, "nonbondedCutoff": 0.7, "switchDistance": 0.6},
    ),
}


@pytest.mark.parametrize("what", OPTIONS)
def test_options_are_openmm_s(what, folder):
    kind, words, arguments = OPTIONS[what]
    _, system = by_openmm(kind, folder, rigidWater=False, **arguments)
    setup = build(kind, folder, **words)
    check_same(setup, system)
    plain = energies(build(kind, folder))
    assert energies(setup)[0] != pytest.approx(plain[0], rel=1e-5)


def test_a_box_given_in_words_takes_three_lengths_or_angles_too(folder):
    frame = first("psf", folder)
    for box, vectors in (
        ([3.0, 3.2, 3.4], np.diag([3.0, 3.2, 3.4])),
        ([3.0, 3.0, 3.0, 90.0, 90.0, 80.0], np.array([[3.0, 0, 0], [0.52094453, 2.95442326, 0], [0, 0, 3.0]])),
    ):
        setup = build("psf", folder, box=box)
        np.testing.assert_allclose(setup.walkers.starts[0].box, vectors, atol=1e-8)
        file = app.CharmmPsfFile(str(folder / "water_methanol.psf"))
        file.box_vectors = vectors * unit.nanometer
        parameters = app.CharmmParameterSet(str(folder / "water_methanol.prm"))
        system = file.createSystem(parameters, nonbondedMethod=app.PME, rigidWater=False)
        expected = energy(system, frame._replace(positions=setup.walkers.starts[0].positions, box=vectors))
        assert energies(setup)[0] == pytest.approx(expected, rel=1e-6)


def test_what_a_top_includes_is_found_in_the_folder_that_is_named(folder):
    text = (folder / "benzene.top").read_text()
    begin, end = text.index("[ atomtypes ]"), text.index("[ moleculetype ]")
    (folder / "fields" / "mine.ff").mkdir(parents=True)
    (folder / "fields" / "mine.ff" / "forcefield.itp").write_text(text[begin:end])
    (folder / "short.top").write_text(f'{text[:begin]}#include "mine.ff/forcefield.itp"\n{text[end:]}')
    whole = energies(build("top", folder))
    assert energies(build("top", folder, top="short.top", include_dir="fields")) == whole
    with pytest.raises(ConfigError, match=r"short\.top is no top file that OpenMM reads .*forcefield\.itp"):
        build("top", folder, top="short.top")


def test_masses_of_hydrogen_go_with_every_reader(folder):
    from cvflow.host.openmm_xml import deserialised

    for kind in SYSTEMS:
        setup = build(kind, folder, hydrogen_mass=4.0)
        system = deserialised(setup.files["system.xml"], "system.xml")
        heavy = [
            system.getParticleMass(atom.index)._value
            for atom in setup.topology.atoms()
            if atom.element is app.element.hydrogen
        ]
        assert heavy
        assert set(heavy) == {4.0}


RIGID = {
    "h-bonds": ({"constraints": "h-bonds"}, {"constraints": app.HBonds, "rigidWater": True}),
    "HBonds, as OpenMM has it": ({"constraints": "HBonds"}, {"constraints": app.HBonds, "rigidWater": True}),
    "all bonds": ({"constraints": "all-bonds"}, {"constraints": app.AllBonds, "rigidWater": True}),
    "angles": ({"constraints": "h-angles"}, {"constraints": app.HAngles, "rigidWater": True}),
    "water alone": ({"rigid_water": True}, {"rigidWater": True}),
    "none": ({"constraints": "none"}, {"rigidWater": False}),
}


@pytest.mark.parametrize("what", RIGID)
@pytest.mark.parametrize("kind", ["prmtop", "psf", "pdb"])
def test_constraints_are_openmm_s(kind, what, folder):
    words, arguments = RIGID[what]
    _, system = by_openmm(kind, folder, **arguments)
    made = molecule_of(config(kind, folder, **words), folder, {})[0].system
    ours, theirs = (
        sorted(tuple(each.getConstraintParameters(i)[:2]) for i in range(each.getNumConstraints()))
        for each in (made, system)
    )
    assert ours == theirs
    assert bool(ours) == (what != "none" and (kind == "psf" or "rigid_water" not in words))


MISUSE = {
    "no such prmtop": ("prmtop", {"prmtop": "none.prmtop"}, "none.prmtop cannot be read"),
    "a prmtop that is none": ("prmtop", {"prmtop": "benzene.gro"}, "benzene.gro is no prmtop that OpenMM reads"),
    "a top that is none": ("top", {"top": "benzene.gro"}, "benzene.gro is no top file that OpenMM reads"),
    "a psf that is none": ("psf", {"psf": "benzene.gro"}, "benzene.gro is no psf file that OpenMM reads"),
    "a cif that is none": ("cif", {"cif": "benzene.gro"}, "benzene.gro is no PDB file that OpenMM reads"),
    "no such parameters": ("psf", {"parameter_files": ["par.prm"]}, "par.prm cannot be read"),
    "others' parameters": ("psf", {"parameter_files": ["benzene.gro"]}, "benzene.gro: no parameters of CHARMM's"),
    "a psf without parameters": ("psf", {"parameter_files": []}, "psf needs parameter_files"),
    "a prmtop with a force field": ("prmtop", {"forcefield": ["tip3p.xml"]}, "a prmtop has its force field in it"),
    "a top and a prmtop": ("top", {"prmtop": "a.prmtop"}, "prmtop and top are both given: give one of"),
    "no such folder": ("top", {"include_dir": "nowhere"}, "nowhere is no folder"),
    "a folder for a prmtop": ("prmtop", {"include_dir": "."}, "include_dir goes with top"),
    "an unknown method": ("prmtop", {"nonbonded_method": "PMEE"}, "did you mean PME?, got 'PMEE'"),
    "unknown constraints": ("prmtop", {"constraints": "hbond"}, "did you mean h-bonds?, got 'hbond'"),
    "an unknown word": ("prmtop", {"constraint": "h-bonds"}, "did you mean constraints?"),
    "PME without a box": ("prmtop", {"nonbonded_method": "PME"}, "needs a periodic box"),
    "a small box": ("psf", {"box": [1.9, 3.0, 3.0]}, "more than half of the box, which is 1.9 nm wide"),
    "a box that is none": ("psf", {"box": [3.0, 3.0, 3.0, 90.0, 10.0, 160.0]}, "make no box"),
    "four numbers": ("psf", {"box": [3.0, 3.0, 3.0, 90.0]}, "box has 3 numbers"),
    "a cutoff of none": ("prmtop", {"nonbonded_cutoff": 0.9}, "nonbonded_method is NoCutoff here"),
    "a late switch": ("top", {"switch_distance": 1.2}, "not below the cutoff of 1 nm"),
    "implicit solvent of a force field": ("pdb", {"implicit_solvent": "OBC2"}, "implicit/obc2.xml"),
    "implicit solvent that the reader has not": ("psf", {"implicit_solvent": "GBn3"}, "did you mean GBn?"),
    "water around a prmtop": ("prmtop", {"solvent": {}}, "solvent goes with pdb or cif"),
    "unknown water": ("pdb", {"solvent": {"model": "tip3"}}, "did you mean tip3p?"),
    "water without a force field": ("pdb", {"solvent": {}}, "Modeller adds none"),
    "starts of another molecule": (
        "top",
        {"starts": {"short": "alanine-dipeptide-implicit.inpcrd", "long": "benzene.gro"}},
        "system.starts.short: 22 atoms there and 24 in the system",
    ),
    "a gro of other atoms": (
        "prmtop",
        {"starts": {"short": "benzene.gro", "long": "benzene.gro"}},
        "system.starts.short: atom 0 is CG of BENX there",
    ),
}


@pytest.mark.parametrize("what", MISUSE)
def test_misuse_is_one_line(what, folder):
    kind, words, mend = MISUSE[what]
    with pytest.raises(ConfigError, match=re.escape(mend)) as refused:
        build(kind, folder, **words)
    assert "\n" not in str(refused.value)


def test_a_run_from_a_prmtop_goes_on_without_its_files(folder, capsys):
    """The folder has the System as data, and topology.pdb."""
    import tomli_w

    values = config("prmtop", folder).model_dump(exclude_none=True)
    values["path"]["timestep"] = 0.0001
    (folder / "run.toml").write_text(tomli_w.dumps(values))
    out = folder / "out"
    assert execute(["run", str(folder / "run.toml"), "--out", str(out), "--quiet"]) == 0
    for file in (*folder.glob("*.prmtop"), *folder.glob("*.xtc")):
        file.unlink()
    assert execute(["resume", str(out), "--jumps", "4", "--quiet"]) == 0
    assert "prmtop =" not in (out / "config.resolved.toml").read_text()


@pytest.mark.parametrize("kind", SYSTEMS)
def test_python_takes_what_openmm_s_readers_make(kind, folder):
    """`cvflow.openmm_system` has them as they are; starts are OpenMM's files, or names of files."""
    arguments = {"nonbondedMethod": app.PME} if kind == "top" else {}
    topology, system = by_openmm(kind, folder, rigidWater=False, **arguments)
    frame, given = first(kind, folder), config(kind, folder)
    made = from_objects(
        cvflow.openmm_system(topology, system, 300),
        {"states": dict(given.states), "run": {"walkers": 2}, "engine": {"platform": "Reference"}},
        [cvflow.cv.distance("d", *ENDS[kind])],
        {"short": frame, "long": str(folder / "two.xtc:1")},
    )
    toml = from_config(given, folder)
    assert energies(made)[1] == pytest.approx(energies(toml)[1], rel=1e-6)


SOLVENT = {"forcefield": ["amber14-all.xml", "amber14/tip3p.xml"], "solvent": {"padding": 0.9, "ionic_strength": 1.0}}
IN_A_BOX = {"nonbonded_cutoff": 0.7}


def test_water_is_put_around_every_start_alike(folder):
    """As many molecules around each, in one box; which of them ions replace follows from the seed alone."""
    setup = build("pdb", folder, **SOLVENT, **IN_A_BOX)
    names = [residue.name for residue in setup.topology.residues()]
    assert names.count("HOH") > 30
    assert names.count("NA") == names.count("CL") > 0
    one, other = setup.walkers.starts
    assert np.array_equal(one.box, other.box)
    assert len(one.positions) == len(other.positions) == setup.topology.getNumAtoms()
    solute = first("pdb", folder).positions
    np.testing.assert_allclose(one.positions[:22], solute, atol=6e-4)
    np.testing.assert_allclose(other.positions[:22], 1.03 * solute, atol=6e-4)
    random.seed(5)
    again = build("pdb", folder, **SOLVENT, **IN_A_BOX)
    for ours, theirs in zip(setup.walkers.starts, again.walkers.starts, strict=True):
        assert np.array_equal(ours.positions, theirs.positions)
    assert again.files == setup.files


def test_python_s_generator_is_given_back_as_it_was():
    before = random.getstate()
    with seeded(3):
        drawn = random.random()
    assert random.getstate() == before
    with seeded(3):
        assert random.random() == drawn


def test_water_that_one_start_has_no_room_for_is_left_out(folder):
    """The longer one needs a larger box and leaves less room in it."""
    positions = first("pdb", folder).positions
    far = positions.copy()
    far[:6] -= [0.3, 0.0, 0.0]
    write_frames(folder / "two.xtc", [positions, far])
    values = config("pdb", folder, starts={"short": "two.xtc:0", "long": "two.xtc:1"}, **SOLVENT, **IN_A_BOX)
    setup = from_config(values, folder)
    one, other = setup.walkers.starts
    assert len(one.positions) == len(other.positions)
    assert np.array_equal(one.box, other.box)


SALT = """
[run]
walkers = 2
adapt_jumps = 0
jumps = 2
local_steps = 4

[system]
pdb = "contact.pdb"
forcefield = ["amber14-all.xml", "amber14/tip3p.xml"]
solvent = {model = "tip3p", padding = 0.72}
nonbonded_cutoff = 0.7
constraints = "h-bonds"
starts = {contact = "contact.pdb", separated = "separated.pdb"}

[engine]
temperature = 300.0
platform = "CPU"

[[cv]]
name = "r"
type = "distance"
atoms = [0, 1]

[[wall]]
cv = "r"
upper = 0.6
kappa = 20000.0

[path]
steps = 10

[proposal]
means = [[0.28], [0.5]]
sigmas = [[0.02], [0.06]]
weights = [0.5, 0.5]

[states]
contact = "r < 0.36"
separated = "r >= 0.36"
"""
IONS = """\
HETATM    1 NA    NA A   1       0.000   0.000   0.000  1.00  0.00          NA
HETATM    2 CL    CL A   2     {:7.3f}   0.000   0.000  1.00  0.00          CL
END
"""


def test_a_box_of_water_goes_through_a_whole_run(tmp_path):
    """From the words of `solvent` in a file to the summary, and on from the run's own folder, with rigid water."""
    (tmp_path / "run.toml").write_text(SALT)
    for name, apart in (("contact.pdb", 2.8), ("separated.pdb", 5.0)):
        (tmp_path / name).write_text(IONS.format(apart))
    out = tmp_path / "out"
    assert execute(["run", str(tmp_path / "run.toml"), "--out", str(out), "--quiet"]) == 0
    for name in ("contact.pdb", "separated.pdb"):
        (tmp_path / name).unlink()
    assert execute(["resume", str(out), "--jumps", "4", "--quiet"]) == 0
    summary = json.loads((out / "summary.json").read_text())
    assert summary["exact"]["value"]
    assert (summary["jumps"]["proposed"], summary["jumps"]["failed"]) == (8, {})
    ends = {tuple(read_structure("topology.pdb", out, "a test").frame.box.diagonal())}
    water = MDAnalysis.Universe(str(out / "topology.pdb"), str(out / "walker_1.xtc")).select_atoms("resname HOH")
    assert len(water) > 180
    for frame in water.universe.trajectory:
        ends.add(tuple(0.1 * frame.dimensions[:3]))
        apart = np.linalg.norm(water.positions[::3] - water.positions[1::3], axis=1)
        assert apart == pytest.approx(0.9572, abs=0.02)
    assert np.ptp(np.array(list(ends)), axis=0) == pytest.approx(0.0, abs=1e-3)


def test_the_data_is_openmm_s(folder):
    assert "MIT" in (folder / "README.md").read_text()
    assert sum(file.stat().st_size for file in Path(folder).glob("*")) < 100_000


@pytest.mark.parametrize(("kind", "words"), [("prmtop", {}), ("pdb", SOLVENT | IN_A_BOX)])
def test_a_run_with_rigid_bonds_needs_one_word(kind, words, folder):
    """To its first turns, at the time step that goes with them."""
    values = config(kind, folder, constraints="h-bonds", **words).model_dump(exclude_none=True)
    del values["path"]["timestep"]
    setup = from_config(parse(values, "a test"), folder)
    assert setup.config.path.timestep == 0.002
    assert setup.exactness.value
    engine = setup.walkers.spec(setup).build()
    path = engine.free_path(engine.relaxed(setup.walkers.starts[0]), 20, 0.0, np.random.default_rng(1))
    lengths = [
        np.linalg.norm(path.frame.positions[bond[0].index] - path.frame.positions[bond[1].index])
        for bond in setup.topology.bonds()
        if app.element.hydrogen in (bond[0].element, bond[1].element)
    ]
    assert abs(path.work) < 5
    assert max(lengths) < 0.12
