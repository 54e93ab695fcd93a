"""How much the restraint pulls at a point on all ways: the table is the sum that it stands for."""

import numpy as np
import pytest

from cvflow.estimate import ways
from cvflow.estimate.ways import Ways, visits

FAR = np.array([np.inf, np.inf])
ROUND = np.array([2 * np.pi, 2 * np.pi])


def drawn(cvs, periods, rng):
    """Ways, and points near them, some of them a turn away."""
    start, way = rng.normal(size=(200, cvs)), rng.normal(1.0, 1.0, (200, cvs))
    fraction = np.linspace(0, 1, 12) * np.ones((200, 1))
    found = Ways(start, way, fraction, rng.random((200, 12)) / 12)
    path = np.repeat(np.arange(200), 12)
    points = found.centres.reshape(-1, cvs) + 0.15 * rng.normal(size=(len(path), cvs))
    turn = np.where(np.isfinite(periods), periods, 0.0) * rng.integers(-1, 2, points.shape)
    return found, path, points + turn


@pytest.mark.parametrize("periods", [FAR[:1], ROUND[:1], FAR, ROUND, np.array([np.inf, 2 * np.pi])], ids=str)
def test_the_table_is_the_sum_over_all_centres(periods):
    stiff = np.array([12.0, 7.0])[: len(periods)]
    found, path, points = drawn(len(periods), periods, np.random.default_rng(0))
    told = visits(points, path, found, found, stiff, periods)
    exact = ways._pulls(points, found.centres.reshape(-1, len(periods)), found.measure.reshape(-1), stiff, periods)
    np.testing.assert_allclose(told, exact / len(found.start), rtol=0.03)


def test_where_there_is_no_table_each_point_s_own_way_is_one_more():
    periods, stiff = np.full(3, np.inf), np.full(3, 9.0)
    found, path, points = drawn(3, periods, np.random.default_rng(1))
    few = Ways(*(each[:20] for each in found))
    told = visits(points, path, few, found, stiff, periods)
    one = 500
    centres = np.concatenate([few.centres.reshape(-1, 3), found.centres[path[one]]])
    measure = np.concatenate([few.measure.reshape(-1), found.measure[path[one]]])
    apart = 9.0 * (points[one] - centres)
    assert told[one] == pytest.approx(np.exp(-0.5 * (apart**2).sum(axis=1)) @ measure / 21)
