"""How far a named state reaches along a CV, against a search on a grid."""

from math import inf

import numpy as np
import pytest

from cvflow.core.state_bounds import reach_of
from cvflow.core.states import parse

EXPRESSIONS = [
    "d < 1", "d >= 1", "1 < d <= 2", "2 > d", "not d < 1", "not 1 < d < 2", "d < 1 or d > 3", "d > 1 and d < 3",
    "not (d > 1 or e < 0)", "d > 1 and (e < 0 or d < 2)", "-1 < d and not d > 2.5", "d < 1 or e > 0", "3 > 2", "e < 1",
]  # fmt: skip


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_the_bounds_hold_all_of_a_state_and_no_more(text):
    d, e = np.meshgrid(np.linspace(-100, 100, 2001), np.linspace(-100, 100, 41))
    points = np.stack([d.ravel(), e.ravel()], axis=1)
    inside = points[parse("s", text, ["d", "e"])(points)][:, 0]
    low, high = reach_of(text, "d")
    assert (low == -inf) == (inside.min() == -100)
    assert (high == inf) == (inside.max() == 100)
    if low > -inf:
        assert low <= inside.min() <= low + 0.11
    if high < inf:
        assert high - 0.11 <= inside.max() <= high


def test_a_comparison_with_another_cv_is_no_bound():
    assert reach_of("d < e", "d") == (-inf, inf)
    assert reach_of("0 < d < e", "d") == (0, inf)
