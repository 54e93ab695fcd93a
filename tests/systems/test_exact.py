"""Systems against their second writing in numpy: energies, and draws that the potential must recognise as its own.

Stein's identity E[∂_i f - f ∂_i U/kT] = 0 holds for draws from e^(-U/kT) and smooth f, and for no other density. With
f that changes at the barrier it also sees the weights of the two states.
"""

from collections.abc import Callable
from functools import lru_cache
from itertools import combinations

import numpy as np
import pytest
import torch
from torch import Tensor

from cvflow.core.states import States
from cvflow.systems import GaussianMixtureTarget, Phi4
from tests.systems.cases import CASES, ZOO
from tests.systems.exact import mixture, phi4

DRAWS, THRESHOLD = 100_000, 5.0
ALL = pytest.mark.parametrize("name", CASES)
BARRIERS = {
    "gaussian_tunnel": 5.0, "phi4": 0.0, "gaussian_mixture": 0.0, "angle": 1.55, "ellipsoid": 1.55,
    "two_distances": 0.0, "two_modes": 0.0,
}  # fmt: skip


@lru_cache
def draws(name: str) -> Tensor:
    """Flat draws; a prime as the seed of each system."""
    x = CASES[name].exact.draw(DRAWS, np.random.default_rng(7919))
    return torch.tensor(x).flatten(1)


def z_scores(samples: Tensor) -> Tensor:
    """Mean over its standard error, along the first dimension; zero where there is nothing but rounding."""
    error = samples.std(dim=0) / len(samples) ** 0.5
    return torch.where(error > 1e-12, samples.mean(dim=0) / error, 0.0)


def progress(name: str, x: Tensor) -> Tensor:
    """A smooth number that grows from the first state to the second, zero at the barrier; bounded for a torsion."""
    value = CASES[name].reference.system().cv.value(x)
    if name == "torsion":
        return torch.cos(value[:, 0] - np.pi + 0.225) + 0.05
    if name == "two_distances":
        return value[:, 0] - value[:, 1]
    return value[:, 0] - BARRIERS[name]


def scalars(name: str) -> list[Callable[[Tensor], Tensor]]:
    """Functions for Stein's identity; the joint ones see how the rest depends on the CV."""

    def s(x: Tensor) -> Tensor:
        return progress(name, x)

    return [
        lambda x: torch.ones_like(x[:, 0]),
        s,
        lambda x: torch.tanh(2 * s(x)),
        lambda x: torch.exp(-2 * s(x) ** 2),
        lambda x: x[:, 0] * s(x),
        lambda x: x[:, -1] * torch.tanh(s(x)),
        lambda x: (x * x).sum(dim=1),
        lambda x: torch.sin(s(x)) * torch.cos(x[:, 1]),
        lambda x: x[:, 0] * x[:, 1],
    ]


@ALL
def test_energies_match_the_second_writing(name):
    x = draws(name)[:500] + 0.05 * torch.randn(500, draws(name).shape[1], generator=torch.manual_seed(1))
    system = CASES[name].reference.system()
    expected = CASES[name].exact.energy(x.unflatten(1, system.potential.shape).numpy())
    assert np.abs(system.potential.energy(x).numpy() / system.kT / expected - 1).max() < 1e-10


@pytest.mark.parametrize("h", [-0.4, 0.03])
def test_phi4_in_a_field(h):
    x = torch.tensor(phi4.draw(100, np.random.default_rng(0), h))
    expected = phi4.energy(x.numpy(), h)
    assert np.abs(Phi4(h=h).system().potential.energy(x).numpy() / expected - 1).max() < 1e-12


@pytest.mark.parametrize("dim", [2, 32])
def test_mixture_in_other_dimensions(dim):
    x = torch.tensor(mixture.draw(100, np.random.default_rng(0), dim))
    energies = GaussianMixtureTarget(dim=dim).system().potential.energy(x).numpy()
    assert np.abs(energies / mixture.energy(x.numpy()) - 1).max() < 1e-12


