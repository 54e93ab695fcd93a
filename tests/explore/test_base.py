"""Averages of weighted samples and their errors."""

from math import log

import pytest
import torch

from cvflow.explore.base import Estimated, Explored, jackknife, log_mean


def test_the_error_of_a_mean_of_equal_groups_is_the_usual_one_by_t():
    values = torch.tensor([1.0, 2.0, 4.0, 9.0], dtype=torch.float64)
    found = Explored(values[:, None], torch.full((4,), 0.25).double(), torch.arange(4), Estimated(0, 0), 4, "")
    assert found.average(values) == pytest.approx((4.0, 3**0.5 * float(values.std()) / 2)), "√3 is Student's t of 3"
    assert found.effective_samples == pytest.approx(4)


def test_samples_are_drawn_by_their_weights():
    weights = torch.tensor([0.1, 0.9, 0.0], dtype=torch.float64)
    found = Explored(torch.arange(3.0)[:, None], weights, torch.arange(3), Estimated(0, 0), 3, "")
    drawn = found.resampled(10_000, torch.Generator().manual_seed(0))[:, 0]
    assert (drawn == 2).sum() == 0
    assert float((drawn == 0).double().mean()) == pytest.approx(0.1, abs=4 * 0.003)


def test_the_logarithm_of_a_mean():
    found = log_mean(torch.tensor([log(1.0), log(3.0)] * 2, dtype=torch.float64) + 700)
    assert found.value == pytest.approx(700 + log(2))
    # Without one group the others say ln 7/3 or ln 5/3: √3 for the jackknife, √3 for the t of three.
    assert found.stderr == pytest.approx(3 * log(7 / 5) / 2, rel=1e-12)
    dead = log_mean(torch.tensor([0.0, 0.0, 0.0, -torch.inf], dtype=torch.float64))
    assert dead.value == pytest.approx(log(3 / 4))


@pytest.mark.parametrize("groups", [1, 3])
def test_few_groups_have_no_error(groups):
    with pytest.raises(ValueError, match="4 groups"):
        jackknife(torch.ones(groups))


def test_errors_from_few_groups_hold():
    """z-scores of the mean of four normal numbers."""
    drawn = torch.randn(20_000, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    left_out = (drawn.sum(dim=1, keepdim=True) - drawn) / 4
    z = torch.tensor([float(mean) / jackknife(left) for mean, left in zip(drawn.mean(dim=1), left_out, strict=True)])
    assert float(z.std()) == pytest.approx(1, abs=0.1)
