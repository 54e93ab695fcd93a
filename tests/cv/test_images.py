"""Periodic boxes: a CV's value does not change where whole molecules are wrapped, in Python or in OpenMM's forces."""

import numpy as np
import openmm
import pytest
from MDAnalysis.lib.distances import minimize_vectors
from MDAnalysis.lib.mdamath import triclinic_box

from cvflow.core.frames import Frame
from cvflow.core.periodic import into_period
from cvflow.cv import (
    Particles,
    alpha_beta,
    angle,
    anisotropy,
    centre_distance,
    combination,
    coordination,
    distance,
    from_force,
    from_torch,
    functions,
    gyration,
    native_contacts,
    path_progress,
    plane_angle,
    plane_distance,
    puckering_phase,
    rmsd,
    torsion,
)
from cvflow.cv.images import Cell, gathered
from cvflow.cv.molecules import molecules_of, whole
from cvflow.engines.openmm.restraint import centre_name, kappa_name, restraint_force
from cvflow.setup.starts.nearest_images import image_shift
from tests.cv.cases import as_it_lies

CUBE = np.diag([2.0, 2.2, 2.4])
SKEWED = np.array([[2.2, 0, 0], [0.7, 2.0, 0], [-0.9, 0.8, 2.1]])  # reduced, as OpenMM has them
BOXES = {"rectangular": CUBE, "triclinic": SKEWED}
ALONE = np.arange(8)
"""Eight atoms, none bonded."""
PAIRED = np.array([0, 0, 1, 1, 2, 2, 3, 3])
BONDS = np.array([[0, 1], [2, 3], [4, 5], [6, 7]])
MOLECULES = {"atoms": ALONE, "pairs": PAIRED}
KAPPA = 50.0


def contact(images=False):
    made = openmm.CustomCompoundBondForce(3, "distance(p1,p2)-distance(p3,p2)")
    made.addBond([0, 2, 4], [])
    made.setUsesPeriodicBoundaryConditions(images)
    return made


def spread(x):
    return functions.gyration(x)


CVS = [
    distance("d", 0, 2),
    distance("b", 0, 1),
    angle("a", 0, 2, 4),
    torsion("t", 0, 2, 4, 6),
    gyration("g", range(8)),
    anisotropy("k", range(8)),
    centre_distance("c", [0, 1, 2, 3], [4, 5, 6, 7]),
    centre_distance("e", [0, 2], [1, 3]),
    centre_distance("m", [0, 1], [2, 3], weights=(1.0, 12.0)),
    coordination("n", [0, 2, 4, 7], [1, 3, 5, 6], r0=0.3),
    combination("s", {distance("x", 0, 2): 1.0, distance("y", 4, 2): -1.0}),
    from_torch("p", spread, range(8)),
    native_contacts(
        "u", range(8), np.eye(8)[:, :3] / 5, pairs=((0, 1), (0, 2), (4, 7), (3, 6)), beta=9.0, lambda_constant=1.5
    ),
    path_progress("v", range(5), np.random.default_rng(0).uniform(0, 0.6, (3, 5, 3)), 5.0),
    alpha_beta("h", [[0, 2, 4, 6], [0, 1, 2, 3]], [0.3, -1.0]),
    puckering_phase("f", [0, 2, 4, 6, 7, 5]),
    plane_angle("i", [0, 2, 4], [1, 6, 3]),
    plane_distance("j", [0, 2, 4], [1, 6, 3, 7]),
    rmsd("q", range(5), [[0, 0, 0], [0.2, 0.1, 0], [0.4, 0.3, 0.1], [0.1, 0.5, 0.3], [0, 0.2, 0.6]]),
]


def clusters(box, count=10):
    """Eight atoms in a small heap somewhere in the box, in pairs that are closest to each other."""
    rng = np.random.default_rng(3)
    for _ in range(count):
        centres = rng.uniform(0, 1, 3) @ box + rng.uniform(-0.25, 0.25, (4, 3))
        yield np.repeat(centres, 2, axis=0) + rng.normal(0, 0.03, (8, 3)), rng


