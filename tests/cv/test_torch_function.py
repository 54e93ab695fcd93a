"""CVs of torch functions: values, gradients, and what is refused."""

from math import inf, pi

import numpy as np
import pytest
import torch

from cvflow.core.frames import Frame
from cvflow.cv import from_torch, functions
from tests.cv.cases import CASES, draws, turned


def several(x):
    return x[:, :, 0]


def scalar(x):
    return x.sum()


def constant(x):
    return torch.ones(len(x))


def number(x):
    return 1.0


def test_the_function_gets_the_atoms_in_their_order():
    x = draws(1)[0]
    cv = from_torch("phi", functions.torsion, [6, 2, 0, 5], period=2 * pi)
    assert cv.evaluate(Frame(x, None)) == pytest.approx(CASES["torsion"].cv.evaluate(Frame(x, None)), rel=1e-12)


def test_the_gradient_is_that_of_the_value():
    cv, x, step = CASES["torch"].cv, draws(1)[0][[7, 1, 3, 5]], 1e-5
    _, gradient = cv.of_atoms(x)
    for place in np.ndindex(x.shape):
        shift = np.zeros_like(x)
        shift[place] = step
        up, down = (cv.of_atoms(x + sign * shift)[0] for sign in (1, -1))
        assert gradient[place] == pytest.approx((up - down) / (2 * step), abs=1e-7)


def test_values_on_a_circle_are_wrapped():
    cv = from_torch("t", turned, [7, 1, 3, 5], period=3.0)
    values = [cv.evaluate(Frame(x, None)) for x in draws(40)]
    assert -1.5 <= min(values) < -1
    assert 1 < max(values) < 1.5
    assert (cv.range, from_torch("t", turned, [0, 1]).range) == ((-1.5, 1.5), (-inf, inf))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: from_torch("t", lambda x: x[:, 0, 0], [0]), "cannot be sent to worker processes"),
        (lambda: from_torch("t", turned, []), "needs a group"),
        (lambda: from_torch("t", turned, [0], period=-1.0), "positive period"),
        (lambda: from_torch("t", turned, [0], period=1.0, range=(0.0, 1.0)), "or a range"),
        (lambda: from_torch("t", turned, [0], range=(1.0, 0.0)), "two rising numbers"),
        (lambda: evaluated(several), "for one chain it gives shape (1, 2)"),
        (lambda: evaluated(scalar), "for one chain it gives shape ()"),
        (lambda: evaluated(constant), "one differentiable number"),
        (lambda: evaluated(number), "for one chain it gives float"),
    ],
)
def test_misuse_raises(make, words):
    with pytest.raises(ValueError) as error:
        make()
    assert words in str(error.value)


def evaluated(function):
    return from_torch("t", function, [0, 1]).evaluate(Frame(draws(1)[0], None))
