import numpy as np
import pytest

from cvflow.core.states import States, parse

POINTS = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, -1.0], [3.0, 0.5], [np.nan, 0.0]])


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("phi < 1", [1, 0, 0, 0]),
        ("phi <= 1", [1, 1, 0, 0]),
        ("0 < phi < 2.5", [0, 1, 1, 0]),
        ("phi < 0.5 or phi > 2.5", [1, 0, 0, 1]),
        ("phi > 0.5 and psi > 0 and not phi > 2", [0, 1, 0, 0]),
        ("psi >= -1.0 and (phi < 0.5 or phi > 1.5)", [1, 0, 1, 1]),
        ("phi > psi", [0, 0, 1, 1]),
        ("1 < 2", [1, 1, 1, 1]),
    ],
)
def test_expressions(text, inside):
    assert parse("a", text, ["phi", "psi"])(POINTS[:4]).astype(int).tolist() == inside


@pytest.mark.parametrize(
    "text",
    ["phi <", "phi", "phi == 1", "phi + 1 < 2", "__import__('os')", "phi < 'a'", "chi < 1", "f(phi) < 1", "phi < True",
     "", "lambda: 1", "phi < 1; psi", "[p for p in phi]", "phi.real < 1", "phi if psi else 1"],
)  # fmt: skip
def test_anything_else_is_refused_in_one_line(text):
    with pytest.raises(ValueError, match="state basin: ") as error:
        parse("basin", text, ["phi", "psi"])
    assert "\n" not in str(error.value)


def test_the_first_state_that_holds_a_point_wins_and_nan_has_none():
    states = States({"low": "phi < 1.5", "negative": "psi < 0", "rest": "not phi < 1.5"}, ["phi", "psi"])
    assert states.assign(POINTS).tolist() == [0, 0, 1, 2, -1]
    assert states.names == ["low", "negative", "rest"]
