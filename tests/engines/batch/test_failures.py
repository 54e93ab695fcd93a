"""Jumps that fail on their way, or cannot be made: rejected, counted by reason, and the chain stays where it is."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from cvflow.core.frames import Outcome
from cvflow.core.schedule import Linear
from cvflow.engines.batch.kernels.constrained import ConstrainedLangevin
from cvflow.engines.batch.kernels.restraint import SoftRestraint
from cvflow.engines.batch.paths import Paths
from cvflow.engines.batch.potential import Potential
from cvflow.proposals import GaussianMixture, Proposal
from cvflow.sampler.ensemble import EnsembleInfo, EnsembleNoise, EnsembleState, jump_along
from tests.engines.batch.cases import ON_MINI, curved_kernels, kernels
from tests.engines.batch.circles import CIRCLE, CYLINDER
from tests.engines.batch.stationarity import Jump
from tests.engines.batch.targets import MINI, MINI_RANGE, Target


def jumped(kernel, target: Target, proposal: Proposal, steps: int = 3, count: int = 300) -> tuple:
    x = target.configurations(1000)[:count]
    state = EnsembleState(x, target.cv.value(x))
    jump = Jump(Paths(kernel, Linear()), steps, target.span)
    after, info = jump.step(state, proposal, torch.Generator().manual_seed(0))
    return state, after, info


def assert_stayed(state: EnsembleState, after: EnsembleState, info: EnsembleInfo, which: torch.Tensor) -> None:
    assert which.any()
    assert not info.accepted[which].any()
    assert torch.equal(after.x[which], state.x[which])
    assert torch.equal(after.cv[which], state.cv[which])
    assert info.path.work[which].isnan().all()


def _below(x):
    return torch.where(x[:, 0] < 2.0, MINI.potential.energy(x), torch.nan)


def _drawn_below(count, rng):
    x = MINI.draw(3 * count, rng)
    return x[x[:, 0] < 2.0][:count]


EDGE = replace(MINI, name="mini (edge)", potential=Potential(_below, (2,)), draw=_drawn_below)


@pytest.mark.parametrize("name", dict(kernels(ON_MINI)))
def test_a_path_to_where_the_energy_is_not_a_number_is_rejected(name):
    kernel = dict(kernels(replace(ON_MINI, target=EDGE)))[name]
    state, after, info = jumped(kernel, EDGE, GaussianMixture(((2.0,),), ((1.5,),), (1.0,)))
    diverged = info.path.outcome == Outcome.DIVERGED
    if kernel.holds_cv:
        np.testing.assert_array_equal(diverged, info.orders.end[:, 0] >= 2.0)
    assert_stayed(state, after, info, diverged)
    assert (info.path.steps[diverged] > 0).all()
    assert info.accepted.any()


def test_a_point_that_no_projection_reaches_is_rejected():
    kernel = ConstrainedLangevin(CIRCLE.potential, CIRCLE.cv, CIRCLE.kT, 0.1)
    state, after, info = jumped(kernel, CIRCLE, CIRCLE.proposal, steps=1)
    missed = info.path.outcome == Outcome.UNCONVERGED
    assert_stayed(state, after, info, missed)
    assert info.accepted.any()


@pytest.mark.parametrize("kind", ["K4", "K5"])
def test_a_proposal_out_of_range_is_refused_where_the_cv_is_held(kind):
    kernel = dict(curved_kernels(replace(ON_MINI, target=MINI_RANGE)))[kind]
    state, after, info = jumped(kernel, MINI_RANGE, GaussianMixture(((4.5,),), ((1.0,),), (1.0,)))
    out = info.path.outcome == Outcome.OUT_OF_RANGE
    end = torch.as_tensor(info.orders.end[:, 0])
    beyond = (end >= 4.5) | (end <= -1.0)
    assert beyond.any()
    if kernel.holds_cv:
        assert out[beyond].all()
        assert_stayed(state, after, info, out)
        assert (info.path.steps[out] == 0).all()
    else:
        assert not out.any()


class OnlyAbove(Proposal):
    """Uniform between 1 and 5: no support where most chains are."""

    version = 0

    def draw(self, count, rng):
        return rng.uniform(1.0, 5.0, (count, 1))

    def log_density(self, points):
        inside = (points[:, 0] >= 1) & (points[:, 0] <= 5)
        return np.where(inside, -np.log(4.0), -np.inf)


@pytest.mark.parametrize("name", ["K0", "K1", "K2 symmetric", "K2 coin", "K3", "K4", "K5"])
def test_a_start_without_support_is_refused(name):
    state, after, info = jumped(dict(kernels(ON_MINI))[name], MINI, OnlyAbove())
    unsupported = info.path.outcome == Outcome.UNSUPPORTED
    np.testing.assert_array_equal(unsupported, np.isinf(info.orders.log_q_old))
    assert_stayed(state, after, info, unsupported)
    assert (info.path.steps[unsupported] == 0).all()
    assert info.accepted.any()


class NotFinite(Proposal):
    """What a flow may give when its training goes wrong."""

    version = 0

    def draw(self, count, rng):
        return rng.choice([np.nan, np.inf, 0.5], size=(count, 1))

    def log_density(self, points):
        return np.where(np.isfinite(points[:, 0]), -0.5 * points[:, 0] ** 2, -np.inf)


@pytest.mark.parametrize("name", ["K0", "K1", "K3", "K4", "K5"])
def test_a_proposal_that_is_not_finite_is_refused(name):
    state, after, info = jumped(dict(kernels(ON_MINI))[name], MINI, NotFinite())
    broken = ~torch.as_tensor(info.orders.end[:, 0]).isfinite()
    assert (info.path.outcome[broken] == Outcome.OUT_OF_RANGE).all()
    assert_stayed(state, after, info, broken)


def test_a_centre_is_finite_for_every_uniform_number(monkeypatch):
    extreme = torch.tensor([[0.0], [1 - 2**-24]])
    monkeypatch.setattr("cvflow.sampler.ensemble.uniforms", lambda shape, like, generator: extreme)
    paths = Paths(SoftRestraint(MINI.potential, MINI.cv, 1.0, 0.1, (15.0,)), Linear())
    cv = MINI.cv.value(MINI.configurations(1000)[:2].float()).numpy()
    centre = jump_along(paths, 1, np.ones(1)).origin(cv, EnsembleNoise(torch.Generator(), torch.float32))
    assert np.isfinite(centre).all()
    assert (centre != cv).all()


def test_a_proposal_outside_the_circle_raises():
    kernel = SoftRestraint(CYLINDER.potential, CYLINDER.cv, CYLINDER.kT, 0.1, (6.0,))
    with pytest.raises(ValueError, match="circle"):
        jumped(kernel, CYLINDER, GaussianMixture(((3.0,),), ((1.0,),), (1.0,)))
