"""CVs with nearest images: what wrapping by whole box vectors cannot change."""

import numpy as np
import openmm
import pytest
from MDAnalysis.lib.distances import minimize_vectors
from MDAnalysis.lib.mdamath import triclinic_box

from cvflow.core.frames import Frame
from cvflow.core.periodic import into_period
from cvflow.cv import (
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
    torsion,
)
from cvflow.cv.images import Cell, gathered, image_shift, molecules_of, nearest_value, whole

CUBE = np.diag([2.0, 2.2, 2.4])
SKEWED = np.array([[2.2, 0, 0], [0.7, 2.0, 0], [-0.9, 0.8, 2.1]])  # reduced, as OpenMM has them
BOXES = {"rectangular": CUBE, "triclinic": SKEWED}
ALONE = np.arange(8)
"""Eight atoms, none bonded."""
PAIRED = np.array([0, 0, 1, 1, 2, 2, 3, 3])
BONDS = np.array([[0, 1], [2, 3], [4, 5], [6, 7]])


def contact(force=None):
    made = openmm.CustomCompoundBondForce(3, "distance(p1,p2)-distance(p3,p2)")
    made.addBond([0, 2, 4], [])
    made.setUsesPeriodicBoundaryConditions(bool(force))
    return made


def spread(x):
    return functions.gyration(x)


CVS = [
    distance("d", 0, 2),
    angle("a", 0, 2, 4),
    torsion("t", 0, 2, 4, 6),
    gyration("g", range(8)),
    anisotropy("k", range(8)),
    centre_distance("c", [0, 1, 2, 3], [4, 5, 6, 7]),
    centre_distance("e", [0, 2], [1, 3]),
    coordination("n", [0, 1, 2, 3], [4, 5, 6, 7], r0=0.3),
    combination("s", {distance("x", 0, 2): 1.0, distance("y", 4, 2): -1.0}),
    from_force("f", contact()),
    from_torch("p", spread, range(8)),
]


def clusters(box, count=30):
    """Eight atoms in a small heap somewhere in the box, in pairs that are closest to each other."""
    rng = np.random.default_rng(3)
    for _ in range(count):
        centres = rng.uniform(0, 1, 3) @ box + rng.uniform(-0.25, 0.25, (4, 3))
        yield np.repeat(centres, 2, axis=0) + rng.normal(0, 0.03, (8, 3)), rng


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_displacements_are_mdanalysis_nearest_images(box):
    apart = np.random.default_rng(0).uniform(-8, 8, (500, 3))
    dimensions = triclinic_box(*box)
    theirs = minimize_vectors(apart.astype(np.float32), dimensions)
    np.testing.assert_allclose(Cell(box, ALONE).nearest(apart), theirs, atol=2e-5)


def test_a_direction_that_is_not_periodic_is_left():
    slab = CUBE.copy()
    slab[2] = 0
    np.testing.assert_allclose(Cell(slab, ALONE).nearest(np.array([1.9, 3.4, 9.0])), [-0.1, -1.0, 9.0])


@pytest.mark.parametrize("cv", CVS, ids=lambda cv: cv.name)
@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
def test_a_heap_s_values_are_those_of_the_coordinates_however_it_is_wrapped(cv, box):
    """Every atom for itself, or by bonded pairs."""
    changed = 0
    for x, rng in clusters(box):
        plain = cv.evaluate(Frame(x, box))
        for molecules, size in ((ALONE, 8), (PAIRED, 4)):
            turns = rng.integers(-2, 3, (size, 3)) @ box
            wrapped = Frame(x + (turns if size == 8 else np.repeat(turns, 2, axis=0)), box)
            value = cv.evaluate(wrapped) + image_shift(cv, wrapped, Cell(box, molecules))
            assert into_period(value - plain, cv.period) == pytest.approx(0, abs=1e-9)
            changed += abs(cv.evaluate(wrapped) - plain) > 1e-3
    assert changed > 20


def test_a_molecule_longer_than_half_the_box_is_taken_as_it_is():
    frame = Frame(np.array([[0.1, 0, 0], [0.7, 0, 0], [1.3, 0, 0], [1.7, 0, 0]]), CUBE)
    cv = distance("d", 0, 3)
    chain = molecules_of(np.array([[0, 1], [1, 2], [2, 3]]), 4)
    assert nearest_value(cv, frame, Cell(CUBE, chain)) == cv.evaluate(frame) == pytest.approx(1.6)
    assert nearest_value(cv, frame, Cell(CUBE, np.arange(4))) == pytest.approx(0.4)


def test_a_force_that_takes_images_itself_is_left_to_it():
    frame = Frame(np.array([[0.1, 0, 0], [0, 0, 0], [0.5, 0, 0], [0, 0, 0], [1.9, 0, 0]]), CUBE)
    cell = Cell(CUBE, np.arange(5))
    images, as_it_is = from_force("f", contact(force=True)), from_force("f", contact())
    assert nearest_value(images, frame, cell) == images.evaluate(frame) == pytest.approx(0.4 - 0.6)
    assert as_it_is.evaluate(frame) == pytest.approx(0.4 - 1.4)
    assert nearest_value(as_it_is, frame, cell) == pytest.approx(0.4 - 0.6)


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
    np.testing.assert_allclose(gathered(x, np.arange(5), cell)[:, 0], [0, 0.6, 1.2, 1.35, 1.8], atol=1e-12)
