"""What every architecture owes: a density that is its base pushed through the map, closed circles, sizes as data."""

import numpy as np
import pytest
import torch

from cvflow.core.cv_space import Domain
from cvflow.proposals.flows import ARCHITECTURES, architecture
from cvflow.proposals.flows.base import TorchArrayFlow
from tests.proposals.flows.cases import KINDS, LINES, MIXED, domains_of, sizes, takes, wild

EACH = pytest.mark.parametrize("kind", KINDS)


INTEGRATED = ("continuous",)
"""Their map is the solution of a differential equation, good to a tolerance."""


def small(kind):
    return architecture(kind)(**sizes(kind, hidden=(16,), bins=5))


def close(kind):
    """To what maps are undone and densities are right."""
    return 1e-6 if kind in INTEGRATED else 1e-8


def rounded(kind):
    """How near two ways to the same number come; affine maps are bounded by nothing, and their numbers are large."""
    if kind in INTEGRATED:
        return {"rtol": 0, "atol": 1e-7}
    return {"rtol": 1e-10 if kind == "realnvp" else 0, "atol": 1e-10}


def of_each(*domains, kinds=tuple(KINDS)):
    """Every architecture with those of these CVs that it takes."""
    pairs = [(kind, each) for kind in kinds for each in domains if takes(kind, each)]
    return pytest.mark.parametrize(("kind", "domains"), pairs)


CLOSED = tuple(kind for kind in KINDS if kind not in INTEGRATED)


def base_points(cvs, count=4, seed=1):
    return 4.9 * (2 * torch.rand(count, cvs, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) - 1)


@of_each(MIXED, MIXED[:1], MIXED[1:2], MIXED[1:3], LINES[:2], (Domain.LINE,) * 27, kinds=CLOSED)
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


@of_each(MIXED, MIXED[:1], MIXED[1:2], MIXED[1:3], LINES, kinds=INTEGRATED)
def test_an_integrated_density_is_good_to_a_millionth_both_ways(kind, domains):
    """Forwards from u and backwards from the base; the Jacobian by differences of the fourth order."""
    flow, base, step = wild(small(kind), domains, factor=15.0).for_arrays(), base_points(len(domains), 6).numpy(), 2e-3
    drawn = flow.from_base(base)
    moves = step * np.eye(len(domains))
    circle = np.array([domain is Domain.CIRCLE for domain in domains])

    def moved(times):
        away = np.stack([flow.from_base(base + times * move) - drawn for move in moves], axis=2)
        return np.where(circle[:, None], (away + 5) % 10 - 5, away)

    jacobian = (8 * (moved(1) - moved(-1)) - (moved(2) - moved(-2))) / (12 * step)
    normal = np.array([domain is Domain.LINE for domain in domains])
    log_base = np.where(normal, -0.5 * (base**2 + np.log(2 * np.pi)), -np.log(10.0)).sum(axis=1)
    log_volume = np.linalg.slogdet(jacobian).logabsdet
    np.testing.assert_allclose(flow.log_density(drawn), log_base - log_volume, rtol=0, atol=1e-6)
    assert np.abs(log_volume).max() > 0.1, "far from the identity"


@EACH
def test_the_map_and_its_inverse_undo_each_other(kind):
    flow, base = wild(small(kind), domains_of(kind)), base_points(4, 10 if kind in INTEGRATED else 50)
    with torch.no_grad():
        torch.testing.assert_close(flow.to_base(flow.from_base(base))[0], base, rtol=0, atol=close(kind))


@of_each((Domain.CIRCLE, Domain.BOX))
def test_a_box_and_a_circle_hold_it_all(kind, domains):
    """The density on a grid over both adds up to one."""
    flow = wild(small(kind), domains, factor=6.0)
    cells = 80 if kind in INTEGRATED else 800
    middle = torch.linspace(-5, 5, cells + 1, dtype=torch.float64)[:-1] + 5 / cells
    grid = torch.cartesian_prod(middle, middle).numpy()
    assert np.exp(flow.for_arrays().log_density(grid)).mean() * 100 == pytest.approx(1, abs=2e-3)


@of_each((Domain.LINE, Domain.LINE))
def test_a_plane_holds_it_all(kind, domains):
    flow = wild(small(kind), domains, factor=6.0)
    axis, step = np.linspace(-12, 12, 101, retstep=True)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    assert np.exp(flow.for_arrays().log_density(grid)).sum() * step**2 == pytest.approx(1, abs=5e-3)


