"""The projection of velocities onto those that rigid bonds allow."""

import numpy as np
import pytest

from cvflow.engines.external.rigid import tangential

PAIRS = np.array([[0, 1], [1, 2], [0, 2], [2, 3], [4, 5]])
BOX = np.array([[2.0, 0.0, 0.0], [0.5, 1.8, 0.0], [-0.4, 0.6, 2.1]])


def system(rng):
    """A triangle with a tail and a pair apart, whole: positions, masses, velocities."""
    x = np.array([[0.0, 0, 0], [0.1, 0, 0], [0.05, 0.09, 0], [0.1, 0.15, 0.1], [0.8, 0.8, 0.8], [0.8, 0.9, 0.85]])
    return x + 0.01 * rng.standard_normal((6, 3)), rng.uniform(1, 16, 6), rng.standard_normal((6, 3))


def constraints(x):
    """Gradients of the bonds' lengths, one row a bond."""
    rows = np.zeros((len(PAIRS), *x.shape))
    for row, (a, b) in zip(rows, PAIRS, strict=True):
        row[a] = (x[a] - x[b]) / np.linalg.norm(x[a] - x[b])
        row[b] = -row[a]
    return rows.reshape(len(PAIRS), -1)


def test_the_projection_keeps_the_bonds_and_is_orthogonal_in_the_metric_of_the_masses():
    x, masses, v = system(np.random.default_rng(1))
    kept, m = tangential(v, x, BOX, masses, PAIRS), np.repeat(masses, 3)
    assert np.abs(constraints(x) @ kept.ravel()).max() < 1e-10
    null = np.linalg.svd(constraints(x))[2][len(PAIRS) :]
    assert np.abs(null @ (m * (v - kept).ravel())).max() < 1e-10
    assert np.abs(v - kept).max() > 0.1


def test_images_make_no_difference():
    rng = np.random.default_rng(2)
    x, masses, v = system(rng)
    scattered = x + rng.integers(-2, 3, (6, 3)) @ BOX
    assert tangential(v, scattered, BOX, masses, PAIRS) == pytest.approx(tangential(v, x, BOX, masses, PAIRS), abs=1e-9)
