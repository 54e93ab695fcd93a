import numpy as np

from cvflow.core.frames import Outcome
from cvflow.core.states import States
from cvflow.estimate.modes import between_states
from cvflow.estimate.passages import passages, spent
from tests.report.synthetic import THREE, Lengths, fake_record, with_turns


def test_proposals_and_passages_are_those_of_the_turns():
    record = fake_record(THREE, Lengths(3, 5, 80))
    found, made = passages(record), record.turns[record.turns["production"]]
    states = States(record.header.states, record.header.cvs)
    start, aim = states.assign(made["cv_old"]), states.assign(made["centre_new"])
    assert found.proposed[0, 2] == ((start == 0) & (aim == 2)).sum() > 5
    between, arrived = between_states(made, states)
    apart = ~np.eye(3, dtype=bool)
    assert found.proposed[apart].sum() == between.sum()
    assert found.accepted[apart].sum() == arrived.sum() > 5


def test_rows_of_the_transition_matrix_are_probabilities():
    found = passages(fake_record(THREE, Lengths(3, 5, 80)))
    assert np.allclose(found.probability.sum(axis=1), 1)
    assert found.moved.sum() == 3 * 79


def test_every_path_of_production_has_one_fate():
    record = fake_record(lengths=Lengths(2, 5, 60))
    outcome = record.turns["outcome"].copy()
    refused = np.flatnonzero(~record.turns["accepted"] & record.turns["production"])
    outcome[refused[:4]], outcome[refused[4:7]] = Outcome.GIVEN_UP, Outcome.DIVERGED
    found = {one.fate: one for one in spent(with_turns(record, outcome=outcome))}
    assert found["given up on the way"].paths == 4
    assert found["failed"].paths == 3
    assert sum(one.paths for one in found.values()) == 120
    assert sum(one.steps for one in found.values()) == 120 * 700
    assert found["accepted into another state"].paths > 0
