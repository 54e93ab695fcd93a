"""Starts from any file that OpenMM or MDAnalysis reads, and from their objects."""

import re
import warnings

import numpy as np
import openmm
import pytest
from openmm import app, unit

import cvflow
from cvflow.config.settings import ConfigError
from cvflow.setup import from_objects
from cvflow.setup.starts.structure_file import place
from tests.setup.molecules_at_hand import ENDS, LONGER, build, config, fill, first, write_frames

FILES = ["a.pdb", "a.cif", "a.gro", "a.xtc", "a.dcd", "a.trr", "a.xml", "a.rst7", "a.crd"]
PRECISION = {"a.gro": 6e-4, "a.xtc": 6e-4, "a.pdb": 6e-5, "a.cif": 6e-5, "a.rst7": 1e-7, "a.crd": 1e-6, "a.xml": 0}


@pytest.fixture
def folder(tmp_path):
    fill(tmp_path)
    return tmp_path


def molecule(folder):
    return app.AmberPrmtopFile(str(folder / "alanine-dipeptide-implicit.prmtop"))


def named(folder):
    """An MDAnalysis.Universe with the molecule's names."""
    import MDAnalysis

    topology = molecule(folder).topology
    residues = list(topology.residues())
    universe = MDAnalysis.Universe.empty(
        topology.getNumAtoms(), len(residues), 1,
        atom_resindex=[atom.residue.index for atom in topology.atoms()], residue_segindex=[0] * len(residues),
        trajectory=True,
    )  # fmt: skip
    universe.add_TopologyAttr("names", [atom.name for atom in topology.atoms()])
    universe.add_TopologyAttr("resnames", [residue.name for residue in residues])
    universe.add_TopologyAttr("resids", list(range(1, len(residues) + 1)))
    universe.add_TopologyAttr("segids", ["A"])
    universe.atoms.positions = 10 * LONGER * first("prmtop", folder).positions
    return universe


def state(folder):
    """An OpenMM State of it, whose vectors are 2 nm though there is no box."""
    system = molecule(folder).createSystem()
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform("Reference"))
    context.setPositions(LONGER * first("prmtop", folder).positions)
    return context.getState(getPositions=True)


def write(folder, name, positions):
    match name.rpartition(".")[2]:
        case "pdb" | "cif" as kind:
            writer = app.PDBFile if kind == "pdb" else app.PDBxFile
            with (folder / name).open("w") as file:
                writer.writeFile(molecule(folder).topology, positions * unit.nanometer, file)
        case "xml":
            (folder / name).write_text(openmm.XmlSerializer.serialize(state(folder)))
        case "rst7":
            numbers = "".join(
                f"{10 * x:12.7f}" + ("\n" if i % 6 == 5 else "") for i, x in enumerate(positions.flatten())
            )
            (folder / name).write_text(f"alanine dipeptide\n{len(positions)}\n{numbers}\n")
        case "gro" | "crd":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                named(folder).atoms.write(str(folder / name))
        case _:
            write_frames(folder / name, [positions])


@pytest.mark.parametrize("name", FILES)
def test_a_start_is_read_by_its_ending(name, folder):
    expected = LONGER * first("prmtop", folder).positions
    write(folder, name, expected)
    setup = build("prmtop", folder, starts={"short": "alanine-dipeptide-implicit.inpcrd", "long": name})
    np.testing.assert_allclose(setup.walkers.starts[1].positions, expected, atol=PRECISION.get(name, 1e-6), rtol=0)
    assert setup.walkers.starts[1].box is None
    assert all("its box" not in line for line in setup.opening_words) or name == "a.gro"


def test_a_frame_of_a_trajectory_is_named_behind_its_file(folder):
    one = first("prmtop", folder).positions
    three = [one, 0.99 * one, LONGER * one]
    with (folder / "many.pdb").open("w") as file:
        for number, positions in enumerate(three, start=1):
            app.PDBFile.writeModel(molecule(folder).topology, positions * unit.nanometer, file, number)
    for name in ("many.xtc", "many.dcd", "many.pdb"):
        if not (folder / name).exists():
            write_frames(folder / name, three)
        starts = {"short": f"{name}:0", "long": f"{name}:2"}
        frames = build("prmtop", folder, starts=starts).walkers.starts
        np.testing.assert_allclose(frames[0].positions, one, atol=6e-4)
        np.testing.assert_allclose(frames[1].positions, LONGER * one, atol=6e-4)


