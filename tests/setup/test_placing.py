"""WalkerStarts as the system takes them: boxes, whole molecules, nearest images, lengths, frozen atoms."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import openmm
import pytest
from openmm import app, unit

import cvflow
from cvflow.config.settings import ConfigError
from cvflow.core.frames import Frame
from cvflow.cv import centre_distance, combination, distance, from_force
from cvflow.setup.objects import from_objects
from cvflow.setup.starts.nearest_images import NearestImages
from cvflow.setup.starts.placing import (
    bonds_of,
    box_words,
    boxed,
    check_spacing,
    in_one_box,
    made_whole,
    spacing,
    whole_in,
)
from cvflow.setup.starts.same_atoms import check_same_atoms
from cvflow.setup.starts.walker_starts import WalkerStarts

SIDE = 2.0
CUBE = SIDE * np.eye(3)
PAIR = np.array([[0.1, 0.1, 0.1], [0.2, 0.1, 0.1], [0.1, 0.6, 0.1], [0.2, 0.6, 0.1]])
"""Two diatomic molecules side by side, 0.5 nm apart."""


def diatomics(periodic=True, barostat=False, masses=(12.0, 1.0, 12.0, 1.0)):
    """Two C-H molecules bonded by springs of 0.1 nm, in a box of 2 nm."""
    system, bonds, topology = openmm.System(), openmm.HarmonicBondForce(), app.Topology()
    chain = topology.addChain("A")
    for mass in masses:
        system.addParticle(mass)
    for first in (0, 2):
        residue = topology.addResidue("CH", chain)
        atoms = [topology.addAtom(name, app.Element.getBySymbol(name), residue) for name in "CH"]
        topology.addBond(*atoms)
        bonds.addBond(first, first + 1, 0.1, 1e5)
    bonds.setUsesPeriodicBoundaryConditions(periodic)
    system.addForce(bonds)
    system.setDefaultPeriodicBoxVectors(*CUBE)
    if barostat:
        system.addForce(openmm.MonteCarloBarostat(1.0, 300.0))
    return cvflow.openmm_system(topology, system, temperature=300)


NEAR, FAR = PAIR, PAIR + np.array([[0, 0, 0], [0, 0, 0], [0, 0.3, 0], [0, 0.3, 0]])
STATES = {"near": "d < 0.65", "far": "d >= 0.65"}
D = distance("d", 0, 2)


def built(system, near, far, cvs=(D,), states=STATES):
    sections = {"states": states, "run": {"walkers": 2}, "engine": {"platform": "Reference"}}
    return from_objects(system, sections, list(cvs), {"near": near, "far": far})


def pdb(path, system, positions, box=None, names=None):
    """A PDB of the system's atoms, its CRYST1 of this side [nm]."""
    topology = app.Topology()
    residues = {}
    for atom, name in zip(system.topology.atoms(), names or "CHCH", strict=True):
        old = atom.residue
        residue = residues.setdefault(old.index, None) or topology.addResidue(
            old.name, next(iter(topology.chains()), None) or topology.addChain("A")
        )
        residues[old.index] = residue
        topology.addAtom(name, app.Element.getBySymbol(name[0]), residue)
    if box is not None:
        topology.setPeriodicBoxVectors(box * np.eye(3) * unit.nanometer)
    with path.open("w") as file:
        app.PDBFile.writeFile(topology, positions * unit.nanometer, file)
    return path


def test_starts_of_one_box_each_are_taken_and_their_box_is_said(tmp_path):
    system = diatomics()
    setup = built(system, pdb(tmp_path / "a.pdb", system, NEAR, 2.4), pdb(tmp_path / "b.pdb", system, FAR, 2.4))
    assert (
        setup.opening_words[0]
        == "start near: d = 0.5: near; in its own box, 2.4 x 2.4 x 2.4 nm (the system's is 2 x 2 x 2 nm)"
    )
    for frame in setup.walkers.starts:
        np.testing.assert_allclose(frame.box, 2.4 * np.eye(3), atol=1e-9)


