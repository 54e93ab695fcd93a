"""CVs of the zoo at the points where they are easily wrong, and their Gram matrices."""

from math import pi

import numpy as np
import pytest
import torch

from tests.systems.cases import CASES, ZOO
from tests.systems.exact import torsion

ANGLES = (-pi, -pi + 1e-9, -3.0, -pi / 2, -0.5, 0.0, 1e-9, 0.5, pi / 2, 3.0, pi - 1e-9)


def with_torsion(phi, sign=1.0):
    """Four atoms, the middle bond from (0, 0, 0) down to (0, 0, -1), the first atom up the y axis.

    Seen from above, along the middle bond, a clockwise turn takes y to x; IUPAC calls that positive.
    """
    far = [np.sin(phi), np.cos(phi), -1.2]
    return torch.tensor([[[0.0, 1.0, 0.3], [0.0, 0.0, 0.0], [0.0, 0.0, -1.0], far]], dtype=torch.float64).flatten(1)


@pytest.mark.parametrize("phi", ANGLES)
def test_torsion_has_the_sign_of_iupac_and_stays_in_one_period(phi):
    cv = CASES["torsion"].reference.system().cv
    x = with_torsion(phi)
    value = float(cv.value(x))
    assert -pi <= value < pi
    assert abs(float(cv.wrapped(torch.tensor([[value - phi]])))) < 1e-12
    assert float(cv.value(x.float())) < pi
    reversed_ = x.unflatten(1, (4, 3)).flip(1).flatten(1)
    assert abs(float(cv.wrapped(cv.value(reversed_) - value))) < 1e-12


def test_torsion_of_a_planar_trans_molecule_is_minus_pi():
    cv = CASES["torsion"].reference.system().cv
    x = torch.tensor([[[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, -1.0, 0.0]]], dtype=torch.float64)
    for planar in (x, x.flip(1), -x, x[..., [1, 0, 2]]):
        assert float(cv.value(planar.flatten(1))) == -pi


@pytest.mark.parametrize("phi", ANGLES)
def test_torsion_is_differentiable_at_every_angle(phi):
    """Central differences across ±π, wrapped."""
    cv, x = CASES["torsion"].reference.system().cv, with_torsion(phi)
    step = 1e-5 * torch.eye(12, dtype=torch.float64)
    slope = cv.wrapped(cv.value(x + step) - cv.value(x - step))[:, 0] / 2e-5
    assert (cv.jacobian(x)[0, 0] - slope).abs().max() < 1e-8
    potential = CASES["torsion"].reference.system().potential
    energies = (potential.energy(x + step) - potential.energy(x - step)) / 2e-5
    assert (potential.gradient(x)[0] - energies).abs().max() < 1e-7 * energies.abs().max()


def test_one_state_of_the_torsion_lies_across_the_wrap():
    density = torsion.density(np.array([[-pi], [-2.9], [2.9]]))
    assert density.min() > 0.2 * torsion.density(np.array([[pi - 0.3]]))[0]
    starts = CASES["torsion"].reference.system().starts("trans", 100, np.random.default_rng(0))
    phi = torsion.torsion(starts)
    assert (phi < -2).any()
    assert (phi > 2).any()


def test_angle_is_exact_up_to_collinear_atoms():
    cv = CASES["angle"].reference.system().cv
    for angle in (1e-9, 0.3, pi / 2, 3.0, pi - 1e-9):
        x = torch.tensor([[1.0, 0.0, 0.0, 0.0, np.cos(angle), np.sin(angle)]], dtype=torch.float64)
        assert abs(float(cv.value(x)) - angle) < 1e-15
        mirrored = x * torch.tensor([1.0, -1.0] * 3, dtype=torch.float64)
        assert float(cv.value(mirrored)) == float(cv.value(x))


@pytest.mark.parametrize("name", ZOO)
def test_the_gram_matrix_changes_with_the_configuration(name):
    """Along the CV, or across it: otherwise the Fixman term would be a constant, and its absence unseen."""
    case = CASES[name]
    system = case.reference.system()
    x = torch.tensor(case.exact.draw(2000, np.random.default_rng(0))).flatten(1)
    jacobian = system.cv.jacobian(x)
    gram = (jacobian / torch.tensor(system.masses)) @ jacobian.transpose(1, 2)
    assert torch.linalg.slogdet(gram).logabsdet.std() > 0.05
    if len(system.cv.names) > 1:
        assert (gram[:, 0, 1] / gram[:, 0, 0]).std() > 0.05


@pytest.mark.parametrize("name", ["angle", "torsion", "two_distances"])
def test_cvs_of_molecules_ignore_rigid_motion(name):
    system = CASES[name].reference.system()
    x = torch.tensor(CASES[name].exact.draw(20, np.random.default_rng(3)))
    dimensions = x.shape[2]
    turn, _ = torch.linalg.qr(torch.randn(dimensions, dimensions, dtype=x.dtype, generator=torch.manual_seed(0)))
    turn = turn * torch.linalg.det(turn).sign() if dimensions == 3 else turn
    moved = x @ turn + 2.0
    difference = system.cv.wrapped(system.cv.value(moved.flatten(1)) - system.cv.value(x.flatten(1)))
    assert difference.abs().max() < 1e-12