@ALL
def test_draws_satisfy_steins_identity_in_every_coordinate(name):
    x, potential = draws(name), CASES[name].reference.system().potential
    slope = potential.gradient(x)
    for number, function in enumerate(scalars(name)):
        derivative = torch.func.grad(lambda points, f=function: f(points).sum())(x)
        z = z_scores(derivative - function(x)[:, None] * slope)
        assert z.abs().max() < THRESHOLD, f"function {number}: {z}"


def stretches(name: str, x: Tensor) -> list[Tensor]:
    """Linear fields of divergence 2 · dimensions: along each pair of atoms, or along each coordinate of a point."""
    shape = CASES[name].reference.system().potential.shape
    if len(shape) == 1:
        return [2 * x * torch.eye(shape[0], dtype=x.dtype)[i] for i in range(shape[0])]
    atoms, fields = x.unflatten(1, shape), []
    for i, j in combinations(range(shape[0]), 2):
        apart, field = atoms[:, i] - atoms[:, j], torch.zeros_like(atoms)
        field[:, i], field[:, j] = apart, -apart
        fields.append(field.flatten(1))
    return fields


@pytest.mark.parametrize("name", ZOO)
def test_draws_satisfy_steins_identity_in_every_distance(name):
    """Its sum over the coordinates, E[∇f·F + f div F - f F·∇U/kT] = 0: what no rotation averages to zero."""
    x, system = draws(name), CASES[name].reference.system()
    slope = system.potential.gradient(x)
    shape = system.potential.shape
    divergence = 2 * shape[-1] if len(shape) > 1 else 2
    joint = [
        lambda x: torch.exp(-10 * progress(name, x) ** 2),
        lambda x: torch.sin(system.cv.value(x)[:, 0]),
        lambda x: torch.cos(system.cv.value(x)[:, 0]) * (x[:, 0] - x[:, -1]) ** 2,
    ]
    for number, function in enumerate([*scalars(name)[:4], *joint]):
        value, derivative = function(x), torch.func.grad(lambda points, f=function: f(points).sum())(x)
        for field in stretches(name, x):
            z = z_scores((derivative * field).sum(dim=1) + value * (divergence - (field * slope).sum(dim=1)))
            assert abs(z) < THRESHOLD, f"function {number}: {z}"


@pytest.mark.parametrize(("end", "corner", "other"), [(0, 1, 2), (3, 2, 1)])
def test_torsion_draws_satisfy_steins_identity_in_the_angles(end, corner, other):
    """Bending at a corner moves the end atom along a field F = ∂/∂θ of divergence cot θ: the measure sin θ."""
    x, potential = draws("torsion"), CASES["torsion"].reference.system().potential
    atoms, slope = x.unflatten(1, (4, 3)), potential.gradient(x).unflatten(1, (4, 3))[:, end]
    arm, axis = atoms[:, end] - atoms[:, corner], atoms[:, other] - atoms[:, corner]
    normal = torch.linalg.cross(axis, arm)
    size = torch.linalg.vector_norm(normal, dim=1)
    field = torch.linalg.cross(normal / size[:, None], arm)
    cotangent = (axis * arm).sum(dim=1) / size
    # Bending leaves φ alone, so any function of φ may stand in front.
    for function in (torch.ones_like(size), progress("torsion", x), torch.sin(2 * progress("torsion", x))):
        assert abs(z_scores(function * (cotangent - (field * slope).sum(dim=1)))) < THRESHOLD


@ALL
def test_draws_have_the_exact_free_energy_difference(name):
    reference, exact = CASES[name]
    states = States(reference.states, reference.system().cv.names)
    first = float((states.assign(reference.system().cv.value(draws(name)).numpy()) == 0).mean())
    expected = 1 / (1 + np.exp(-exact.free_energy_difference()))
    assert abs(first - expected) < THRESHOLD * np.sqrt(expected * (1 - expected) / DRAWS)


