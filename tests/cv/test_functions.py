"""The torch functions are the CVs of the same names, for whole batches."""

from math import isfinite

import numpy as np
import pytest
import torch

from cvflow.core.frames import Frame
from cvflow.cv import functions
from tests.cv.cases import CASES, draws


@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_the_cvs(name):
    cv, function = CASES[name]
    x = draws(30)
    values = function(torch.from_numpy(x)).numpy()
    difference = values - np.array([cv.evaluate(Frame(positions, None)) for positions in x])
    if isfinite(cv.period):
        difference -= cv.period * np.round(difference / cv.period)
    np.testing.assert_allclose(difference, 0, atol=1e-9)


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_a_planar_trans_molecule_is_at_minus_pi(zero):
    x = torch.tensor([[[1.0, 0, 0], [0, 0, 0], [0, 0, 1], [-1.0, zero, 1]]], dtype=torch.float64)
    assert functions.torsion(x).item() == -np.pi


def test_coordination_has_a_gradient_at_r0():
    x = torch.tensor([[[0.0, 0, 0]]], requires_grad=True)
    y = torch.tensor([[[0.4, 0, 0]]])
    value = functions.coordination(x, y, 0.4)
    (gradient,) = torch.autograd.grad(value.sum(), x)
    # s' = -6 x⁵/(1 + x⁶)² = -3/2 at x = 1, in units of 1/r0
    assert gradient[0, 0].tolist() == pytest.approx([1.5 / 0.4, 0, 0], rel=1e-5)
