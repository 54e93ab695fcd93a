"""The same field as φ⁴ on its sites, in other coordinates: energies, CVs and states agree, and frequencies do."""

import numpy as np
import torch

from cvflow.systems import Phi4, Phi4Modes


def fields(count=50):
    return np.random.default_rng(0).normal(0, 1, (count, 64))


def to_modes(x):
    """Sine modes by scipy, orthonormal: not the matrix of the code under test."""
    from scipy.fft import dst

    return dst(x, type=1, norm="ortho")


def test_energies_and_cvs_are_those_on_the_sites():
    sites, modes = Phi4(h=0.03).system(), Phi4Modes(h=0.03).system()
    x = fields()
    c, x = torch.as_tensor(to_modes(x)), torch.as_tensor(x)
    torch.testing.assert_close(modes.potential.energy(c), sites.potential.energy(x), rtol=1e-12, atol=1e-10)
    torch.testing.assert_close(modes.cv.value(c), sites.cv.value(x), rtol=1e-12, atol=1e-10)
    gradient = torch.as_tensor(to_modes(sites.potential.gradient(x).numpy()))
    torch.testing.assert_close(modes.potential.gradient(c), gradient, rtol=1e-10, atol=1e-9)


def test_all_modes_have_the_frequency_of_the_well():
    """The Hessian at x = 1 on every site is the lattice's stiffness plus the well's curvature, mode by mode."""
    system = Phi4Modes().system()
    flat = torch.as_tensor(to_modes(np.ones((1, 64))))
    hessian = torch.autograd.functional.hessian(lambda c: system.potential.energy(c).sum(), flat)[0, :, 0]
    frequency = torch.diagonal(hessian) / torch.as_tensor(system.masses)
    torch.testing.assert_close(frequency, torch.full_like(frequency, 2 * 20 / (64 * 0.1)), rtol=1e-9, atol=0)


def test_starts_are_those_of_the_sites():
    system, rng = Phi4Modes().system(), np.random.default_rng(1)
    for state, sign in (("negative", -1), ("positive", 1)):
        x = torch.as_tensor(system.starts(state, 4, rng))
        assert (sign * system.cv.value(x) > 4).all()