@ALL
def test_draws_have_the_exact_density_of_the_cv(name):
    """Moments of the CV, from the density on a grid and from the draws."""
    reference, exact = CASES[name]
    values = reference.system().cv.value(draws(name)).numpy()
    axes = [
        np.linspace(low, high, 601) for low, high in zip(values.min(axis=0) - 1, values.max(axis=0) + 1, strict=True)
    ]
    if name == "torsion":
        axes = [np.linspace(-np.pi, np.pi, 601)[:-1]]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    inside = (points > 0).all(axis=1) if name in ("ellipsoid", "two_distances") else np.full(len(points), True)
    inside &= (points[:, 0] > 0) & (points[:, 0] < np.pi) if name == "angle" else True
    points = points[inside]
    weights = exact.density(points) * np.prod([axis[1] - axis[0] for axis in axes])
    assert abs(weights.sum() - 1) < 1e-4
    for function in (np.sin, np.cos, lambda z: np.sin(2 * z), lambda z: np.cos(5 * z), lambda z: np.sin(z.sum(axis=1))):
        expected = weights @ function(points) / weights.sum()
        samples = function(values)
        error = samples.std(axis=0) / np.sqrt(DRAWS)
        assert (np.abs(samples.mean(axis=0) - expected) < THRESHOLD * error).all()


@pytest.mark.parametrize("h", [0.0, 0.03])
def test_phi4_draws_have_the_moments_of_the_transfer_matrix(h):
    x = draws("phi4").numpy() if h == 0 else phi4.draw(DRAWS // 2, np.random.default_rng(5), h)
    moments = phi4.moments(h)
    for samples, expected in ((x, moments.mean), (x**2, moments.square), (x[:, 1:] * x[:, :-1], moments.neighbours)):
        z = (samples.mean(axis=0) - expected) / samples.std(axis=0) * np.sqrt(len(x))
        assert np.abs(z).max() < THRESHOLD
    negative = 1 / (1 + np.exp(-phi4.free_energy_difference(h)))
    assert abs((x.sum(axis=1) < 0).mean() - negative) < THRESHOLD * np.sqrt(negative * (1 - negative) / len(x))


def test_phi4_free_energy_differences():
    """Odd in the field, and for a small one 2 h β/n ⟨S⟩ with the sum's mean in the positive state."""
    assert abs(phi4.free_energy_difference(0.0)) < 1e-12
    assert abs(phi4.free_energy_difference(0.03) + phi4.free_energy_difference(-0.03)) < 1e-10
    m = np.linspace(-12, 12, 4001)[:, None]
    density = phi4.density(m)
    mean = np.abs(m[:, 0]) @ density / density.sum()
    assert abs(phi4.free_energy_difference(1e-4) / (2e-4 * 20 / 64 * 8 * mean) - 1) < 1e-4


@pytest.mark.parametrize("n", [3, 8])
def test_the_transfer_matrix_against_direct_sums(n):
    """Three sites by brute force; the characteristic function against the moments it generates."""
    chain = phi4.chain(n=n, h=0.2)
    slope = chain.characteristic(np.array([1e-4])).imag[0] / 1e-4
    assert abs(slope - chain.moments().mean.sum()) < 1e-5
    if n == 3:
        grid = np.linspace(-2.5, 2.5, 101)
        x = np.stack(np.meshgrid(grid, grid, grid, indexing="ij"), axis=-1).reshape(-1, 3)
        weights = np.exp(-phi4.energy(x, h=0.2))
        weights /= weights.sum()
        moments = chain.moments()
        assert np.abs(weights @ x - moments.mean).max() < 1e-6
        assert np.abs(weights @ x**2 - moments.square).max() < 1e-6
        assert np.abs(weights @ (x[:, 1:] * x[:, :-1]) - moments.neighbours).max() < 1e-6
