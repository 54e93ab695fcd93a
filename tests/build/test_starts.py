import numpy as np
import pytest

from cvflow.build.starts import in_turn, start_notes
from cvflow.state import Frame
from cvflow.states import States

STATES = States({"left": "z < -1", "middle": "-0.5 < z < 0.5", "right": "z > 1"}, ["z"])


def notes(**starts):
    """The notes for one walker a start, by the state it is given for."""
    return start_notes(STATES, list(starts), np.array([[z] for z in starts.values()]))


def test_a_start_in_each_state_is_worth_no_word():
    assert notes(left=-2.0, middle=0.0, right=2.0) == ()


@pytest.mark.parametrize(
    ("starts", "words"),
    [
        ({"left": -2.0, "middle": 0.7, "right": 2.0}, ["start of middle (z = 0.7) lies in no named state", "no ΔF"]),
        (
            {"left": -2.0, "middle": -3.0, "right": 2.0},
            ["left (z = -2) and middle (z = -3) lie in the same state, left"],
        ),
        ({"left": 0.1, "right": 2.0}, ["start of left (z = 0.1) lies in middle", "no walker starts in left"]),
        (
            {"left": -2.0, "right": 2.0},
            ["no walker starts in middle: modes that no walker has visited are not sampled"],
        ),
    ],
)
def test_every_weakness_is_said_with_its_reason(starts, words):
    text = "\n".join(notes(**starts))
    for word in words:
        assert word in text


def test_walkers_of_one_start_are_not_two_starts():
    points = np.array([[-2.0], [2.0], [-2.1], [2.1]])
    assert len(start_notes(States({"a": "z < 0", "b": "z > 0"}, ["z"]), ["a", "b", "a", "b"], points)) == 0


def test_structures_go_to_the_walkers_in_turn():
    frames = [Frame(np.full((1, 3), float(i)), None) for i in range(2)]
    starts = in_turn(frames, ["a", "b"], 5)
    assert starts.names == ("a", "b", "a", "b", "a")
    assert [frame.positions[0, 0] for frame in starts.frames] == [0, 1, 0, 1, 0]
