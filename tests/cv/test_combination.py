"""Linear combinations, on lines and on circles."""

from math import inf, pi

import pytest

from cvflow.core.frames import Frame
from cvflow.cv import combination, distance, torsion
from cvflow.cv.combination import Combination
from tests.cv.cases import draws

PHI, PSI, R = torsion("phi", 0, 1, 2, 3), torsion("psi", 6, 2, 0, 5), distance("r", 4, 9)


def test_a_sum_of_torsions_is_wrapped():
    cv = combination("w", {PHI: 1.0, PSI: -2.0}, period=2 * pi)
    seen = []
    for x in draws(50):
        frame = Frame(x, None)
        plain = PHI.evaluate(frame) - 2 * PSI.evaluate(frame)
        value = cv.evaluate(frame)
        assert -pi <= value < pi
        turns = (plain - value) / (2 * pi)
        assert turns == pytest.approx(round(turns), abs=1e-9)
        seen.append(round(turns))
    assert len(set(seen)) > 1, "some were wrapped"


def test_periods_ranges_and_atoms():
    cv = combination("w", {PHI: 0.5}, period=pi)
    assert (cv.period, cv.range) == (pi, (-pi / 2, pi / 2))
    assert combination("s", {R: 2.0}).range == (-inf, inf)
    assert combination("s", {R: 2.0, PHI: 1.0}, period=2 * pi).highest_atom == 9


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: combination("w", {PHI: 1.0, R: 1.0}), "would jump where phi is wrapped"),
        (lambda: combination("w", {PHI: 0.5, R: 1.0}, period=2 * pi), "would jump where phi is wrapped"),
        (lambda: combination("w", {}), "one coefficient a term"),
        (lambda: Combination("w", (1.0, 2.0), (R,)), "got 2 for 1"),
        (lambda: combination("w", {R: 1.0}, period=0.0), "period must be positive"),
        (lambda: combination("w w", {R: 1.0}), "name"),
    ],
)
def test_misuse_raises(make, words):
    with pytest.raises(ValueError) as error:
        make()
    assert words in str(error.value)
