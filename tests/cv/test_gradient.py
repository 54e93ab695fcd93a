"""Values and gradients in numpy against `evaluate` and automatic differentiation."""

import numpy as np
import openmm
import pytest
import torch

from cvflow.core.frames import Frame
from cvflow.cv import Particles, angle, centre_distance, distance, from_force, gyration, torsion
from tests.cv.cases import CASES, draws


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_is_that_of_the_value(name):
    cv, function = CASES[name]
    for x in draws(4, seed=5):
        frame = Frame(x, None)
        value, gradient = cv.value_and_gradient(frame)
        batch = torch.from_numpy(x)[None].requires_grad_()
        (expected,) = torch.autograd.grad(function(batch).sum(), batch)
        assert value == pytest.approx(cv.evaluate(frame), abs=1e-12)
        np.testing.assert_allclose(gradient, expected[0].numpy(), atol=1e-10 * np.abs(gradient).max())


@pytest.mark.parametrize("phi", [0.0, 1e-9, np.pi - 1e-9, -np.pi])
def test_planar_torsions_have_one_too(phi):
    x = draws(1)[0]
    x[:4] = [[0.1, 0, 0], [0, 0, 0], [0, 0, 0.15], [0.1 * np.cos(phi), 0.1 * np.sin(phi), 0.17]]
    _, gradient = torsion("phi", 0, 1, 2, 3).value_and_gradient(Frame(x, None))
    np.testing.assert_allclose(gradient[3], [-np.sin(phi) / 0.1, np.cos(phi) / 0.1, 0.0], atol=1e-9)


def test_groups_that_share_an_atom_add_up():
    """Its slope is that of both groups."""
    x = draws(1)[0]
    both, alone = centre_distance("d", [1, 2], [2, 3]), distance("r", 1, 3)
    _, gradient = both.value_and_gradient(Frame(x, None))
    np.testing.assert_allclose(gradient, alone.value_and_gradient(Frame(x, None))[1] / 2, atol=1e-15)


@pytest.mark.parametrize(
    "cv", [distance("r", 0, 1), angle("a", 0, 1, 2), torsion("t", 0, 1, 2, 3), gyration("g", [0, 1])]
)
def test_a_value_needs_no_gradient(cv):
    """Atoms on top of each other have none; under pytest a warning would be an error."""
    assert np.isfinite(cv.evaluate(Frame(np.zeros((4, 3)), None)))


def test_forces_with_nearest_images_need_a_box():
    force = openmm.CustomBondForce("r")
    force.setUsesPeriodicBoundaryConditions(True)
    cv = from_force("f", force)
    with pytest.raises(ValueError, match="CV f: its force takes nearest images, and the system has no periodic box"):
        cv.among(Particles((1.0, 1.0)))
    assert cv.among(Particles((1.0, 1.0), periodic=True)) == cv
