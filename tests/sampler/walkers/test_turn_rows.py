"""Rows of the store: one writer for one walker and for many."""

import numpy as np

from cvflow.core.early_rejection import KNOTS
from cvflow.core.frames import LOOKS, Frame, Looks, Outcome, PathResult
from cvflow.sampler.jump import JumpInfo
from cvflow.sampler.jump_proposal import Orders
from cvflow.sampler.local import LocalInfo
from cvflow.sampler.walkers.turn_rows import CVsOfATurn, Seconds, turn_rows

PATH = PathResult(
    Frame(np.zeros((1, 3)), None), np.array([0.5, 0.6]), 1.0, 1.1, 1.2, 1.3, 14, Outcome.DIVERGED, -1.5,
    np.linspace(0.1, 1.0, KNOTS),
    Looks(np.linspace(0.1, 0.9, LOOKS), np.linspace(1.1, 1.9, LOOKS), np.full((LOOKS, 2), 2.6)),
)  # fmt: skip
LOCAL = LocalInfo(PATH._replace(steps=16, outcome=Outcome.UNCONVERGED, work=1.7), True)
CVS = CVsOfATurn(np.array([0.1, 0.2]), np.array([0.3, 0.4]), np.array([0.7, 0.8]))


def orders(count):
    points = np.array([[2.1, 2.2], [2.3, 2.4]]) + np.arange(count)[:, None, None]
    column = np.full(count, 2.5)
    return Orders(
        points[:, 0], points[:, 1], points[:, 0], points[:, 1], np.full(count, 14), column, column + 1, column,
        np.full(count, Outcome.COMPLETED.value), 4,
    )  # fmt: skip


def test_every_field_but_that_of_production_is_written():
    (row,) = turn_rows((3,), 5, JumpInfo(orders(1), PATH, -1.8, True), LOCAL, CVS, Seconds(6.0, 7.0))
    for name in row.dtype.names:
        assert np.all(row[name] != 0) == (name != "production"), name
    assert (row["walker"], row["jump"], row["flow_version"], row["steps"], row["local_steps"]) == (3, 5, 4, 14, 16)
    assert (row["path_seconds"], row["local_seconds"]) == (6.0, 7.0)
    np.testing.assert_array_equal(row["centre_new"], [2.3, 2.4])


def test_a_row_of_many_walkers_is_that_of_one():
    many = Orders(*(np.repeat(column, 3, axis=0) if isinstance(column, np.ndarray) else column for column in orders(1)))
    (alone,) = turn_rows((0,), 5, JumpInfo(orders(1), PATH, -1.8, True), LOCAL, CVS, Seconds(6.0, 7.0))
    rows = turn_rows((0, 1, 2), 5, JumpInfo(many, PATH, -1.8, True), LOCAL, CVS, Seconds(18.0, 21.0))
    assert rows["walker"].tolist() == [0, 1, 2]
    for row in rows:
        row["walker"] = 0
        assert row.tobytes() == alone.tobytes()


def test_without_local_moves_there_is_nothing_of_them():
    (row,) = turn_rows((0,), 0, JumpInfo(orders(1), PATH, -1.8, True), None, CVS, Seconds(6.0, 0.0))
    assert (row["local_accepted"], row["local_steps"], row["local_work"]) == (False, 0, 0.0)


def test_a_path_that_nobody_looked_at_has_no_works_on_its_way():
    info = JumpInfo(orders(1), PATH._replace(interim=None), -1.8, False)
    (row,) = turn_rows((0,), 0, info, LOCAL, CVS, Seconds(6.0, 7.0))
    assert np.isnan(row["interim"]).all()


def test_looks_are_written_in_their_order_and_none_is_a_fraction_of_zero():
    looks = Looks(np.array([0.25, 0.75]), np.array([1.5, -2.5]), np.array([[0.1, 0.2], [0.3, 0.4]]))
    info = JumpInfo(orders(1), PATH._replace(looks=looks), -1.8, True)
    (row,) = turn_rows((0,), 0, info, LOCAL, CVS, Seconds(6.0, 7.0))
    np.testing.assert_array_equal(row["look_fraction"], [0.25, 0.75] + [0.0] * (LOOKS - 2))
    np.testing.assert_array_equal(row["look_work"][:2], [1.5, -2.5])
    np.testing.assert_array_equal(row["look_cv"][:2], looks.cv.astype(np.float32))