def boxes(count, seed=5):
    """Random boxes, every other one triclinic, as OpenMM has them."""
    rng = np.random.default_rng(seed)
    for turn in range(count):
        box = np.diag(rng.uniform(1.5, 3.0, 3))
        if turn % 2:
            for row, column in ((1, 0), (2, 0), (2, 1)):
                box[row, column] = rng.uniform(-0.5, 0.5) * box[column, column]
        yield box, rng


def anywhere(box, rng):
    """Four pairs, each anywhere in the box."""
    return np.repeat(rng.uniform(0, 1, (4, 3)) @ box, 2, axis=0) + rng.normal(0, 0.05, (8, 3))


def wrapped(x, molecules, box, rng):
    """Each molecule moved by whole box vectors."""
    return x + (rng.integers(-2, 3, (8, 3)) @ box)[molecules]


def among(cv, molecules):
    return cv.among(Particles((1.0,) * 8, periodic=True, molecules=tuple(molecules.tolist())))


def in_openmm(cv, box):
    """A context with a spring on the CV."""
    system = openmm.System()
    for _ in range(8):
        system.addParticle(1.0)
    system.setDefaultPeriodicBoxVectors(*box)
    system.addForce(restraint_force(cv, 0))
    made = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatform("Reference"))
    made.setParameter(kappa_name(0), KAPPA)
    return made


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_displacements_are_mdanalysis_nearest_images(box):
    apart = np.random.default_rng(0).uniform(-8, 8, (500, 3))
    theirs = minimize_vectors(apart.astype(np.float32), triclinic_box(*box))
    cell = Cell(box, ALONE)
    np.testing.assert_allclose(cell.nearest(apart), theirs, atol=2e-5)
    near = np.linalg.norm(theirs, axis=1) < cell.width / 2
    assert near.sum() > 100
    np.testing.assert_allclose(cell.image(apart)[near], theirs[near], atol=2e-5)
    if not np.any(np.triu(box.T, 1)):
        np.testing.assert_allclose(cell.image(apart), theirs, atol=2e-5)


def test_a_box_that_lies_askew_is_like_one_that_does_not():
    """As ASE's cells may: turned, with its vectors in any order."""
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    apart = np.random.default_rng(2).uniform(-5, 5, (200, 3))
    cell, turned = Cell(SKEWED, ALONE), Cell(SKEWED @ turn, ALONE)
    assert turned.width == pytest.approx(cell.width)
    np.testing.assert_allclose(turned.image(apart @ turn), cell.image(apart) @ turn, atol=1e-9)


def test_a_direction_that_is_not_periodic_is_left():
    slab = CUBE.copy()
    slab[2] = 0
    for image in (Cell(slab, ALONE).nearest, Cell(slab, ALONE).image):
        np.testing.assert_allclose(image(np.array([1.9, 3.4, 9.0])), [-0.1, -1.0, 9.0])
    turned = np.array([[0.0, 2.0, 0], [0, 0, 0], [0.5, 0.3, 2.2]])
    np.testing.assert_allclose(Cell(turned, ALONE).image(np.array([0.4, 2.2, 2.3])), [-0.1, -0.1, 0.1], atol=1e-12)
    particles = Particles((1.0,) * 8, periodic=True, directions=(True, True, False))
    d = distance("d", 0, 1).among(particles)
    x = np.zeros((8, 3))
    x[1] = [1.9, 0, 9.0]
    assert d.evaluate(Frame(x, CUBE)) == pytest.approx(np.hypot(0.1, 9.0))


@pytest.mark.parametrize("cv", CVS, ids=lambda cv: cv.name)
@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_a_heap_s_values_are_those_of_the_coordinates_however_it_is_wrapped(cv, box):
    """Every atom for itself, or by bonded pairs."""
    for x, rng in clusters(box):
        for molecules in MOLECULES.values():
            frame = Frame(wrapped(x, molecules, box, rng), box)
            change = among(cv, molecules).evaluate(frame) - cv.evaluate(Frame(x, None))
            assert into_period(change, cv.period) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("molecules", MOLECULES.values(), ids=MOLECULES)
