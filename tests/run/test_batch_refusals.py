"""Paths, jumps and configurations of the batch engine that fail, and the run that goes on or stops."""

import numpy as np
import pytest
import torch

from cvflow.core.frames import Outcome
from cvflow.core.schedule import Linear
from cvflow.engines.batch.kernels.identity import Identity
from cvflow.engines.batch.paths import Paths
from cvflow.proposals import GaussianMixture, Proposal
from cvflow.sampler.ensemble import EnsembleState
from cvflow.setup.specification import Setup
from cvflow.store import read_record
from tests import valley
from tests.engines.batch.stationarity import Jump
from tests.run.valley_run import begin, chain, quick, sample, short  # noqa: F401


def test_paths_into_a_wall_diverge_and_the_run_goes_on(tmp_path):
    result = sample(tmp_path, valley.valley(wall=4.6), jumps=12)
    turns, failed = result.record.turns, result.summary["jumps"]["failed"]
    assert set(failed) == {Outcome.DIVERGED.words}
    assert failed["diverged"] == np.isnan(turns["work"]).sum() > 0
    assert len(turns) == 8 * 12
    assert not turns["accepted"][np.isnan(turns["work"])].any()
    assert (turns["centre_new"][np.isnan(turns["work"])] >= 4.6).all()
    assert (turns["cv"] < 4.6).all()
    np.testing.assert_array_equal(turns["cv_end"][np.isnan(turns["work"])], turns["cv_old"][np.isnan(turns["work"])])
    assert "diverged" in (tmp_path / "report.html").read_text()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("lowest", "outcome", "steps"),
    [(-9.0, Outcome.UNCONVERGED, 1), (0.0, Outcome.OUT_OF_RANGE, 0)],
    ids=["not met", "out of range"],
)
def test_points_that_cannot_be_reached_are_counted_by_reason(lowest, outcome, steps, tmp_path):
    """A radius below zero: the solver finds none where it is allowed, and no path begins where it is not."""
    beyond = {"means": [[-1.5], [1.6]], "sigmas": [[0.2], [0.6]], "weights": [0.3, 0.7]}
    record = begin(
        tmp_path, run={"jumps": 4}, proposal=beyond, path={"kernel": "constrained", "timestep": 0.1},
        system={"python": f"{valley.__file__}:shells", "parameters": {"lowest": lowest}},
    )  # fmt: skip
    turns = record.turns
    failed = turns["outcome"] == outcome
    below = turns["centre_new"][:, 0] < 0
    assert below.any()
    assert failed[below].all()
    assert not turns["accepted"][failed].any()
    assert np.isnan(turns["work"][failed]).all()
    assert (turns["steps"][below] >= steps).all()
    assert (turns["steps"][below] > 0).all() == (steps > 0)
    assert turns["accepted"].any()


class Ragged(Proposal):
    """Draws what is no number for the first chain, and has no support where the last one stands."""

    version = 0

    def draw(self, count, rng):
        points = 2.0 + rng.standard_normal((count, 1))
        points[0] = np.nan
        return points

    def log_density(self, points):
        inside = -0.5 * (points[:, 0] - 2.0) ** 2
        return np.where(points[:, 0] > -5, inside, -np.inf)


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
@pytest.mark.parametrize("kernel", ["none", "langevin"])
def test_jumps_that_cannot_begin_are_refused_one_by_one(kernel):
    from cvflow.engines.batch.kernels.langevin import UnderdampedLangevin

    system = valley.valley()
    kernels = {
        "none": Identity(system.potential, system.cv, 1.0),
        "langevin": UnderdampedLangevin(system.potential, system.cv, 1.0, 0.3),
    }
    x = torch.tensor([[0.0, 0.0], [0.1, 0.0], [4.0, 1.6], [-7.0, 0.0]], dtype=torch.float64)
    jump = Jump(Paths(kernels[kernel], Linear()), steps=3, span=4.0)
    after, info = jump.step(EnsembleState(x, system.cv.value(x)), Ragged(), torch.Generator().manual_seed(1))
    outcomes = [Outcome(code) for code in info.path.outcome.tolist()]
    assert outcomes == [Outcome.OUT_OF_RANGE, Outcome.COMPLETED, Outcome.COMPLETED, Outcome.UNSUPPORTED]
    assert info.path.steps[[0, 3]].tolist() == [0, 0]
    assert not info.accepted[[0, 3]].any()
    assert torch.equal(after.x[[0, 3]], x[[0, 3]])
    assert torch.isfinite(info.path.work[[1, 2]]).all()


def test_a_proposal_outside_the_period_is_misuse():
    from cvflow.cv.batch import FunctionCV
    from cvflow.engines.batch.kernels.restraint import SoftRestraint

    system = valley.valley()
    cv = FunctionCV(("w",), valley.turn, (2,), periods=(1.0,))
    jump = Jump(Paths(SoftRestraint(system.potential, cv, 1.0, 0.1, (50.0,)), Linear()), 3, 1.0)
    x = torch.zeros((2, 2), dtype=torch.float64)
    unwrapped = GaussianMixture(((0.9,),), ((0.01,),), (1.0,))
    with pytest.raises(ValueError, match="outside the CV's period"):
        jump.step(EnsembleState(x, cv.value(x)), unwrapped, torch.Generator().manual_seed(1))


def test_walkers_that_leave_their_states_before_the_run_are_named(tmp_path):
    """Said on the way, and kept with the run: its states' border lies in the first mode."""
    said, broad = [], {"means": [[0.0], [4.0]], "sigmas": [[2.0], [2.0]], "weights": [0.5, 0.5]}
    states = {"left": "z < 0.5", "right": "z >= 0.5"}
    record = begin(tmp_path, said.append, run={"equilibration_moves": 24}, states=states, proposal=broad)
    *opening, line = [event for event in said if isinstance(event, str)]
    assert [words.split(":")[0] for words in opening] == ["start left", "start right"]
    assert "equilibration took" in line
    assert line.removeprefix("note: ") in record.header.notes


def test_a_configuration_that_does_not_keep_stops_the_run_before_its_turn_counts(tmp_path, monkeypatch):
    """Every walker is looked at after every turn; what was done before is committed."""
    looked = []

    def check(setup, walker, frame):
        looked.append(walker)
        if len(looked) > 8 * 4:  # after equilibration, and after three turns
            raise ArithmeticError("drifted")

    monkeypatch.setattr(Setup, "check_frame", check)
    with pytest.raises(ArithmeticError, match="drifted"):
        begin(tmp_path)
    assert looked == [*range(8)] * 4 + [0]
    assert read_record(tmp_path / "out" / "run.h5").turns["jump"].max() == 2
