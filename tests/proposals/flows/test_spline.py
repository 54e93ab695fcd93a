"""What conditioners see of a circle."""

import torch

from cvflow.core.cv_space import Domain
from cvflow.proposals.flows.spline import features
from tests.proposals.flows.cases import MIXED


def test_conditioners_see_no_angle():
    u = torch.tensor([[1.0, -5.0, 2.0, 2.5], [1.0, 5.0, 2.0, 2.5]], dtype=torch.float64)
    circles = torch.tensor([domain is Domain.CIRCLE for domain in MIXED])
    seen = features(u, circles)
    torch.testing.assert_close(seen[0], torch.tensor([1.0, -1.0, 2.0, 0.0, 0.0, 1.0], dtype=torch.float64))
    torch.testing.assert_close(seen[0], seen[1])