@pytest.mark.parametrize("cv", CVS, ids=lambda cv: cv.name)
def test_whole_molecules_shifted_by_lattice_vectors_change_no_cv(cv, molecules):
    """Random molecules anywhere in random boxes; values and gradients."""
    cv = among(cv, molecules)
    for box, rng in boxes(12):
        x = anywhere(box, rng)
        value, gradient = cv.value_and_gradient(Frame(x, box))
        moved = Frame(wrapped(x, molecules, box, rng), box)
        there, slope = cv.value_and_gradient(moved)
        assert cv.evaluate(moved) == there
        assert into_period(there - value, cv.period) == pytest.approx(0, abs=1e-9)
        np.testing.assert_allclose(slope, gradient, atol=1e-7 * max(1.0, np.abs(gradient).max()))


@pytest.mark.parametrize("cv", CVS, ids=lambda cv: cv.name)
def test_the_same_without_images_is_another_value(cv):
    """The mutant of the law above; and what `periodic = false` is for."""
    cv, differs = as_it_lies(among(cv, ALONE)), 0
    for box, rng in boxes(12):
        x = anywhere(box, rng)
        moved = Frame(wrapped(x, ALONE, box, rng), box)
        assert cv.evaluate(moved) == cv.evaluate(moved._replace(box=None))
        differs += abs(cv.evaluate(moved) - cv.evaluate(Frame(x, box))) > 1e-3
    assert differs > 8


@pytest.mark.parametrize("molecules", MOLECULES.values(), ids=MOLECULES)
@pytest.mark.parametrize("cv", CVS, ids=lambda cv: cv.name)
def test_openmm_s_forces_are_those_of_the_value_in_wrapped_frames(cv, molecules):
    """Energy and forces of the restraint; the gradient against central differences, too."""
    cv, seen = among(cv, molecules), 0
    for box, rng in boxes(4, seed=6):
        made = in_openmm(cv, box)
        frame = Frame(wrapped(anywhere(box, rng), molecules, box, rng), box)
        value, gradient = cv.value_and_gradient(frame)
        made.setParameter(centre_name(0), value - 0.3)
        made.setPositions(frame.positions)
        state = made.getState(getEnergy=True, getForces=True)
        assert state.getPotentialEnergy()._value == pytest.approx(0.5 * KAPPA * 0.09, rel=1e-6)
        forces = state.getForces(asNumpy=True)._value
        np.testing.assert_allclose(forces, -0.3 * KAPPA * gradient, atol=1e-6 * np.abs(forces).max())
        slopes = central_differences(cv, frame)
        np.testing.assert_allclose(gradient, slopes, atol=1e-5 * max(1.0, np.abs(slopes).max()))
        seen += np.abs(gradient).max() > 1e-3
    assert seen > 1


def central_differences(cv, frame, step=1e-6):
    found = np.zeros_like(frame.positions)
    for place in np.ndindex(found.shape):
        shift = np.zeros_like(found)
        shift[place] = step
        ahead, back = (cv.evaluate(frame._replace(positions=frame.positions + sign * shift)) for sign in (1, -1))
        found[place] = into_period(ahead - back, cv.period) / (2 * step)
    return found


def test_a_system_without_a_box_has_the_forces_it_had():
    """Nothing takes images there, whatever box a frame or OpenMM's default has."""
    for cv in CVS:
        there = cv.among(Particles((1.0,) * 8, periodic=False))
        assert not restraint_force(there, 0).usesPeriodicBoundaryConditions()
        x = next(clusters(CUBE))[0] + 3 * np.arange(8)[:, None]
        assert there.evaluate(Frame(x, CUBE)) == there.evaluate(Frame(x, None))


