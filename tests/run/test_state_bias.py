"""Whole runs under a bias that visits every state as much, `[run] state_bias = "flat"`."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

import cvflow
from cvflow.config.settings import ConfigError, load
from cvflow.core.frames import Outcome
from cvflow.core.states import States
from cvflow.doctor.verify import dumbbell
from cvflow.proposals.fit import FitSettings
from cvflow.proposals.io import from_bytes
from cvflow.report.tables import summary_rows
from cvflow.setup import from_config
from cvflow.store import read_record
from tests import valley
from tests.run.test_run import STATES, chain, sample
from tests.run.valley_run import agrees, written
from tests.run.valley_run import sample as in_batch


def run(out, **settings):
    flow = {"labels": True, "retrain_every": 20}
    lengths = {"adapt_jumps": 26, "jumps": 60, "workers": 1, "flow": flow}
    return sample(out, state_bias="flat", **(lengths | settings))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return run(tmp_path_factory.mktemp("bias") / "out", jumps=100, workers=2)


def exact():
    """F(far) - F(near) and the share of far, by quadrature."""
    p, r = dumbbell.density(dumbbell.GRID), dumbbell.GRID
    far = np.trapezoid(p * (r >= 2.3), r)
    return -np.log(far / (1 - far)), far


def test_the_free_energy_is_that_of_quadrature(finished):
    right, far = exact()
    for key in ("delta_f", "delta_f_chain", "delta_f_bar"):
        (found,) = finished.summary[key]
        assert abs(found["value_kT"] - right) < 4 * found["stderr_kT"] < 1.2, key
    error = finished.summary.delta_f[0].stderr_kT * far * (1 - far)
    assert abs(finished.summary.states["far"].share - far) < 4 * error


def test_production_keeps_the_bias_that_walkers_come_from(finished):
    """Its flow is newer, which changes how chains move; its bias is what they were in when adaptation ended."""
    record = finished.record
    adaptation, production = (record.turns[record.turns["production"] == after] for after in (False, True))
    (version,) = np.unique(production["flow_version"])
    last = adaptation["flow_version"][adaptation["jump"] == adaptation["jump"].max()]
    assert set(last) == {version - 1}
    biases = [flow.state_bias for flow in record.flows]
    assert biases[version] == biases[version - 1] != ()
    assert biases[version - 2] != biases[version - 1]


def test_an_adaptation_too_short_for_a_bias_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"state_bias = 'flat' is refused: .*give run\.adapt_jumps = 17 or more"):
        run(tmp_path / "out", adapt_jumps=16, walkers=3, flow={"labels": True, "retrain_every": 24})
    assert not (tmp_path / "out").exists()


def test_states_are_visited_alike_and_labels_weigh_the_same(finished):
    record = finished.record
    assert record.flows[0].state_bias == ()
    near, far = record.flows[-1].state_bias
    assert np.exp(-near) + np.exp(-far) > 1
    assert sum(np.exp(energy) / 2 for energy in (near, far)) == pytest.approx(1), "populations that add up to one"
    assert near - far == pytest.approx(exact()[0], abs=0.6)
    assert from_bytes(record.flows[-1].data).weights == (0.5, 0.5)
    turns = record.turns[record.turns["production"]]
    assert 0.3 < (turns["cv"] >= 2.3).mean() < 0.7
    assert finished.summary.states["near"].bias_kT == near
    rows = dict(summary_rows(finished.summary, record.header))
    assert rows["bias of the states"].startswith(f"{near:+.2f} kT in near, {far:+.2f} kT in far")


def test_the_decision_takes_the_bias_of_both_ends(finished):
    record = finished.record
    rise = record.biases("cv_end") - record.biases("cv_old")
    ended = record.turns["outcome"] == Outcome.COMPLETED
    turns = record.turns[ended]
    log_ratio = turns["log_q_old"] - turns["log_q_new"] - turns["work"] - rise[ended]
    np.testing.assert_allclose(turns["log_acceptance"], log_ratio, atol=1e-9)
    assert (np.abs(rise[ended]) > 0.1).any()


def test_columns_and_frames_have_their_weights(finished):
    columns = finished.turns()
    states = States(STATES, ["r"])
    bias = np.array(finished.record.flows[-1].state_bias)[states.assign(columns[["r"]].to_numpy())]
    made = columns["production"].to_numpy() == 1
    np.testing.assert_allclose(columns["state_bias"][made], dumbbell.KT * bias[made])
    weights = finished.to_arviz()["posterior"]["weight"]
    assert float(weights.mean()) == pytest.approx(1)
    frames = finished.universe(0)
    seen = [(ts.data["state"], ts.data["weight"]) for ts in frames.trajectory if ts.data["production"]]
    biases = finished.record.flows[-1].state_bias
    assert all(weight == pytest.approx(np.exp(biases[state])) for state, weight in seen)


def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(tmp_path):
    whole = run(tmp_path / "whole", jumps=20)
    with pytest.raises(KeyboardInterrupt):
        _interrupted(tmp_path / "cut", after=70)
    with pytest.raises(KeyboardInterrupt):
        _interrupted(tmp_path / "cut", after=60, resumed=True)
    cvflow.resume(tmp_path / "cut", quiet=True)
    assert chain(tmp_path / "cut") == chain(whole.folder)
    stored = [[flow.state_bias for flow in read_record(tmp_path / name / "run.h5").flows] for name in ("cut", "whole")]
    assert stored[0] == stored[1]
    assert load(tmp_path / "cut" / "config.resolved.toml").run.state_bias == "flat"


def _interrupted(folder, after, resumed=False):
    seen = iter(range(1, 10_000))

    def watch(self, rows):
        if next(seen) == after:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cvflow.sampler.loop._Counters.add", watch)
        cvflow.resume(folder, quiet=True) if resumed else run(folder, jumps=20)


def test_with_a_fixed_proposal_it_is_refused(tmp_path):
    config = written(tmp_path, run={"state_bias": "flat"})
    with pytest.raises(ConfigError, match=r"run\.state_bias = 'flat' is refused: .*leave \[proposal\] out") as caught:
        from_config(load(config), tmp_path)
    assert "\n" not in str(caught.value)


def test_many_chains_at_once_find_a_state_of_two_per_cent(tmp_path):
    weight = 0.98
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cvflow.setup.specification.FitSettings", partial(FitSettings, epochs=60))
        patch.setattr("cvflow.report.run_illustrations", lambda *of_run: [])
        found = in_batch(
            tmp_path / "out", valley.valley(weight=weight), walkers=128, adapt_jumps=16, adapt_limit=1, jumps=40,
            state_bias="flat", proposal=None, flow={"retrain_every": 512, "labels": True},
            path={"within_states": False},
        )  # fmt: skip
    agrees(found, valley.difference(weight), within=0.2)
    left, right = found.record.flows[-1].state_bias
    assert left - right == pytest.approx(valley.difference(weight), abs=0.5)
    turns = found.record.turns[found.record.turns["production"]]
    assert 0.3 < (turns["cv"] > valley.WALL).mean() < 0.7
    assert found.summary.mode_changes > 500


def test_other_words_are_refused():
    with pytest.raises(ConfigError, match=r"run\.state_bias"):
        sample("nowhere", state_bias="even")


def test_the_example_learns_and_tries_its_bias_before_production():
    folder = Path(cvflow.__file__).parents[1] / "examples" / "amber_alanine"
    setup = from_config(load(folder / "alanine.toml"), folder)
    assert setup.config.run.state_bias == "flat"
    assert setup.plan(np.ones(2)).last_version >= 3