def test_a_file_whose_own_name_ends_in_a_number_is_itself(folder):
    (folder / "a.pdb:3").write_text("")
    assert place("a.pdb:3", folder) == (folder / "a.pdb:3", None)
    assert place("a.xtc:3", folder) == (folder / "a.xtc", 3)
    assert place("C:a.xtc", folder) == (folder / "C:a.xtc", None)


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_a_state_s_vectors_count_in_a_box_alone(folder):
    system = app.GromacsTopFile(str(folder / "benzene.top")).createSystem()
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform("Reference"))
    frame = first("top", folder)
    context.setPeriodicBoxVectors(*(1.0 * frame.box))
    context.setPositions(LONGER * frame.positions)
    (folder / "a.xml").write_text(openmm.XmlSerializer.serialize(context.getState(getPositions=True)))
    setup = build("top", folder, starts={"short": "benzene.gro", "long": "a.xml"})
    assert np.array_equal(setup.walkers.starts[1].box, frame.box)


MISUSE = {
    "no such file": ("no.xtc:1", "no.xtc cannot be read (No such file"),
    "several frames": ("two.xtc", 'two.xtc has 2 frames: say which one, "two.xtc:1" for the last'),
    "no such frame": ("two.xtc:2", "two.xtc has no frame 2: it has 2, counted from 0"),
    "no such model": ("molecule.pdb:1", "molecule.pdb has no frame 1: it has 1"),
    "one frame of one": ("alanine-dipeptide-implicit.inpcrd:1", "has no frame 1: it has 1"),
    "a trajectory that is none": ("bad.xtc", "bad.xtc is not read by MDAnalysis"),
    "coordinates that are none": ("bad.rst7", "bad.rst7 is no file of Amber's coordinates"),
    "a System for a State": ("system.xml", "system.xml holds a System, not an OpenMM State"),
    "a State without positions": ("empty.xml", "holds no positions: ask for it with them"),
    "code in a State": ("code.xml", "it would hold code"),
    "more atoms": ("benzene.xtc", "24 atoms there and 22 in the system"),
    "an unknown ending": ("a.unknown", "is no PDB file that OpenMM reads"),
    "another order": ("swapped.pdb", "the same atoms in the same order"),
}


@pytest.mark.parametrize("what", MISUSE)
def test_misuse_is_one_line(what, folder):
    start, mend = MISUSE[what]
    write_frames(folder / "benzene.xtc", [first("top", folder).positions])
    for name in ("bad.xtc", "bad.rst7", "a.unknown"):
        (folder / name).write_text("nothing\nof the kind\n")
    system = molecule(folder).createSystem()
    (folder / "system.xml").write_text(openmm.XmlSerializer.serialize(system))
    (folder / "code.xml").write_text('<State type="State"><PythonForce/></State>')
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform("Reference"))
    (folder / "empty.xml").write_text(openmm.XmlSerializer.serialize(context.getState()))
    write(folder, "a.pdb", first("prmtop", folder).positions)
    lines = (folder / "a.pdb").read_text().splitlines()
    lines[2], lines[3] = lines[3], lines[2]
    (folder / "swapped.pdb").write_text("\n".join(lines) + "\n")
    config("prmtop", folder)  # which writes two.xtc
    with pytest.raises(ConfigError, match=re.escape(mend)) as refused:
        build("prmtop", folder, starts={"short": "alanine-dipeptide-implicit.inpcrd", "long": start})
    assert "system.starts.long" in str(refused.value)
    assert "\n" not in str(refused.value)


def by_python(folder, start):
    topology, system = molecule(folder).topology, molecule(folder).createSystem(rigidWater=False)
    return from_objects(
        cvflow.openmm_system(topology, system, 300),
        {"states": dict(config("prmtop", folder).states), "run": {"walkers": 2}, "engine": {"platform": "Reference"}},
        [cvflow.cv.distance("d", *ENDS["prmtop"])],
        {"short": app.AmberInpcrdFile(str(folder / "alanine-dipeptide-implicit.inpcrd")), "long": start},
    )


def test_python_takes_the_objects_too(folder):
    expected = LONGER * first("prmtop", folder).positions
    write(folder, "a.pdb", expected)
    universe, file = named(folder), app.PDBFile(str(folder / "a.pdb"))
    starts = [
        universe, universe.atoms, state(folder), expected, expected * unit.nanometer, 10 * expected * unit.angstrom,
        file, app.Modeller(file.topology, file.positions), folder / "a.pdb", str(folder / "a.pdb:0"),
    ]  # fmt: skip
    for start in starts:
        setup = by_python(folder, start)
        np.testing.assert_allclose(setup.walkers.starts[1].positions, expected, atol=1e-4)
        assert setup.walkers.starts[1].box is None


def test_python_s_atoms_of_another_molecule_are_refused(folder):
    universe = named(folder)
    with pytest.raises(ValueError, match="21 atoms there and 22 in the system"):
        by_python(folder, universe.atoms[:21])
    with pytest.raises(ValueError, match="atom 0 is"):
        by_python(folder, universe.atoms[::-1])
    with pytest.raises(ValueError, match="is of type int: give positions"):
        by_python(folder, 3)
