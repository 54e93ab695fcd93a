"""How much the restraint pulls at a point on all ways: the table is the sum that it stands for."""

import numpy as np
import pytest

from cvflow.core.periodic import wrapped
from cvflow.estimate.ways import Ways, visits

FAR = np.array([np.inf, np.inf])
ROUND = np.array([2 * np.pi, 2 * np.pi])


def drawn(cvs, periods, rng):
    """Ways, and points near them, some of them a turn away."""
    start, way = rng.normal(size=(200, cvs)), rng.normal(1.0, 1.0, (200, cvs))
    fraction = np.linspace(0, 1, 12) * np.ones((200, 1))
    found = Ways(start, way, fraction, rng.random((200, 12)) / 12)
    points = found.centres.reshape(-1, cvs) + 0.15 * rng.normal(size=(2400, cvs))
    turn = np.where(np.isfinite(periods), periods, 0.0) * rng.integers(-1, 2, points.shape)
    return found, points + turn


@pytest.mark.parametrize("periods", [FAR[:1], ROUND[:1], FAR, ROUND, np.array([np.inf, 2 * np.pi])], ids=str)
def test_the_table_is_the_sum_over_all_centres(periods):
    stiff = np.array([12.0, 7.0])[: len(periods)]
    found, points = drawn(len(periods), periods, np.random.default_rng(0))
    apart = stiff * wrapped(points[:, None] - found.centres.reshape(-1, len(periods)), periods)
    exact = np.exp(-0.5 * (apart * apart).sum(axis=2)) @ found.measure.reshape(-1) / len(found.start)
    np.testing.assert_allclose(visits(points, found, stiff, periods), exact, rtol=0.03)
