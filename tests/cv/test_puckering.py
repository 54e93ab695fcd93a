"""Rings: shapes that are known, and what is refused."""

from math import pi

import numpy as np
import pytest

from cvflow.core.frames import Frame
from cvflow.cv import puckering_amplitude, puckering_coordinate, puckering_phase, puckering_theta
from tests.cv.test_rmsd import moved


def ring(atoms, heights, radius=0.14):
    """Regular from above, clockwise, so that positive heights are on the side of Cremer and Pople's normal."""
    turn = -2 * pi * np.arange(atoms) / atoms
    return np.column_stack([radius * np.cos(turn), radius * np.sin(turn), heights])


def evaluated(make, x, **words):
    return make("q", range(len(x)), **words).evaluate(Frame(moved(x), None))


@pytest.mark.parametrize("phase", [-2.9, -1.0, 0.0, 0.4, 3.0])
def test_five_atoms_have_the_amplitude_and_phase_they_are_made_with(phase):
    """z_j = (2/5)^½ q cos(φ + 4πj/5), which lifts neither the centre nor the plane: eq. (12) of the source."""
    x = ring(5, np.sqrt(2 / 5) * 0.04 * np.cos(phase + 4 * pi * np.arange(5) / 5))
    assert evaluated(puckering_amplitude, x) == pytest.approx(0.04)
    assert evaluated(puckering_phase, x) == pytest.approx(phase)
    for axis, part in (("x", np.cos(phase)), ("y", np.sin(phase))):
        assert evaluated(puckering_coordinate, x, axis=axis) == pytest.approx(0.04 * part)


def test_six_atoms():
    """The two chairs, a boat, and something between: eq. (13)."""
    alternating = (-1.0) ** np.arange(6) / np.sqrt(6)
    boat = np.sqrt(1 / 3) * np.cos(4 * pi * np.arange(6) / 6 + 0.7)
    for chair, theta in ((0.06, 0.0), (-0.06, pi)):
        assert evaluated(puckering_theta, ring(6, chair * alternating)) == pytest.approx(theta, abs=1e-6)
        assert evaluated(puckering_coordinate, ring(6, chair * alternating), axis="z") == pytest.approx(chair)
    between = ring(6, 0.05 * (np.cos(1.1) * alternating + np.sin(1.1) * boat))
    assert evaluated(puckering_theta, between) == pytest.approx(1.1)
    assert evaluated(puckering_amplitude, between) == pytest.approx(0.05)
    assert evaluated(puckering_phase, between) == pytest.approx(0.7)


def test_a_flat_ring_has_coordinates_and_no_direction():
    for atoms in (5, 6):
        frame = Frame(ring(atoms, 0.0 * np.arange(atoms)), None)
        for cv in (puckering_amplitude("q", range(atoms)), puckering_phase("p", range(atoms))):
            assert np.isfinite(cv.value_and_gradient(frame)[1]).all()
        assert np.abs(puckering_coordinate("x", range(atoms), "x").value_and_gradient(frame)[1]).max() > 0.1


def test_circles_and_ranges():
    assert puckering_phase("p", range(5)).period == 2 * pi
    assert puckering_theta("t", range(6)).range == (0.0, pi)
    assert puckering_amplitude("q", range(5)).range[0] == 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: puckering_amplitude("q", range(4)), "a puckering amplitude is of five or six atoms in their order"),
        (lambda: puckering_phase("q", [0, 1, 2, 3, 3]), "a puckering phase needs a group of different atoms"),
        (lambda: puckering_theta("q", range(5)), "a puckering angle is of six atoms in their order"),
        (lambda: puckering_coordinate("q", range(5), "z"), "a ring of five atoms has no third puckering coordinate"),
        (lambda: puckering_phase("q", range(5), unit="nm"), "its values are in rad"),
    ],
)
def test_misuse_is_one_line(make, words):
    with pytest.raises(ValueError) as error:
        make()
    assert words in str(error.value)
    assert "\n" not in str(error.value)