def test_starts_of_different_boxes_are_refused_where_nothing_moves_the_volume(tmp_path):
    starts = [pdb(tmp_path / f"{side}.pdb", diatomics(), x, side) for side, x in ((2.0, NEAR), (2.4, FAR))]
    with pytest.raises(
        ValueError, match=r"different boxes, near of 2 x 2 x 2 nm and far of 2\.4 x 2\.4 x 2\.4 nm"
    ) as refused:
        built(diatomics(), *starts)
    assert "\n" not in str(refused.value)
    with pytest.raises(ValueError, match="different boxes"):
        built(diatomics(), NEAR, starts[1])
    setup = built(diatomics(barostat=True), *starts)
    assert [frame.box[0, 0] for frame in setup.walkers.starts] == pytest.approx([2.0, 2.4])


def test_boxes_that_differ_by_rounding_are_one():
    starts = WalkerStarts((Frame(NEAR, CUBE), Frame(FAR, CUBE + 1e-4 * np.eye(3))), ("near", "far"))
    first, second = in_one_box(starts).frames
    assert first is starts.frames[0]
    assert (second.box == CUBE).all()


def test_a_box_is_dropped_where_the_system_has_none(tmp_path):
    system = diatomics(periodic=False)
    setup = built(system, pdb(tmp_path / "a.pdb", system, NEAR, 2.4), FAR)
    assert [frame.box for frame in setup.walkers.starts] == [None, None]
    assert "its box, 2.4 x 2.4 x 2.4 nm, is dropped: the system is not periodic" in setup.opening_words[0]


def test_a_cube_of_one_angstrom_is_no_box(tmp_path):
    system = diatomics()
    setup = built(system, pdb(tmp_path / "a.pdb", system, NEAR, 0.1), pdb(tmp_path / "b.pdb", system, FAR))
    assert "0.1 x 0.1 x 0.1 nm is no box: in the system's own box, 2 x 2 x 2 nm" in setup.opening_words[0]
    assert setup.opening_words[1] == "start far: d = 0.8: far; in the system's own box, 2 x 2 x 2 nm"
    assert all((frame.box == CUBE).all() for frame in setup.walkers.starts)


def test_structures_of_several_walkers_stay_one_object():
    frame = Frame(NEAR, None)
    starts = boxed(WalkerStarts((frame, Frame(FAR, None), frame), ("near", "far", "near")), CUBE)
    assert starts.frames[0] is starts.frames[2]
    assert box_words(np.array([[2.0, 0, 0], [0.5, 2, 0], [0, 0, 2]])) == "2 x 2.062 x 2 nm, triclinic"


def test_molecules_broken_across_the_box_are_made_whole_and_it_is_said():
    broken = NEAR - [0.15, 0, 0]
    setup = built(diatomics(), broken % SIDE, FAR)
    np.testing.assert_allclose(np.diff(setup.walkers.starts[0].positions[:2], axis=0), [[0.1, 0, 0]], atol=1e-12)
    assert "2 molecules broken across the box made whole" in setup.opening_words[0]
    assert "made whole" not in setup.opening_words[1]
    assert (setup.walkers.starts[1].positions == FAR).all()


def test_a_start_without_broken_molecules_is_the_same_object():
    system = diatomics()
    bonds = bonds_of(system.topology, system.system)
    assert bonds.tolist() == [[0, 1], [2, 3]]
    starts = WalkerStarts((Frame(NEAR, CUBE),), ("near",))
    assert made_whole(starts, bonds, whole_in(system.system, bonds)).frames[0] is starts.frames[0]


WRAPPED = FAR + np.array([[0, 0, 0], [0, 0, 0], [0, 1.0, 0], [0, 1.0, 0]])
"""The second molecule 1.8 nm away, which is 0.2 nm through the border."""


def contact(images):
    force = openmm.CustomCompoundBondForce(2, "distance(p1,p2)")
    force.addBond([0, 2], [])
    force.setUsesPeriodicBoundaryConditions(images)
    return from_force("d", force)


