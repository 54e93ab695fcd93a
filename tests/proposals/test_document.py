"""docs/flow.md is all that another program needs to evaluate a saved flow."""

import numpy as np
import pytest

from cvflow.proposals.io import to_bytes
from tests.proposals.cases import SPACES, learned
from tests.proposals.document import log_q


def scattered(where, rng, count=2000):
    """Points all over: tails of lines, ends of circles, edges of boxes and what lies beside them."""
    columns = []
    for period, (low, high) in zip(where.periods, where.ranges, strict=True):
        if np.isfinite(period):
            ends = np.array([-0.5, 0.5]) * period
            special = np.concatenate([ends, ends * (1 - 1e-12), ends * 3])
            column = rng.uniform(-period, period, count)
        elif np.isfinite(low):
            special = np.array([low, high, low - 1e-7, high + 1e-7, low - 1.0, high + 1e-3])
            column = rng.uniform(low, high, count)
        else:
            special = np.array([-1e3, -40.0, 0.0, 60.0, 1e3, 1e5])
            column = rng.normal(4.0, 4.0, count)
        chosen = rng.random(count) < 0.05
        columns.append(np.where(chosen, rng.choice(special, count), column))
    return np.stack(columns, axis=1)


CASES = [("spline", name) for name in SPACES] + [("coupling-spline", name) for name in ("circle", "mixed", "three")]


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_a_saved_flow_is_what_the_document_says(kind, name):
    proposal = learned(name, kind=kind)
    points = scattered(SPACES[name], np.random.default_rng(1))
    mine, theirs = log_q(to_bytes(proposal, ["a", "b", "c"][: points.shape[1]]), points), proposal.log_density(points)
    np.testing.assert_array_equal(np.isneginf(mine), np.isneginf(theirs))
    found = np.isfinite(theirs)
    assert found.mean() > 0.9
    np.testing.assert_allclose(mine[found], theirs[found], rtol=1e-10, atol=1e-10)
