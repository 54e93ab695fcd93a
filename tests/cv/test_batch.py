"""CVs of a batch: derivatives, the law of those that split a configuration, circles, and what is refused."""

import math

import numpy as np
import pytest
import torch

from cvflow.cv.batch import Coordinates, FunctionCV, LinearCV, everything_free

STEP = 1e-6
ROWS = ((0.5, 0.5, 0.5, 0.5, 0.0, 0.0), (0.5, -0.5, -0.5, 0.5, 0.0, 0.0))


def length(x):
    return torch.linalg.vector_norm(x[:, 0] - x[:, 1], dim=1)


def length_and_angle(x):
    apart = x[:, 0] - x[:, 1]
    return torch.stack([length(x), torch.atan2(apart[:, 1], apart[:, 0])], dim=1)


def towards(x):
    """∂length/∂x, (chains, 1, 2, 3)."""
    unit = (x[:, 0] - x[:, 1]) / length(x)[:, None]
    return torch.stack([unit, -unit], dim=1)[:, None]


CVS = {
    "coordinates": Coordinates(("a", "b"), (4, 1), 6),
    "one coordinate": Coordinates(("a",), (0,), 6),
    "linear": LinearCV(("s", "d"), ROWS),
    "one component": FunctionCV(("r",), length, (2, 3)),
    "with its derivative": FunctionCV(("r",), length, (2, 3), derivative=towards),
    "two components, one on a circle": FunctionCV(
        ("r", "phi"), length_and_angle, (2, 3),
        periods=(math.inf, 2 * math.pi), ranges=((0.0, math.inf), (-math.pi, math.pi)),
    ),
}  # fmt: skip
SPLIT = {name: cv for name, cv in CVS.items() if not isinstance(cv, FunctionCV)} | {"none": everything_free(6)}
EACH = pytest.mark.parametrize("cv", CVS.values(), ids=CVS)
EACH_SPLIT = pytest.mark.parametrize("cv", SPLIT.values(), ids=SPLIT)


