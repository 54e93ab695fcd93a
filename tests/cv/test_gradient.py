"""Values and gradients in numpy against `evaluate` and automatic differentiation."""

import numpy as np
import openmm
import pytest
import torch

from cvflow.core.frames import Frame
from cvflow.cv import from_force, torsion
from cvflow.cv.gradient import value_and_gradient
from tests.cv.cases import CASES, draws

PULLED = [name for name in CASES if not name.startswith("force")]


@pytest.mark.parametrize("name", PULLED)
def test_the_gradient_is_that_of_the_value(name):
    cv, function = CASES[name]
    for x in draws(4, seed=5):
        frame = Frame(x, None)
        value, gradient = value_and_gradient(cv, frame)
        batch = torch.from_numpy(x)[None].requires_grad_()
        (expected,) = torch.autograd.grad(function(batch).sum(), batch)
        assert value == pytest.approx(cv.evaluate(frame), abs=1e-12)
        np.testing.assert_allclose(gradient, expected[0].numpy(), atol=1e-10 * np.abs(gradient).max())


@pytest.mark.parametrize("phi", [0.0, 1e-9, np.pi - 1e-9, -np.pi])
def test_planar_torsions_have_one_too(phi):
    x = draws(1)[0]
    x[:4] = [[0.1, 0, 0], [0, 0, 0], [0, 0, 0.15], [0.1 * np.cos(phi), 0.1 * np.sin(phi), 0.17]]
    _, gradient = value_and_gradient(torsion("phi", 0, 1, 2, 3), Frame(x, None))
    np.testing.assert_allclose(gradient[3], [-np.sin(phi) / 0.1, np.cos(phi) / 0.1, 0.0], atol=1e-9)


def test_forces_have_none():
    with pytest.raises(ValueError, match="CV f: this engine does not pull on a ForceCV"):
        value_and_gradient(from_force("f", openmm.CustomBondForce("r")), Frame(draws(1)[0], None))
