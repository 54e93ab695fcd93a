"""Internal coordinates, their volume element, and the alignment."""

import numpy as np
import pytest

from cvflow.core.frames import Frame
from cvflow.cv.internal_coordinates import Chain, Shapes, aligned
from cvflow.doctor.verify import driven_chain as target

CHAIN = Chain("c", (2, 0, 1, 4, 3, 5))


def beads(seed: int, count: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, CHAIN.beads, 3))


def test_positions_are_rebuilt_up_to_rigid_motion():
    x = beads(0, 50)
    coordinates = CHAIN.coordinates(x)
    again = CHAIN.beads_at(coordinates)
    assert CHAIN.exists(coordinates).all()
    assert np.abs(CHAIN.coordinates(again) - coordinates).max() < 1e-10
    assert max(np.abs(aligned(a, b) - b).max() for a, b in zip(again, x, strict=True)) < 1e-10


def test_the_coordinates_are_those_of_the_cvs():
    frame = Frame(beads(1)[0], None)
    led = frame.positions[list(CHAIN.atoms)]
    cvs = CHAIN.cvs("nm")
    assert np.allclose([cv.evaluate(frame) for cv in cvs], CHAIN.coordinates(led))
    assert tuple(cv.period for cv in cvs) == CHAIN.periods


def test_the_volume_element_is_that_of_the_positions():
    """By central differences: d(positions) = J d(coordinates) times rigid motion."""
    x = beads(2)[0]
    at, step = CHAIN.coordinates(x), 1e-6
    columns = [
        ((CHAIN.beads_at(at + step * e) - CHAIN.beads_at(at - step * e)) / (2 * step)).ravel() for e in np.eye(len(at))
    ]
    built = CHAIN.beads_at(at)
    columns += [np.tile(axis, CHAIN.beads) for axis in np.eye(3)]
    columns += [np.cross(axis, built).ravel() for axis in np.eye(3)]
    assert np.linalg.slogdet(np.stack(columns, axis=1))[1] == pytest.approx(
        float(CHAIN.log_volume(at[None])[0]), abs=1e-6
    )


def test_distances_that_make_no_triangle_do_not_exist():
    coordinates = CHAIN.coordinates(beads(3, 3))
    coordinates[1, CHAIN.beads - 1] = coordinates[1, :2].sum() + 0.01
    coordinates[2, 0] = -0.1
    assert CHAIN.exists(coordinates).tolist() == [True, False, False]


def test_the_alignment_is_the_best_proper_rotation_and_aligning_back_is_its_inverse():
    a, b = beads(4)[0], beads(5)[0]
    placed = aligned(a, b)
    assert np.allclose(CHAIN.coordinates(placed), CHAIN.coordinates(a))
    assert np.allclose(placed.mean(axis=0), b.mean(axis=0))
    assert np.allclose(aligned(b, placed), b)
    rng = np.random.default_rng(6)
    for _ in range(200):
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        turn *= np.sign(np.linalg.det(turn))
        other = (placed - placed.mean(axis=0)) @ turn + b.mean(axis=0)
        assert ((other - b) ** 2).sum() >= ((placed - b) ** 2).sum()


def kabsch(shape, onto):
    """By the singular value decomposition, in numpy alone."""
    centre, there = shape.mean(axis=0), onto.mean(axis=0)
    left, _, right = np.linalg.svd((shape - centre).T @ (onto - there))
    left[:, 2] *= np.sign(np.linalg.det(left) * np.linalg.det(right))
    return (shape - centre) @ left @ right + there


@pytest.mark.parametrize("noise", [0.0, 0.01, 10.0])
def test_the_alignment_is_kabsch_s(noise):
    """Of shapes that are the same, nearly so and not at all, mirror images among them."""
    rng = np.random.default_rng(9)
    for shape in beads(8, 200):
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        onto = shape @ turn + noise * rng.normal(size=shape.shape)
        np.testing.assert_allclose(aligned(shape, onto), kabsch(shape, onto), atol=1e-12 * (1 + noise))


def test_a_mirror_image_is_not_turned_into_the_original():
    a = beads(7)[0]
    mirrored = a * np.array([1.0, 1.0, -1.0])
    assert np.abs(aligned(mirrored, a) - a).max() > 0.1


def test_images_are_those_of_the_positions():
    x = beads(5, 20)
    coordinates = CHAIN.coordinates(x)
    assert np.allclose(CHAIN.mirrored(coordinates), CHAIN.coordinates(x * [1, 1, -1]))
    assert np.allclose(CHAIN.reversed(coordinates), CHAIN.coordinates(x[:, ::-1]))
    edge = np.where(np.arange(coordinates.shape[1]) < CHAIN.lengths, coordinates, -np.pi)
    assert (CHAIN.mirrored(edge) == edge).all(), "half a turn is its own image, and stays in [-π, π)"


def test_points_are_observed_distances_and_coordinates():
    x = target.exact_draws(5, np.random.default_rng(8))[:, :4]
    points = target.SHAPES.points(x)
    assert np.allclose(points[:, 0], np.linalg.norm(x[:, 3] - x[:, 0], axis=1))
    assert np.allclose(target.SHAPES.points(target.SHAPES.beads(points)), points)
    assert isinstance(target.SHAPES, Shapes)


@pytest.mark.parametrize("atoms", [(0, 1, 2), (0, 1, 2, 2), (0, 1, 2, -1)])
def test_atoms_that_make_no_chain_are_refused(atoms):
    with pytest.raises(ValueError, match="at least four different atoms"):
        Chain("c", atoms)