def configurations(count=7, seed=0):
    return torch.randn(count, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@EACH
def test_values_are_those_of_each_chain_alone(cv):
    x = configurations()
    together = cv.value(x)
    assert together.shape == (7, len(cv.names)) == (7, len(cv.periods)) == (7, len(cv.ranges))
    alone = torch.cat([cv.value(row[None]) for row in x])
    assert torch.equal(together, alone)
    for i, (period, (low, high)) in enumerate(zip(cv.periods, cv.ranges, strict=True)):
        assert ((together[:, i] >= low) & (together[:, i] <= high)).all()
        assert (together[:, i].abs() <= period / 2).all()


@EACH
def test_jacobians_are_central_differences(cv):
    x = configurations()
    differences = [
        cv.wrapped(cv.value(x + step) - cv.value(x - step)) / (2 * STEP) for step in STEP * torch.eye(6).double()
    ]
    assert (cv.jacobian(x) - torch.stack(differences, dim=2)).abs().max() < 1e-8


@EACH
def test_jacobians_are_those_of_automatic_differentiation(cv):
    x = configurations()
    automatic = torch.stack([torch.func.jacrev(lambda row: cv.value(row[None])[0])(row) for row in x])
    assert torch.allclose(cv.jacobian(x), automatic, atol=1e-14)


@EACH
def test_single_precision_stays_single(cv):
    x = configurations()
    value, jacobian = cv.value(x.float()), cv.jacobian(x.float())
    assert value.dtype == jacobian.dtype == torch.float32
    assert torch.allclose(value.double(), cv.value(x), atol=1e-5)
    assert torch.allclose(jacobian.double(), cv.jacobian(x), atol=1e-5)


@EACH_SPLIT
def test_place_sets_the_cv_and_nothing_else(cv):
    x, z = configurations(), configurations(seed=1)[:, : len(cv.names)]
    placed = cv.place(x, z)
    assert torch.allclose(cv.value(placed), z, atol=1e-14)
    assert cv.project(placed - x).abs().max() < 1e-14
    assert torch.allclose(cv.place(x, cv.value(x)), x, atol=1e-14)
    assert torch.allclose(cv.place(placed, cv.value(x)), x, atol=1e-14)


@EACH_SPLIT
def test_project_is_the_part_that_leaves_the_cv_alone(cv):
    """An orthogonal projection on the complement of ∇ξ."""
    v, w = configurations(), configurations(seed=1)
    projected = cv.project(v)
    assert torch.allclose(cv.project(projected), projected, atol=1e-14)
    assert torch.allclose(cv.value(v + projected), cv.value(v), atol=1e-14)
    assert torch.allclose((projected * w).sum(dim=1), (v * cv.project(w)).sum(dim=1), atol=1e-13)
    rank = sum(cv.project(row[None]).square().sum() for row in torch.eye(6, dtype=torch.float64))
    assert float(rank) == pytest.approx(6 - len(cv.names))


def test_without_components_everything_is_free():
    cv, x = everything_free(6), configurations()
    assert cv.value(x).shape == (7, 0)
    assert torch.equal(cv.project(x), x)
    assert torch.equal(cv.place(x, x[:, :0]), x)


def test_coordinates_come_in_the_order_of_the_names():
    x = torch.arange(6.0, dtype=torch.float64)[None]
    assert CVS["coordinates"].value(x).tolist() == [[4.0, 1.0]]
    assert CVS["coordinates"].place(x, torch.tensor([[-4.0, -1.0]]).double()).tolist() == [[0, -1.0, 2, 3, -4.0, 5]]


def test_linear_components_are_sums_over_rows():
    x = configurations()
    assert torch.allclose(CVS["linear"].value(x), x @ torch.tensor(ROWS, dtype=torch.float64).T, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_differences_are_wrapped_on_the_circle_alone(dtype):
    cv = CVS["two components, one on a circle"]
    difference = torch.linspace(-20, 20, 82, dtype=dtype).reshape(41, 2)
    wrapped = cv.wrapped(difference)
    assert wrapped.dtype == dtype
    assert torch.equal(wrapped[:, 0], difference[:, 0])
    assert (wrapped[:, 1].abs() <= math.pi + 1e-6).all()
    turns = (difference - wrapped)[:, 1] / (2 * math.pi)
    assert (turns - turns.round()).abs().max() < 1e-6
    assert turns.abs().max() > 2.5
    assert torch.allclose(cv.wrapped(-difference), -wrapped, atol=1e-5), "the way back is the way there"
    near = torch.tensor([[5.0, 0.1]], dtype=dtype)
    assert torch.equal(cv.wrapped(near), near)


def test_lines_are_not_wrapped():
    difference = 1e3 * configurations()[:, :2]
    for name in ("coordinates", "linear"):
        assert torch.equal(CVS[name].wrapped(difference), difference)


def test_a_function_s_components_live_on_lines_unless_said():
    cv = CVS["one component"]
    assert cv.periods == (math.inf,)
    assert cv.ranges == ((-math.inf, math.inf),)


def test_settings_are_values():
    """Equal if made of the same parts: tensors that are derived from them do not count."""
    assert Coordinates(("a", "b"), (4, 1), 6) == CVS["coordinates"]
    assert LinearCV(("s", "d"), ROWS) == CVS["linear"]
    assert hash(LinearCV(("s", "d"), ROWS)) == hash(CVS["linear"])
    assert Coordinates(("a",), (1,), 6) != CVS["one coordinate"]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: Coordinates(("a",), (6,), 6), "counted from 0 to 5"),
        (lambda: Coordinates(("a",), (-1,), 6), "counted from 0 to 5"),
        (lambda: Coordinates(("a", "b"), (1, 1), 6), "names a coordinate twice"),
        (lambda: Coordinates(("a",), (1, 2), 6), "one name for each"),
        (lambda: Coordinates(("1a",), (1,), 6), "must be a word"),
        (lambda: LinearCV(("s",), ROWS), "one name for each of its 2 rows"),
        (lambda: LinearCV(("s",), ((1.0, 1.0),)), "orthonormal"),
        (lambda: LinearCV(("s", "d"), ((1.0, 0.0), (0.6, 0.8))), "orthonormal"),
        (lambda: LinearCV(("not",), ((1.0, 0.0),)), "must be a word"),
        (lambda: FunctionCV(("r s",), length, (2, 3)), "must be a word"),
        (lambda: FunctionCV(("r",), length, (2, 3), periods=(1.0, 2.0)), "one period and one range"),
        (lambda: FunctionCV(("r", "phi"), length, (2, 3), ranges=((0.0, 1.0),)), "one period and one range"),
    ],
)
def test_what_is_none_is_refused(made, said):
    with pytest.raises(ValueError, match=said):
        made()


def test_starts_of_numpy_and_tensors_agree():
    """What a user's numpy starts become keeps the order of the flattened configuration."""
    x = np.arange(12.0).reshape(2, 2, 3)
    flat = torch.as_tensor(x).flatten(1)
    assert torch.allclose(
        CVS["one component"].value(flat)[:, 0], torch.as_tensor(np.linalg.norm(x[:, 0] - x[:, 1], axis=1))
    )
