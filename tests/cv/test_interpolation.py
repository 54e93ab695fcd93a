"""Ways read the same backwards, and do what they are for."""

import numpy as np
import pytest

from cvflow.cv.internal_coordinates import Chain, aligned
from cvflow.cv.interpolation import INTERPOLATIONS, LengthKeeping
from cvflow.systems import Polymer

CHAIN = Chain("c", tuple(range(9)))
ENDS = [Polymer().start(state, np.random.default_rng(0)).positions[:9] for state in ("compact", "extended")]
START, END = ENDS[0], aligned(ENDS[1], ENDS[0])


@pytest.mark.parametrize("name", INTERPOLATIONS)
def test_a_way_read_backwards_is_the_way_back(name):
    way = INTERPOLATIONS[name]()
    there, back = way.knots(START, END), way.knots(END, START)
    assert np.abs(there - back[::-1]).max() < 1e-10
    assert (there[0] == START).all()
    assert (there[-1] == END).all()


def test_only_one_way_keeps_the_lengths():
    """The middle of the straight line between two helices is squeezed by a tenth or more."""
    middle = 0.5 * (START + END)
    lengths = CHAIN.coordinates(LengthKeeping().knots(START, END))[:, : CHAIN.lengths]
    wanted = CHAIN.coordinates(START)[: CHAIN.lengths]
    assert np.abs(CHAIN.coordinates(middle)[: CHAIN.lengths] - wanted).max() > 0.1
    assert np.abs(lengths - wanted).max() < 0.02


def test_a_length_keeping_way_has_constant_speed():
    knots = LengthKeeping().knots(START, END)
    pieces = np.sqrt((np.diff(knots, axis=0) ** 2).sum(axis=(1, 2)))
    assert np.ptp(pieces) < 0.05 * pieces.mean()
