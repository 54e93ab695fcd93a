"""Planes: by hand, and what is refused."""

from math import pi

import numpy as np
import pytest

from cvflow.core.frames import Frame
from cvflow.cv import plane_angle, plane_distance
from tests.cv.test_rmsd import moved

FLAT = np.array([[0.0, 0, 0], [0.1, 0, 0], [0.1, 0.1, 0]])
"""Its normal is along z."""


def beside(tilt, shift=(0.0, 0.0, 0.35)):
    """The plane, and a copy of it that is tilted about x."""
    c, s = np.cos(tilt), np.sin(tilt)
    return np.concatenate([FLAT, FLAT @ np.array([[1, 0, 0], [0, c, s], [0, -s, c]]) + shift])


@pytest.mark.parametrize("tilt", [0.3, 1.5, 2.8])
def test_the_angle_is_the_tilt(tilt):
    frame = Frame(moved(beside(tilt)), None)
    assert plane_angle("a", [0, 1, 2], [3, 4, 5]).evaluate(frame) == pytest.approx(tilt)
    assert plane_angle("a", [0, 1, 2], [5, 4, 3]).evaluate(frame) == pytest.approx(pi - tilt)
    assert plane_angle("a", [0, 1, 2], [3, 4, 5]).range == (0.0, pi)


def test_the_distance_is_along_the_normal_and_has_its_sign():
    frame = Frame(moved(beside(0.0, (0.4, -0.7, 0.35))), None)
    assert plane_distance("d", [0, 1, 2], [3, 4, 5]).evaluate(frame) == pytest.approx(0.35)
    assert plane_distance("d", [2, 1, 0], [3, 4, 5]).evaluate(frame) == pytest.approx(-0.35)
    assert plane_distance("d", [0, 1, 2], 4).evaluate(frame) == pytest.approx(0.35)
    assert plane_distance("d", [0, 1, 2], [0, 3]).evaluate(frame) == pytest.approx(0.175)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: plane_angle("a", [0, 1], [3, 4, 5]), "a plane needs three different atoms"),
        (lambda: plane_angle("a", [0, 1, 2], [3, 4, 4]), "a plane needs three different atoms"),
        (lambda: plane_distance("d", [0, 1], [3]), "a plane needs three different atoms"),
        (lambda: plane_distance("d", [0, 1, 2], []), "a distance from a plane needs a group"),
        (lambda: plane_distance("d", [0, 1, 2], [3], unit="rad"), "its values are in nm"),
    ],
)
def test_misuse_is_one_line(make, words):
    with pytest.raises(ValueError) as error:
        make()
    assert words in str(error.value)
    assert "\n" not in str(error.value)
