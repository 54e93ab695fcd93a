"""Whole runs whose flow has one density a state, `[flow] labels = true`."""

import numpy as np
import pytest

import cvflow
from cvflow.config.section import ConfigError
from cvflow.core.frames import Outcome
from cvflow.doctor.verify import dumbbell
from cvflow.proposals.io import from_bytes
from cvflow.store import read_record
from tests.run.test_run import chain, sample

LABELS = {"flow": {"labels": True}, "path": {"within_states": False}}


def exact():
    p, r = dumbbell.density(dumbbell.GRID), dumbbell.GRID
    far = np.trapezoid(p * (r >= 2.3), r)
    return -np.log(far / (1 - far))


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    return sample(tmp_path_factory.mktemp("labels") / "out", jumps=800, **LABELS)


def test_both_estimates_of_the_free_energy_are_that_of_quadrature(long):
    for estimate in ("delta_f", "delta_f_bar"):
        (found,) = long.summary[estimate]
        assert found["stderr_kT"] < 0.12
        assert abs(found["value_kT"] - exact()) < 4 * found["stderr_kT"]


def test_turns_whose_label_stays_have_no_path_in_adaptation_neither(long):
    turns = read_record(long.folder / "run.h5").turns
    stays = turns["outcome"] == Outcome.WITHIN_STATE
    nothing = np.isnan(turns["centre_new"]).all(axis=1)
    assert 0.1 < nothing.mean() < 0.9
    assert (stays | ~nothing).all()
    assert not turns["steps"][stays].any()
    assert not turns["accepted"][stays].any()
    assert nothing[~turns["production"]].any()
    assert not np.isnan(turns["work"][turns["outcome"] == Outcome.COMPLETED]).any()
    jumps = long.summary["jumps"]
    assert jumps["proposed"] == 3200
    assert jumps["between_states"]["proposed"] < 3200 - nothing[turns["production"]].sum() + 1


def test_a_run_by_labels_continues_as_if_nothing_had_happened(tmp_path):
    whole = sample(tmp_path / "whole", **LABELS)
    sample(tmp_path / "part", **(LABELS | {"jumps": 20}))
    cvflow.resume(tmp_path / "part", jumps=60, quiet=True)
    assert chain(tmp_path / "part") == chain(whole.folder)
    proposal = from_bytes(read_record(whole.folder / "run.h5").flows[-1].data)
    assert proposal.states == ("near", "far")
    assert not proposal.within


def test_jumps_within_states_are_made_where_they_are_wanted(tmp_path):
    turns = read_record(sample(tmp_path / "out", flow={"labels": True}).folder / "run.h5").turns
    assert not np.isnan(turns["centre_new"]).any()
    states = turns["centre_old"][:, 0] < 2.3, turns["centre_new"][:, 0] < 2.3
    assert 0.1 < (states[0] == states[1]).mean() < 0.9
    assert (turns["steps"] > 0).all()


def test_shapes_have_no_labels(tmp_path):
    from cvflow.config.presets import POLYMER_BEADS
    from cvflow.config.settings import parse
    from cvflow.setup import from_config

    with pytest.raises(ConfigError, match=r"flow\.labels: shapes have one density for all states"):
        from_config(parse(POLYMER_BEADS | {"flow": {"labels": True}}, "beads"), tmp_path)
