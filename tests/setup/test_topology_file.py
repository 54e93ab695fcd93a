"""topology.pdb, read back by OpenMM and by MDAnalysis."""

import io
import warnings

import MDAnalysis
import numpy as np
import pytest
from openmm import app

from cvflow.core.frames import Frame
from cvflow.setup.files.topology_file import topology_text
from cvflow.store.trajectory import Trajectories


def topology(*residues, chains=1, residue="MOL", ids=None):
    """Chains of residues, each given by its atoms' names."""
    made = app.Topology()
    for _ in range(chains):
        chain = made.addChain("A")
        for index, names in enumerate(residues):
            place = made.addResidue(residue, chain, *([] if ids is None else [ids[index]]))
            for name in names:
                made.addAtom(name, app.element.carbon, place)
    return made


def frame(made, box=None):
    numbers = np.arange(made.getNumAtoms())
    return Frame(np.stack([0.1 * (numbers % 97), 0.1 * (numbers // 97 % 89), 0.001 * (numbers % 13)], axis=1), box)


def read(made, box=None):
    """The names by residue, as OpenMM reads them back; MDAnalysis finds as many atoms and residues."""
    text = topology_text(made, frame(made, box))
    pdb = app.PDBFile(io.StringIO(text))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on charges and the like, which no one wants
        universe = MDAnalysis.Universe(io.StringIO(text), format="PDB", to_guess=())
    assert pdb.topology.getNumAtoms() == len(universe.atoms) == made.getNumAtoms()
    assert pdb.topology.getNumResidues() == len(universe.residues) == made.getNumResidues()
    np.testing.assert_allclose(pdb.getPositions(asNumpy=True)._value, frame(made).positions, atol=1e-6)
    np.testing.assert_allclose(0.1 * universe.atoms.positions, frame(made).positions, atol=1e-4)
    return pdb.topology, [[atom.name for atom in residue.atoms()] for residue in pdb.topology.residues()]


def test_names_that_fit_stay():
    names = ["CA", "HB2", "C'", "OXT", "1HB"]
    assert read(topology(names, names))[1] == [names, names]


@pytest.mark.parametrize(
    ("names", "written"),
    [
        (["C1000", "H", "C1001"], ["C1", "H", "C2"]),
        (["X", "H", "X"], ["X", "H", "C1"]),
        (["C1", "C1", "C2", "C2"], ["C1", "C3", "C2", "C4"]),
        (["", "C 1", "Å", "a\nb"], ["C1", "C2", "C3", "C4"]),
    ],
)
def test_every_atom_has_a_name_of_its_own(names, written):
    assert read(topology(names))[1] == [written]


def test_a_residue_of_thousands_of_equal_names():
    """AG1 … AGZZ are 1,295 names."""
    made = topology(["Ag"] * 2_000)
    for atom in made.atoms():
        atom.element = app.element.silver
    (names,) = read(made)[1]
    assert names[:2] == ["Ag", "AG1"]
    assert len(set(names)) == 2_000


def test_more_residues_than_the_column_is_wide():
    read(topology(*[["C"]] * 10_010))


@pytest.mark.parametrize("ids", [["1", "1", "1"], ["12345", "12345", "12345"], ["1A2", "1A2", "x"], ["", "", ""]])
def test_residues_do_not_run_together(ids):
    read(topology(["C"], ["C"], ["C"], ids=ids))


def test_numbers_of_the_users_file_stay():
    made = topology(["C"], ["C"], ["C"], ids=["-3", "7", "9999"])
    assert [residue.id for residue in read(made)[0].residues()] == ["-3", "7", "9999"]


def test_chains_of_one_name():
    assert read(topology(["C"], chains=30))[0].getNumChains() == 30


def test_what_else_no_pdb_can_hold():
    """A charge of two digits, a long residue name."""
    made = app.Topology()
    residue = made.addResidue("LIGAND", made.addChain("heavy"))
    made.addAtom("C", app.element.carbon, residue, formalCharge=12)
    made.addAtom("N", app.element.nitrogen, residue, formalCharge=-1)
    back = read(made)[0]
    assert [residue.name for residue in back.residues()] == ["LIG"]
    assert [atom.formalCharge for atom in back.atoms()] == [None, -1]


def test_bonds_and_the_frames_box():
    made = topology(["C1000", "C1001", "C1002"])
    first, _, third = made.atoms()
    made.addBond(first, third)
    back = read(made, np.diag([3.0, 4.0, 5.0]))[0]
    assert [(one.index, other.index) for one, other in back.bonds()] == [(0, 2)]
    np.testing.assert_allclose(back.getUnitCellDimensions()._value, [3.0, 4.0, 5.0])


@pytest.mark.slow
def test_more_atoms_than_the_column_is_wide(tmp_path):
    """100,002 atoms in 33,334 residues: with the frames, as someone looks at them."""
    made = topology(*[["O", "H1", "H2"]] * 33_334, residue="HOH")
    (tmp_path / "topology.pdb").write_text(topology_text(made, frame(made)))
    Trajectories(tmp_path, made, 1, 1.0, [0]).append(0, frame(made))
    universe = MDAnalysis.Universe(str(tmp_path / "topology.pdb"), str(tmp_path / "walker_0.xtc"), to_guess=())
    assert len(universe.atoms) == 100_002
    assert len(universe.residues) == 33_334
    assert universe.atoms[99_999:].names.tolist() == ["O", "H1", "H2"]
    np.testing.assert_allclose(0.1 * universe.atoms.positions, frame(made).positions, atol=1e-3)
    assert app.PDBFile(str(tmp_path / "topology.pdb")).topology.getNumResidues() == 33_334
