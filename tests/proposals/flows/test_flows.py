"""What every architecture owes: a density that is its base pushed through the map, closed circles, sizes as data."""

import numpy as np
import pytest
import torch

from cvflow.core.cv_space import Domain
from cvflow.proposals.flows import ARCHITECTURES, architecture
from cvflow.proposals.flows.base import TorchArrayFlow
from tests.proposals.flows.cases import KINDS, MIXED, wild

EACH = pytest.mark.parametrize("kind", KINDS)


def small(kind):
    return architecture(kind)(hidden=(16,), bins=5)


def base_points(cvs, count=4, seed=1):
    return 4.9 * (2 * torch.rand(count, cvs, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) - 1)


@EACH
@pytest.mark.parametrize("domains", [MIXED, MIXED[:1], MIXED[1:2], MIXED[1:3], (Domain.LINE,) * 27])
def test_the_density_is_the_base_pushed_through(kind, domains):
    """log f at a draw is the base density there over the Jacobian of `from_base`, by automatic differentiation."""
    flow, base = wild(small(kind), domains), base_points(len(domains))
    drawn = flow.from_base(base)
    jacobian = torch.func.vmap(torch.func.jacrev(lambda b: flow.from_base(b[None])[0]))(base)
    normal = -0.5 * (base**2 + np.log(2 * np.pi))
    log_base = torch.where(flow.lines, normal, -np.log(10.0)).sum(dim=1)
    expected = log_base - torch.linalg.slogdet(jacobian).logabsdet
    torch.testing.assert_close(flow.log_density(drawn), expected, rtol=0, atol=1e-8)
    assert torch.linalg.slogdet(jacobian).logabsdet.abs().max() > 0.3, "far from the identity"


@EACH
def test_the_map_and_its_inverse_undo_each_other(kind):
    flow, base = wild(small(kind), MIXED), base_points(4, 50)
    torch.testing.assert_close(flow.to_base(flow.from_base(base))[0], base, rtol=0, atol=1e-8)


@EACH
def test_a_box_and_a_circle_hold_it_all(kind):
    """The density on a grid over both adds up to one."""
    flow = wild(small(kind), (Domain.CIRCLE, Domain.BOX), factor=6.0)
    middle = torch.linspace(-5, 5, 801, dtype=torch.float64)[:-1] + 10 / 1600
    grid = torch.cartesian_prod(middle, middle)
    with torch.no_grad():
        assert flow.log_density(grid).exp().mean() * 100 == pytest.approx(1, abs=2e-3)


@EACH
def test_circles_are_closed(kind):
    flow = wild(small(kind), MIXED)
    u = base_points(4, 30)
    ends = [torch.where(flow.circles, torch.tensor(end), u) for end in (-5.0, 5.0, 5.0 - 1e-9)]
    with torch.no_grad():
        start, end, before = (flow.log_density(points) for points in ends)
    torch.testing.assert_close(start, end, rtol=0, atol=1e-9)
    torch.testing.assert_close(start, before, rtol=0, atol=1e-6)


@EACH
def test_every_cv_is_mapped_and_sees_the_others(kind):
    """No CV's place in the base depends on itself alone, and none is left as it was."""
    flow = wild(small(kind), MIXED)
    jacobian = torch.func.jacrev(lambda u: flow.to_base(u[None])[0][0])(base_points(4)[0])
    assert (jacobian.abs() > 1e-9).all()
    assert (flow.to_base(base_points(4))[0] - base_points(4)).abs().min() > 1e-6


@EACH
def test_weights_are_in_double_precision(kind):
    flow = wild(small(kind), MIXED)
    assert {p.dtype for p in flow.parameters()} == {torch.float64}
    assert flow.log_density(torch.zeros(2, 4, dtype=torch.float64)).dtype == torch.float64


@EACH
@pytest.mark.parametrize(
    "wrong",
    [{"transforms": 0}, {"transforms": 101}, {"bins": 1}, {"bins": 8.0}, {"hidden": ()}, {"hidden": (32, 0)}, {"b": 1}],
)
def test_sizes_out_of_range_raise(kind, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        architecture(kind)(**wrong)


def test_each_architecture_has_a_word_of_its_own():
    assert [architecture(kind) for kind in KINDS] == list(ARCHITECTURES)
    for other in ("splines", None, ["spline"]):
        with pytest.raises(ValueError, match="architecture must be one of 'spline', "):
            architecture(other)


@EACH
@pytest.mark.parametrize("domains", [MIXED, MIXED[:1], MIXED[1:2], MIXED[1:3], (Domain.LINE,) * 9])
@pytest.mark.parametrize("count", [2, 200])
def test_arrays_have_the_same_density_and_draws_as_torch(kind, domains, count):
    """Far from the identity, at knots, at the ends of circles and beyond all knots."""
    flow = wild(small(kind), domains)
    quick, slow = flow.for_arrays(), TorchArrayFlow(flow)
    u = base_points(len(domains), count).numpy()
    u[0, 0] = -5.0
    beyond = np.where(flow.lines.numpy(), 2 * u, u)
    for points in (u, beyond):
        np.testing.assert_allclose(quick.log_density(points), slow.log_density(points), rtol=0, atol=1e-10)
        np.testing.assert_allclose(quick.from_base(points), slow.from_base(points), rtol=0, atol=1e-10)
    assert np.abs(quick.from_base(u) - u).max() > 0.1, "far from the identity"


@EACH
def test_arrays_have_the_weights_of_when_they_were_asked_for(kind):
    flow, u = wild(small(kind), MIXED), base_points(4).numpy()
    before = flow.for_arrays()
    expected = before.log_density(u)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.mul_(0.1)
    np.testing.assert_array_equal(before.log_density(u), expected)
    assert np.abs(flow.for_arrays().log_density(u) - expected).max() > 0.1
