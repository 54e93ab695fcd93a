"""What every system of the batch engine has to keep: derivatives, independence of chains, starts, parameters."""

import numpy as np
import pytest
import torch

from cvflow.core.states import States
from cvflow.systems import (
    BUILT_IN,
    BatchReference,
    Dimer,
    Ellipsoid,
    GaussianMixtureTarget,
    GaussianTunnel,
    Phi4,
    PlanarAngle,
    SingleTorsion,
    TwoDistances,
    TwoModes,
)
from tests.systems.cases import BATCH_SYSTEMS

EACH = pytest.mark.parametrize("name", BATCH_SYSTEMS)
STEP = 1e-5


def shaken(name, each=3, scale=0.03, seed=0):
    """Flat configurations around the starts in all states, off every minimum."""
    rng, system = np.random.default_rng(seed), BATCH_SYSTEMS[name].system()
    starts = np.concatenate([system.starts(state, each, rng) for state in system.states])
    return torch.tensor(starts + rng.normal(0, scale, starts.shape)).flatten(1)


def central(function, x):
    """Derivative of (chains,) or (chains, k) values by central differences, the coordinates last."""
    steps = STEP * torch.eye(x.shape[1], dtype=x.dtype)
    return torch.stack([(function(x + step) - function(x - step)) / (2 * STEP) for step in steps], dim=-1)


def test_the_batch_systems_are_built_in():
    assert {name for name, system in BUILT_IN.items() if issubclass(system, BatchReference)} == set(BATCH_SYSTEMS)
    assert all(system.name == name for name, system in BUILT_IN.items())


@EACH
def test_gradients_are_the_energys_derivative(name):
    potential, x = BATCH_SYSTEMS[name].system().potential, shaken(name)
    gradient = potential.gradient(x)
    scale = gradient.abs().max()
    assert (gradient - central(potential.energy, x)).abs().max() < 1e-7 * scale
    automatic = torch.func.grad(lambda points: potential.energy(points).sum())(x)
    assert (gradient - automatic).abs().max() < 1e-12 * scale


@EACH
def test_jacobians_are_the_cvs_derivative(name):
    cv, x = BATCH_SYSTEMS[name].system().cv, shaken(name)
    jacobian = cv.jacobian(x)
    assert jacobian.shape == (len(x), len(cv.names), x.shape[1])
    assert (jacobian - central(cv.value, x)).abs().max() < 1e-7 * jacobian.abs().max()


@EACH
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_keep_their_type_and_are_finite(name, dtype):
    system, x = BATCH_SYSTEMS[name].system(), shaken(name).to(dtype)
    values = (system.potential.energy(x), system.potential.gradient(x), system.cv.value(x), system.cv.jacobian(x))
    for value in values:
        assert value.dtype == dtype
        assert torch.isfinite(value).all()


@EACH
def test_each_chain_depends_on_itself_alone(name):
    system, x = BATCH_SYSTEMS[name].system(), shaken(name)
    other = x.clone()
    other[1:] = 1e3 * torch.randn(other[1:].shape, dtype=x.dtype, generator=torch.Generator().manual_seed(0))
    for function in (system.potential.energy, system.potential.gradient, system.cv.value, system.cv.jacobian):
        assert torch.allclose(function(x)[0], function(other)[0], rtol=1e-13, atol=1e-13)
        assert torch.allclose(function(x)[0], function(x[:1])[0], rtol=1e-13, atol=1e-13)


@EACH
def test_starts_lie_in_their_state(name):
    reference, rng = BATCH_SYSTEMS[name], np.random.default_rng(1)
    system = reference.system()
    states = States(reference.states, system.cv.names)
    for index, state in enumerate(reference.states):
        starts = system.starts(state, 40, rng)
        assert starts.shape == (40, *system.potential.shape)
        x = torch.tensor(starts).flatten(1)
        assert (states.assign(system.cv.value(x).numpy()) == index).all()
        assert torch.isfinite(system.potential.energy(x)).all()
        assert len(np.unique(starts[:, 0].reshape(40, -1), axis=0)) == 40
        low, high = np.array(system.cv.ranges).T
        values = system.cv.value(x).numpy()
        assert ((low <= values) & (values <= high)).all()
    with pytest.raises(ValueError, match="no state 'sideways'"):
        system.starts("sideways", 1, rng)