@pytest.mark.parametrize(
    "cv",
    [
        D,
        combination("d", {distance("a", 0, 2): 1.0, distance("b", 2, 3): 0.1}),
        centre_distance("d", [0, 1], [2, 3]),
        centre_distance("d", [0], [2]),
    ],
)
def test_a_start_with_a_wrapped_molecule_is_in_the_state_of_its_nearest_images(cv):
    """And so it lies where the other one does."""
    with pytest.raises(ValueError, match=r"far \(d = 0\.2\d?\) lies in near: give one structure per state"):
        built(diatomics(), NEAR, WRAPPED, [cv])
    setup = built(diatomics(), WRAPPED, FAR, [cv])
    assert setup.opening_words[0].startswith("start near: d = 0.2")


def test_a_cv_that_is_told_not_to_takes_no_images():
    cv = distance("d", 0, 2, periodic=False)
    setup = built(diatomics(), NEAR, WRAPPED, [cv])
    assert setup.opening_words[1] == "start far: d = 1.8: far; in the system's own box, 2 x 2 x 2 nm"
    (section,) = setup.config.cv
    assert section.model_dump(exclude_none=True)["periodic"] is False
    assert section.to_cv(Path()) == cv
    assert "periodic" not in built(diatomics(), NEAR, FAR).config.cv[0].model_dump(exclude_none=True)


def test_the_atoms_of_positions_are_taken_as_they_lie():
    """Molecules that drift over the border change the distances that stand beside them."""
    cv = replace(D, periodic=False)
    images = NearestImages((cv,), np.array([0, 0, 1, 1]))
    images.check_walker(1, Frame(FAR, CUBE))
    with pytest.raises(ArithmeticError, match=r"walker 1: CV d is 1\.8 as the atoms lie, and 0\.2 with .*drifted"):
        images.check_walker(1, Frame(WRAPPED, CUBE))


@pytest.mark.parametrize(
    ("cv", "words"),
    [
        (contact(images=False), "CV d is 1.8 as .* and 0.2 with"),
        (combination("d", {contact(images=False): 2.0, distance("b", 2, 3): 1.0}), "CV d is 3.7 as .* and 0.5 with"),
    ],
)
def test_a_force_that_nearest_images_change_is_refused(cv, words):
    with pytest.raises(ValueError, match=f"the start of far: {words}.*setUsesPeriodicBoundaryConditions"):
        built(diatomics(), NEAR, WRAPPED, [cv], {"near": "d < 1.2", "far": "d >= 1.2"})


def test_a_cv_that_takes_images_itself_is_not():
    setup = built(diatomics(), FAR, WRAPPED, [contact(images=True)], {"far": "d < 0.65", "near": "d >= 0.65"})
    assert "d = 0.2: far" in setup.opening_words[1]


def test_without_a_box_nothing_is_nearer():
    assert "d = 1.8: far" in built(diatomics(periodic=False), NEAR, WRAPPED).opening_words[1]


def test_within_a_molecule_coordinates_are_taken_as_they_are():
    """Atoms joined by a force that takes no images are one molecule here, and may be far apart."""
    system = diatomics()
    force = openmm.CustomBondForce("0*r")
    force.addBond(1, 2, [])
    system.system.addForce(force)
    assert "d = 1.8: far" in built(system, NEAR, WRAPPED).opening_words[1]
    force = openmm.CustomBondForce("0*r")
    force.addBond(1, 2, [])
    force.setUsesPeriodicBoundaryConditions(True)
    system = diatomics()
    system.system.addForce(force)
    with pytest.raises(ValueError, match=r"far \(d = 0\.2\) lies in near"):
        built(system, NEAR, WRAPPED)