@of_each(MIXED)
def test_circles_are_closed(kind, domains):
    flow = wild(small(kind), domains)
    u = base_points(4, 30)
    ends = [torch.where(flow.circles, torch.tensor(end), u) for end in (-5.0, 5.0, 5.0 - 1e-9)]
    with torch.no_grad():
        start, end, before = (flow.log_density(points) for points in ends)
    torch.testing.assert_close(start, end, rtol=0, atol=1e-7 if kind in INTEGRATED else 1e-9)
    torch.testing.assert_close(start, before, rtol=0, atol=1e-6)


@EACH
def test_every_cv_is_mapped_and_sees_the_others(kind):
    """No CV's place in the base depends on itself alone, and none is left as it was."""
    flow = wild(small(kind), domains_of(kind))
    jacobian = torch.autograd.functional.jacobian(lambda u: flow.to_base(u[None])[0][0], base_points(4)[0])
    assert (jacobian.abs() > 1e-9).all()
    assert (flow.to_base(base_points(4))[0] - base_points(4)).abs().min() > 1e-6


@EACH
def test_weights_are_in_double_precision(kind):
    flow = wild(small(kind), domains_of(kind))
    assert {p.dtype for p in flow.parameters()} == {torch.float64}
    assert flow.log_density(torch.zeros(2, 4, dtype=torch.float64)).dtype == torch.float64


WRONG = (
    {"transforms": 0}, {"transforms": 101}, {"bins": 1}, {"bins": 8.0}, {"hidden": ()}, {"hidden": (32, 0)}, {"b": 1},
)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "wrong"), [(kind, one) for kind in KINDS for one in WRONG if sizes(kind, **one) or "b" in one]
)
def test_sizes_out_of_range_raise(kind, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        architecture(kind)(**wrong)


def test_each_architecture_has_a_word_of_its_own():
    assert [architecture(kind) for kind in KINDS] == list(ARCHITECTURES)
    for other in ("splines", None, ["spline"]):
        with pytest.raises(ValueError, match="architecture must be one of 'spline', "):
            architecture(other)


ARRAYS = [
    (kind, domains, count)
    for kind in KINDS
    for domains in (MIXED, MIXED[:1], MIXED[1:2], MIXED[1:3], (Domain.LINE,) * 9)
    for count in (2, 200)
    if takes(kind, domains) and (kind in CLOSED or (count == 2 and domains == MIXED))
]


@pytest.mark.parametrize(("kind", "domains", "count"), ARRAYS)
def test_arrays_have_the_same_density_and_draws_as_torch(kind, domains, count):
    """Far from the identity, at knots, at the ends of circles and beyond all knots."""
    flow = wild(small(kind), domains)
    quick, slow = flow.for_arrays(), TorchArrayFlow(flow)
    u = base_points(len(domains), count).numpy()
    u[0, 0] = -5.0
    beyond = np.where(flow.lines.numpy(), 2 * u, u)
    for points in (u, beyond):
        np.testing.assert_allclose(quick.log_density(points), slow.log_density(points), **rounded(kind))
        np.testing.assert_allclose(quick.from_base(points), slow.from_base(points), **rounded(kind))
    assert np.abs(quick.from_base(u) - u).max() > 0.1, "far from the identity"


@EACH
def test_arrays_have_the_weights_of_when_they_were_asked_for(kind):
    flow, u = wild(small(kind), domains_of(kind)), base_points(4).numpy()
    before = flow.for_arrays()
    expected = before.log_density(u)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.mul_(0.5)
    np.testing.assert_array_equal(before.log_density(u), expected)
    assert np.abs(flow.for_arrays().log_density(u) - expected).max() > 0.1


@EACH
def test_an_integrated_density_is_the_same_alone_and_in_company(kind):
    """Steps are as short as the hardest point needs: of one and the same point no more than the tolerance is left."""
    flow = wild(small(kind), domains_of(kind)).for_arrays()
    u = base_points(4, 10).numpy()
    alone = np.concatenate([flow.log_density(point[None]) for point in u])
    np.testing.assert_allclose(flow.log_density(u), alone, **rounded(kind))


def test_what_an_architecture_has_no_flow_for_is_said():
    for domains in (MIXED, LINES[:1]):
        with pytest.raises(ValueError, match="for two CVs and more without periods or bounds"):
            architecture("realnvp")().numbers(domains)


def test_weights_that_are_no_numbers_end_in_words_not_in_endless_steps():
    flow = wild(small("continuous"), MIXED)
    with torch.no_grad():
        next(flow.parameters()).fill_(torch.nan)
    for asked in (flow.for_arrays, lambda: flow.to_base(base_points(4)), lambda: flow.from_base(base_points(4))):
        with pytest.raises(ArithmeticError, match="a weight of the continuous flow is no number"):
            asked()