@EACH
def test_the_system_carries_the_references_parameters(name):
    reference = BATCH_SYSTEMS[name]
    system = reference.system()
    assert (system.name, system.kT, system.states) == (name, reference.kT, reference.states)


SCALED = [GaussianTunnel, GaussianMixtureTarget, TwoModes, PlanarAngle, SingleTorsion, Ellipsoid, TwoDistances]


@pytest.mark.parametrize("kind", SCALED)
def test_potentials_of_given_densities_scale_with_kT(kind):
    x = shaken(kind.name)
    warm = kind(kT=1.7).system()
    for of in ("energy", "gradient"):
        hot, cold = (getattr(system.potential, of)(x) for system in (warm, kind().system()))
        assert torch.allclose(hot, 1.7 * cold, rtol=1e-12)
    assert warm.kT == 1.7


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        (GaussianTunnel, {"dim_y": 0}),
        (GaussianTunnel, {"d": 0.0}),
        (GaussianTunnel, {"d": np.inf}),
        (GaussianTunnel, {"w1": 0.0}),
        (GaussianTunnel, {"w1": 1.0}),
        (GaussianTunnel, {"kT": -1.0}),
        (Phi4, {"n": 1}),
        (Phi4, {"a": 0.0}),
        (Phi4, {"beta": -20.0}),
        (Phi4, {"h": np.nan}),
        (Dimer, {"n_particles": 1}),
        (Dimer, {"epsilon": 0.0}),
        (Dimer, {"w": np.nan}),
        (Dimer, {"box": 10.0}),
        (GaussianMixtureTarget, {"dim": 0}),
        (GaussianMixtureTarget, {"separation": 0.0}),
        (GaussianMixtureTarget, {"weight": 1.0}),
        (GaussianMixtureTarget, {"kT": 0.0}),
        (TwoModes, {"dim": 0}),
        (TwoModes, {"weight": 0.0}),
        (TwoModes, {"variance": 0.0}),
        (TwoModes, {"condition": -1.0}),
        (PlanarAngle, {"weight": 0.0}),
        (SingleTorsion, {"kT": np.inf}),
        (Ellipsoid, {"weight": 1.5}),
        (TwoDistances, {"kT": 0.0}),
    ],
)
def test_parameters_out_of_range_raise(kind, parameters):
    with pytest.raises(ValueError):
        kind(**parameters)


@pytest.mark.parametrize(
    "reference",
    [
        GaussianTunnel(dim_y=1, d=0.1),
        Phi4(n=2, a=10.0, h=-0.3),
        GaussianMixtureTarget(dim=1, separation=0.1),
        GaussianMixtureTarget(dim=64),
        TwoModes(dim=1, variance=400.0),
        TwoModes(dim=64, condition=100.0),
        Dimer(n_particles=2),
    ],
    ids=repr,
)
def test_unusual_parameters(reference):
    """Starts stay in their states where the modes nearly meet, and where there is no solvent."""
    system, rng = reference.system(), np.random.default_rng(2)
    states = States(reference.states, system.cv.names)
    for index, state in enumerate(reference.states):
        x = torch.tensor(system.starts(state, 100, rng)).flatten(1)
        assert (states.assign(system.cv.value(x).numpy()) == index).all()
        automatic = torch.func.grad(lambda points: system.potential.energy(points).sum())(x)
        assert torch.allclose(system.potential.gradient(x), automatic, rtol=1e-10, atol=1e-10)