def test_molecules_that_drift_over_the_border_stop_the_run():
    setup = built(diatomics(), NEAR, FAR, [contact(images=False)])
    setup.check_frame(1, Frame(FAR, CUBE))
    with pytest.raises(ArithmeticError, match=r"walker 1: CV d is 1\.8 as the atoms lie, and 0.2 .* drifted"):
        setup.check_frame(1, Frame(WRAPPED, CUBE))


@pytest.mark.parametrize("factor", [10.0, 0.1])
def test_positions_in_another_unit_are_recognised(factor):
    mend = "look like Å .*divide by 10" if factor > 1 else "look like nm .*multiply by 10"
    states = {"near": f"d < {0.65 * factor}", "far": f"d >= {0.65 * factor}"}
    with pytest.raises(ValueError, match=f"the start of near: its bonds are {0.1 * factor:.3g} nm long.*{mend}"):
        built(diatomics(periodic=False), factor * NEAR, factor * FAR, states=states)


def test_neighbours_tell_where_there_are_no_bonds():
    heap = np.random.default_rng(0).uniform(0, 1, (12, 3))
    usual = spacing(heap)
    check_spacing(WalkerStarts((Frame(2 * heap, None), Frame(0.5 * heap, None)), ("a", "b")), usual)
    for factor, mend in ((10, "divide by 10"), (0.1, "multiply by 10")):
        with pytest.raises(ValueError, match=f"the start of b: its nearest neighbours .*{mend}"):
            check_spacing(WalkerStarts((Frame(heap, None), Frame(factor * heap, None)), ("a", "b")), usual)


def test_frozen_atoms_have_one_place_in_all_starts():
    frozen = (0.0, 1.0, 12.0, 1.0)
    assert built(diatomics(masses=frozen), NEAR, FAR).walkers.starts[1].positions[0, 0] == 0.1
    with pytest.raises(
        ValueError, match=r"atom 0 has mass 0 and stays, but lies 0\.01 nm apart in the starts of near and far"
    ):
        built(diatomics(masses=frozen), NEAR, FAR + 0.01)
    assert built(diatomics(), NEAR, FAR + 0.01).walkers.starts[1].positions[0, 0] == pytest.approx(0.11)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["H", "C", "C", "H"], r"atom 0 is H \(H\) of CH there and C \(C\) of CH in the system"),
        (["C", "H", "C", "H1"], r"atom 3 is H1 \(H\) of CH there and H \(H\) of CH in the system"),
    ],
)
def test_atoms_in_another_order_are_named(tmp_path, names, words):
    system = diatomics()
    with pytest.raises(ConfigError, match=f"starts.*: {words}: give the same atoms in the same order"):
        built(system, pdb(tmp_path / "a.pdb", system, NEAR, names=names), FAR)


def topology(atoms):
    """Atoms given as (residue, name, element)."""
    made = app.Topology()
    chain = made.addChain()
    for residue, name, element in atoms:
        made.addAtom(name, element and app.Element.getBySymbol(element), made.addResidue(residue, chain))
    return made


OURS = [("ALA", "CA", "C"), ("ION", "CA", "Ca"), ("GLY", "EP", None)]


@pytest.mark.parametrize(
    ("theirs", "words"),
    [
        (
            [("ALA", "CA", "C"), ("ION", "CA", "C"), ("GLY", "EP", None)],
            r"atom 1 is CA \(C\) of ION there and CA \(Ca\)",
        ),
        ([*OURS[:2], ("ALA", "EP", None)], "atom 2 is EP of ALA there and EP of GLY"),
        (OURS[:2], "2 atoms there and 3 in the system"),
        ([*OURS, OURS[0]], "4 atoms there and 3 in the system"),
    ],
)
def test_names_elements_residues_and_numbers_are_compared(theirs, words):
    with pytest.raises(ConfigError, match=f"a.pdb: {words}"):
        check_same_atoms(topology(theirs), topology(OURS), "a.pdb")


def test_an_element_that_one_of_them_has_not_does_not_tell():
    check_same_atoms(topology([*OURS[:2], ("GLY", "EP", "H")]), topology(OURS), "a.pdb")
