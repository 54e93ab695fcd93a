"""The space of the CVs: what each fills, and what is no space."""

from math import inf, pi

import pytest

from cvflow.core.cv_space import CVSpace, Domain

LINE, CIRCLE, BOX, HALF_OPEN = (inf, (-inf, inf)), (2 * pi, (-pi, pi)), (inf, (1.0, 3.5)), (inf, (0.0, inf))


def space(*cvs):
    names = tuple("abc"[: len(cvs)])
    return CVSpace(names, ("",) * len(cvs), tuple(period for period, _ in cvs), tuple(limits for _, limits in cvs))


def test_what_each_cv_fills():
    assert space(LINE, CIRCLE, BOX).domains == (Domain.LINE, Domain.CIRCLE, Domain.BOX)
    assert space(HALF_OPEN).domains == (Domain.LINE,), "a box has two ends"


def test_a_restraints_centre_leaves_boxes_and_stays_on_circles():
    assert space(BOX, CIRCLE).unbounded == space(LINE, (2 * pi, (-inf, inf)))
    assert space(BOX, CIRCLE).unbounded.domains == (Domain.LINE, Domain.CIRCLE)


@pytest.mark.parametrize(
    ("units", "periods", "ranges"),
    [
        (("",), (inf,), ()),
        (("",), (), ((0.0, 1.0),)),
        ((), (inf,), ((0.0, 1.0),)),
        (("",), (-1.0,), ((-1.0, 1.0),)),
        (("",), (inf,), ((1.0, 1.0),)),
        (("",), (inf,), ((2.0, 1.0),)),
    ],
)
def test_spaces_that_are_none_raise(units, periods, ranges):
    with pytest.raises(ValueError, match="CVs q: "):
        CVSpace(("q",), units, periods, ranges)
