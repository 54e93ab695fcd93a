"""Time reversal: with the noise that the reverse needs, a path returns to its start, and works change their sign."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from cvflow.core.schedule import Cosine, Linear
from cvflow.engines.batch.kernels.base import RelaxationKernel
from cvflow.engines.batch.kernels.constrained import ConstrainedLangevin
from cvflow.engines.batch.kernels.restraint import SoftRestraint
from cvflow.engines.batch.kernels.solver import Newton
from cvflow.engines.batch.paths import Paths
from cvflow.sampler.ensemble import EnsembleNoise, jump_along
from cvflow.systems.dimer import Dimer
from tests.engines.batch import retrace, systems
from tests.engines.batch.cases import CURVED, ON_MINI, SPLIT, Steps, curved_kernels, kernels
from tests.engines.batch.targets import PAIR_QUADRATIC, Target
from tests.engines.batch.wrong_curved import SwitchFirst

CHAINS, STEPS = 100, 20
CLOSE = 1e-10
TIGHT = Newton(iterations=20, tolerance=1e-13)
"""The default solver stops at 1e-10, and these tests look closer than that."""


def kernel_of(name: str, on: Steps) -> RelaxationKernel:
    on = replace(on, target=replace(on.target, solver=TIGHT), friction=0.7)
    return dict(kernels(on))[name]


def there_and_back(kernel: RelaxationKernel, x: torch.Tensor, end: torch.Tensor, schedule=Cosine()):  # noqa: B008
    generator = torch.Generator().manual_seed(4)
    jump, cv = jump_along(Paths(kernel, schedule), 1, np.ones(end.shape[1])), kernel.cv.value(x)
    start = torch.from_numpy(jump.origin(cv.numpy(), EnsembleNoise(generator, x.dtype)))
    centres = retrace.centres_between(kernel, start, end, schedule, STEPS)
    first, noise = retrace.drawn(kernel, x, STEPS, generator)
    path = retrace.run(kernel, x, centres, first, noise)
    return path, retrace.back(kernel, path)


def moved(target: Target, count: int = CHAINS) -> tuple[torch.Tensor, torch.Tensor]:
    """Configurations, and the CVs of others, not too far off for a constraint to be followed."""
    x = target.configurations(1000)[: 2 * count]
    start, end = target.cv.value(x).chunk(2)
    return x[:count], target.cv.wrapped(start + 0.5 * target.cv.wrapped(end - start))


def assert_reversed(path: retrace.Trace, back: retrace.Trace, most: float = 0.9) -> None:
    good = path.ending.converged & torch.isfinite(path.ending.work)
    assert good.double().mean() >= most
    assert back.ending.converged[good].all()
    torch.testing.assert_close(back.ending.x[good], path.x[good], rtol=0, atol=CLOSE)
    for name in ("work", "protocol_work", "heat"):
        forward, backward = getattr(path.ending, name)[good], getattr(back.ending, name)[good]
        torch.testing.assert_close(backward, -forward, rtol=CLOSE, atol=CLOSE, equal_nan=True)
    assert path.ending.work[good].abs().max() > 0.1


@pytest.mark.parametrize("on", [ON_MINI, *SPLIT[:2]], ids=lambda on: on.target.name)
@pytest.mark.parametrize(
    "name", ["K0", "K1", "K2 symmetric", "K2 coin", "K3", "K3, γ > 0", "K4", "K4, γ > 0", "K5", "K5, γ > 0"]
)
def test_paths_of_a_coordinate_reverse(name, on):
    assert_reversed(*there_and_back(kernel_of(name, on), *moved(on.target)))


@pytest.mark.parametrize("on", CURVED, ids=lambda on: on.target.name)
@pytest.mark.parametrize("name", ["K4, γ > 0", "K5, γ > 0"])
def test_paths_of_a_curved_cv_reverse(name, on):
    on = replace(on, inertial=0.5 * on.inertial, restrained=0.25 * on.restrained)
    assert_reversed(*there_and_back(kernel_of(name, on), *moved(on.target)), most=0.5)


def test_paths_with_the_closed_form_reverse():
    """With friction and without."""
    for name, kernel in curved_kernels(replace(CURVED[-1], target=PAIR_QUADRATIC, inertial=0.2)):
        if name.startswith("K4"):
            assert_reversed(*there_and_back(kernel, *moved(PAIR_QUADRATIC), Linear()), most=0.5)


@pytest.mark.parametrize("name", ["K2 symmetric", "K2 coin"])
def test_rejections_within_a_path_reverse_too(name):
    path, back = there_and_back(kernel_of(name, replace(ON_MINI, overdamped=0.6)), *moved(ON_MINI.target))
    rejected = torch.stack([
        (old.x[:, 1] == new.x[:, 1]) for old, new in zip(path.states[:-1], path.states[1:], strict=True)
    ])  # fmt: skip
    assert 0.1 < rejected.double().mean() < 0.9
    assert_reversed(path, back)


@pytest.mark.parametrize("friction", [0.0, 1.0])
@pytest.mark.parametrize("kind", ["K4", "K5"])
def test_paths_of_the_dimer_reverse(kind, friction):
    system = Dimer().system()
    rng = np.random.default_rng(2)
    x = np.concatenate([system.starts(state, 6, rng) for state in system.states])
    x = torch.from_numpy(x + 0.03 * rng.standard_normal(x.shape)).flatten(1)
    start = system.cv.value(x)
    end = start + torch.where(start < 0.5, 0.1, -0.1)
    if kind == "K4":
        kernel = ConstrainedLangevin(system.potential, system.cv, 1.0, 0.01, friction, 1.0, system.solver)
    else:
        kernel = SoftRestraint(system.potential, system.cv, 1.0, 0.01, (300.0,), friction)
    assert_reversed(*there_and_back(kernel, x, end))


def test_an_order_without_a_reverse_does_not_reverse():
    target = systems.ELLIPSOID
    kernel = SwitchFirst(target.potential, target.cv, target.kT, 0.1, (15.0,))
    path, back = there_and_back(kernel, *moved(target))
    assert (back.ending.work + path.ending.work).abs().max() > 0.01
