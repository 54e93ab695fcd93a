"""Walkers before their first jump."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np

from cvflow.core.frames import Frame, Outcome, PathResult
from cvflow.core.states import States
from cvflow.engines.base import Engine
from cvflow.sampler.local import LocalInfo, LocalMove
from cvflow.sampler.walkers import process

STATES = States({"left": "z < -1", "right": "z > 1"}, ["z"])


@LocalMove.register
class Stepping:
    """A local move that adds one to the CV, whatever stands there."""

    steps = 1

    def step(self, state, engine, rng):
        frame = Frame(state.frame.positions + 1.0, None)
        path = PathResult(frame, engine.cv_values(frame), 0.0, 0.0, 0.0, 0.0, 1, Outcome.COMPLETED)
        return process.JumpState(frame, path.cv), LocalInfo(path, True)


@Engine.register
class Line:
    """An engine of one coordinate."""

    volume_moves_every = None

    def relaxed(self, frame):
        return frame

    def cv_values(self, frame):
        return frame.positions[0, :1]

    def build(self):
        return self


def equilibrated(z):
    start = Frame(np.full((1, 3), z), None)
    return process.equilibrate(Line(), start, Stepping(), Stepping(), 24, 1, 0, STATES).samples[0, :, 0]


def test_equilibration_stays_in_its_state_and_what_lies_between():
    assert set(equilibrated(-3.5)) == {0.5}, "the next step would be in the other state"


def test_a_start_in_no_state_goes_where_it_likes():
    assert equilibrated(0.0)[-1] == process.EQUILIBRATION_MOVES + 24


def test_states_travel_to_workers():
    there = pickle.loads(pickle.dumps(STATES))
    points = np.array([[-2.0], [0.0], [2.0]])
    assert there.assign(points).tolist() == STATES.assign(points).tolist() == [0, -1, 1]


class Sliding(Line):
    """Its only minimum is in `right`."""

    def relaxed(self, frame):
        return Frame(np.full_like(frame.positions, 5.0), None)


def test_a_minimum_in_another_state_is_not_where_equilibration_begins(monkeypatch):
    """The start is taken as it was given; one of no named state may go down to the minimum."""
    monkeypatch.setattr(process, "engine_for", lambda spec: Sliding())
    left, nowhere = (
        process.equilibrate(Line(), Frame(np.array([[z, 0, 0]]), None), Stepping(), Stepping(), 24, 1, 0, STATES)
        for z in (-60.0, 0.0)
    )
    assert left.samples[0, :, 0].tolist() == list(range(-43, -19))
    assert nowhere.samples[0, 0, 0] > 5


def test_each_thread_has_an_engine_of_its_own():
    """Few libraries may be called from two threads at once."""

    class Building(Line):
        def build(self):
            return Line()

    spec, meeting = Building(), Barrier(2, timeout=60)

    def built(_):
        meeting.wait()
        return process.engine_for(spec), process.engine_for(spec)

    with ThreadPoolExecutor(2) as executor:
        (first, again), (second, _) = executor.map(built, range(2))
    assert first is again
    assert first is not second
