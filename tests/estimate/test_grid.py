import numpy as np
import pytest

from cvflow.estimate.free_energy import profile
from cvflow.estimate.grid import axis
from cvflow.estimate.surface import surface
from tests.report.synthetic import POLYMER, THREE, Lengths, fake_record, with_turns

CIRCLES = [2 * np.pi, 2 * np.pi]


def turned(record, by):
    """The same chain with its first CV moved around the circle."""
    shift = np.array([by, 0.0])
    moved = {
        name: (record.turns[name] + shift + np.pi) % (2 * np.pi) - np.pi
        for name in ("cv", "cv_kept", "cv_old", "cv_end")
    }
    return with_turns(record, **moved)


@pytest.fixture(scope="module")
def around():
    return fake_record(THREE, Lengths(4, 10, 120), periods=CIRCLES)


def test_a_line_is_cut_from_end_to_end():
    found = axis(fake_record(POLYMER), "r", 30)
    assert not found.periodic
    assert len(found.centres) == 30
    assert found.bin_of(found.edges[[0, -1]]).tolist() == [0, 29]
    assert (found.bin_of(found.centres) == np.arange(30)).all()


def test_a_circle_is_cut_around_the_seam(around):
    found = axis(around, "phi", 12)
    assert found.periodic
    assert found.centres == pytest.approx(-np.pi + np.arange(12) * np.pi / 6)
    assert (found.bin_of(found.centres) == np.arange(12)).all()
    assert found.bin_of(np.array([np.pi - 1e-9, -np.pi, -np.pi + 1e-9])).tolist() == [0, 0, 0]


def test_turning_the_circle_turns_the_profile(around):
    """By a whole number of bins, over the seam: the same free energies, moved on."""
    before, after = profile(around, "phi", 24), profile(turned(around, 5 * np.pi / 12), "phi", 24)
    assert np.array_equal(np.roll(before.free_energy, 5), after.free_energy, equal_nan=True)


def test_turning_the_circle_turns_the_surface(around):
    before = surface(around, ("phi", "psi"), 24)
    after = surface(turned(around, 5 * np.pi / 12), ("phi", "psi"), 24)
    assert np.array_equal(np.roll(before.free_energy, 5, axis=0), after.free_energy, equal_nan=True)
    assert np.allclose(np.roll(before.stderr, 5, axis=0), after.stderr, equal_nan=True)


def test_misuse_is_refused(around):
    with pytest.raises(ValueError, match="unknown CV"):
        axis(around, "chi", 10)
    with pytest.raises(ValueError, match="2 bins"):
        axis(around, "phi", 1)
