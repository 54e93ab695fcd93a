import numpy as np
import pytest

from cvflow.core.frames import Frame
from cvflow.core.states import States
from cvflow.setup.starts.walker_starts import in_turn, opened, start_notes, strayed, words

STATES = States({"left": "z < -1", "middle": "-0.5 < z < 0.5", "right": "z > 1"}, ["z"])


def opening(*starts):
    """One walker a start, each with the name of the state that it is given for."""
    return opened(STATES, [name for name, _ in starts], np.array([[z] for _, z in starts]))


def notes(**starts):
    """The notes for one walker a start, by the state it is given for."""
    return start_notes(opening(*starts.items()))


def test_a_start_in_each_state_is_worth_no_word():
    assert notes(left=-2.0, middle=0.0, right=2.0) == ()


@pytest.mark.parametrize(
    ("starts", "words"),
    [
        ({"left": -2.0, "middle": 0.7, "right": 2.0}, ["start of middle (z = 0.7) lies in no named state", "no ΔF"]),
        (
            {"bent": -2.0, "straight": -3.0, "right": 2.0},
            ["bent (z = -2) and straight (z = -3) lie in the same state, left"],
        ),
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
    states = States({"a": "z < 0", "b": "z > 0"}, ["z"])
    assert len(start_notes(opened(states, ["a", "b", "a", "b"], points))) == 0


@pytest.mark.parametrize(
    ("starts", "said"),
    [
        ([("left", 2.0), ("right", -2.0)], ["left (z = 2) lies in right", "right (z = -2) lies in left"]),
        ([("left", -2.0), ("middle", -3.0), ("right", 2.0)], ["middle (z = -3) lies in left"]),
        ([("left", -2.0), ("right", 2.0), ("left", 0.1), ("left", 0.2)], ["left (z = 0.1) lies in middle"]),
    ],
)
def test_a_start_in_another_named_state_than_its_own_is_refused(starts, said):
    with pytest.raises(ValueError, match="one structure per state") as refused:
        opening(*starts)
    for text in said:
        assert text in str(refused.value)
    assert str(refused.value).count("lies in") == 1 + len(said)


@pytest.mark.parametrize(
    "starts",
    [
        [("left", -2.0), ("middle", 0.7), ("right", 2.0)],  # in no named state
        [("anything", -2.0), ("right", 2.0)],  # no state of that name
        [("left", -2.0), ("right", 2.0), ("left", 0.1), ("left", -2.0)],  # one of many that strays
    ],
)
def test_other_starts_are_taken(starts):
    assert opening(*starts).names == tuple(name for name, _ in starts)


def test_starts_are_told_in_words():
    assert words(opening(("left", -2.0), ("middle", 0.7), ("right", 2.0), ("left", -1.5))) == (
        "start left: z = -2 to -1.5: left",
        "start middle: z = 0.7: no named state",
        "start right: z = 2: right",
    )


def test_walkers_that_leave_their_states_are_named():
    begun = opening(("left", -2.0), ("right", 2.0), ("left", -2.0), ("right", 2.0), ("middle", 0.7))
    assert strayed(begun, np.array([[-3.0], [1.5], [-1.2], [3.0], [-2.0]])) == ()
    (line,) = strayed(begun, np.array([[0.0], [1.5], [-2.0], [0.8], [2.0]]))
    assert line == "equilibration took walker 0 from left to middle, walker 3 from right to no named state"
    (line,) = strayed(begun, np.array([[2.0], [1.5], [1.6], [1.8], [2.0]]))
    assert line.startswith("warning: equilibration took walkers 0, 2 from left to right; none is left in left")


@pytest.mark.parametrize("walkers", [1, 2])
def test_a_start_without_a_walker_is_refused(walkers):
    frames = [Frame(np.zeros((1, 3)), None)] * 3
    with pytest.raises(
        ValueError, match=rf"run.walkers = {walkers}: a walker is needed for each of the 3 .*\(a, b, c\)"
    ):
        in_turn(frames, ["a", "b", "c"], walkers)


def test_one_walker_alone_is_told_what_is_wrong():
    with pytest.raises(ValueError, match=r"run\.walkers = 1: one walker starts in one state"):
        opening(("left", -2.0))


def test_structures_go_to_the_walkers_in_turn():
    frames = [Frame(np.full((1, 3), float(i)), None) for i in range(2)]
    starts = in_turn(frames, ["a", "b"], 5)
    assert starts.names == ("a", "b", "a", "b", "a")
    assert [frame.positions[0, 0] for frame in starts.frames] == [0, 1, 0, 1, 0]