def test_a_molecule_longer_than_half_the_box_is_taken_as_it_is():
    frame = Frame(np.array([[0.1, 0, 0], [0.7, 0, 0], [1.3, 0, 0], [1.7, 0, 0]]), CUBE)
    chain = molecules_of(np.array([[0, 1], [1, 2], [2, 3]]), 4)
    for cv in (distance("d", 0, 3), centre_distance("c", [0], [3])):
        assert among(cv, chain).evaluate(frame) == pytest.approx(1.6)
        assert not restraint_force(among(cv, chain), 0).usesPeriodicBoundaryConditions()
        assert among(cv, np.arange(4)).evaluate(frame) == pytest.approx(0.4)
        assert restraint_force(among(cv, np.arange(4)), 0).usesPeriodicBoundaryConditions()


def test_pairs_of_one_molecule_count_as_they_lie():
    """The ends of a chain are no contact through the border; a third atom is one."""
    x = np.array([[0.1, 0, 0], [1.0, 0, 0], [1.9, 0, 0], [0.3, 2.2, 0]])
    cv = coordination("n", [0], [2, 3], r0=0.3)
    for molecules, expected in ((np.array([0, 0, 0, 1]), [1.8, 0.2]), (np.arange(4), [0.2, 0.2])):
        made, frame = among(cv, molecules), Frame(x, CUBE)
        assert made.evaluate(frame) == pytest.approx(sum(1 / (1 + (r / 0.3) ** 6) for r in expected))
        context = in_openmm(made, CUBE)
        context.setParameter(centre_name(0), made.evaluate(frame) - 0.1)
        context.setPositions([*x, *np.zeros((4, 3))])
        assert context.getState(getEnergy=True).getPotentialEnergy()._value == pytest.approx(0.005 * KAPPA)


def test_a_force_that_takes_images_itself_is_left_to_it():
    frame = Frame(np.array([[0.1, 0, 0], [0, 0, 0], [0.5, 0, 0], [0, 0, 0], [1.9, 0, 0]]), CUBE)
    cell = Cell(CUBE, np.arange(5))
    images, as_it_is = from_force("f", contact(images=True)), from_force("f", contact())
    assert image_shift(images, frame, cell) == 0
    assert images.evaluate(frame) == pytest.approx(0.4 - 0.6)
    assert as_it_is.evaluate(frame) == pytest.approx(0.4 - 1.4)
    assert as_it_is.evaluate(frame) + image_shift(as_it_is, frame, cell) == pytest.approx(0.4 - 0.6)


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_broken_molecules_are_put_together_along_their_bonds(box):
    for x, rng in clusters(box):
        turns = rng.integers(-1, 2, (8, 3))
        turns[::2] = 0
        made, mended = whole(x + turns @ box, BONDS, Cell(box, PAIRED))
        np.testing.assert_allclose(made, x, atol=1e-12)
        assert mended == int((turns[1::2] != 0).any(axis=1).sum())


def test_what_is_whole_keeps_every_bit_and_what_is_bonded_to_its_image_stays():
    x = np.array([[0.1, 0, 0], [0.8, 0, 0], [1.5, 0, 0], [1.9, 0.1, 0]])
    ring = np.array([[0, 1], [1, 2], [2, 0]])
    made, mended = whole(x, ring, Cell(CUBE, molecules_of(ring, 4)))
    assert mended == 0
    assert (made == x).all()


def test_pieces_are_gathered_by_their_nearest_atoms():
    """Not by their first ones: the second molecule lies beside the far end of the first."""
    x = np.array([[0.0, 0, 0], [0.6, 0, 0], [1.2, 0, 0], [1.35 - 2.0, 0, 0], [1.8 - 2.0, 0, 0]])
    cell = Cell(CUBE, np.array([0, 0, 0, 1, 1]))
    np.testing.assert_allclose(gathered(x, cell)[:, 0], [0, 0.6, 1.2, 1.35, 1.8], atol=1e-12)
