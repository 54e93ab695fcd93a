"""The network: what it conditions on, and that drawing undoes the density's map."""

import numpy as np
import pytest
import torch

from cvflow.core.cv_space import Domain
from cvflow.proposals.spline import Architecture, SplineFlow, features

AXES = (Domain.LINE, Domain.CIRCLE, Domain.BOX, Domain.CIRCLE)


def wild(axes, seed=0, **sizes):
    """A flow far from the identity."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        flow = SplineFlow(axes, Architecture(**sizes))
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.mul_(15.0)
    return flow


@pytest.mark.parametrize("axes", [AXES, AXES[:1], AXES[1:2], (Domain.LINE,) * 27])
def test_the_density_is_the_base_pushed_through(axes):
    """log f at a draw is the base density there over the Jacobian of `place`, by automatic differentiation."""
    flow = wild(axes, hidden=(16,), bins=5)
    base = 4.9 * (2 * torch.rand(4, len(axes), dtype=torch.float64, generator=torch.Generator().manual_seed(1)) - 1)
    drawn = flow.place(base)
    jacobian = torch.func.vmap(torch.func.jacrev(lambda b: flow.place(b[None])[0]))(base)
    normal = -0.5 * (base**2 + np.log(2 * np.pi))
    log_base = torch.where(flow.lines, normal, -np.log(10.0)).sum(dim=1)
    expected = log_base - torch.linalg.slogdet(jacobian).logabsdet
    torch.testing.assert_close(flow.log_density(drawn), expected, rtol=0, atol=1e-8)
    assert torch.linalg.slogdet(jacobian).logabsdet.abs().max() > 0.3, "far from the identity"


def test_conditioners_see_no_angle():
    u = torch.tensor([[1.0, -5.0, 2.0, 2.5], [1.0, 5.0, 2.0, 2.5]], dtype=torch.float64)
    circles = torch.tensor([axis is Domain.CIRCLE for axis in AXES])
    seen = features(u, circles)
    torch.testing.assert_close(seen[0], torch.tensor([1.0, -1.0, 2.0, 0.0, 0.0, 1.0], dtype=torch.float64))
    torch.testing.assert_close(seen[0], seen[1])


def test_weights_are_in_double_precision():
    assert {p.dtype for p in wild(AXES).parameters()} == {torch.float64}
    assert wild(AXES).log_density(torch.zeros(2, 4, dtype=torch.float64)).dtype == torch.float64


@pytest.mark.parametrize("wrong", [{"transforms": 0}, {"bins": 1}, {"hidden": ()}, {"hidden": (32, 0)}])
def test_sizes_out_of_range_raise(wrong):
    with pytest.raises(ValueError, match="flow: "):
        Architecture(**wrong)
