"""Whole runs whose flow has one density a state, `[flow] labels = true`."""

from functools import partial

import numpy as np
import pytest

from cvflow.config.presets import POLYMER, POLYMER_BEADS
from cvflow.config.settings import ConfigError, load, parse
from cvflow.core.frames import Outcome
from cvflow.proposals.fit import FitSettings
from cvflow.proposals.io import from_bytes
from cvflow.proposals.labelled import LabelledProposal
from cvflow.run import run_folder
from cvflow.sampler.loop import Progress
from cvflow.setup import from_config
from cvflow.store import read_record
from tests import valley
from tests.run.test_run import sample as sample_with_openmm
from tests.run.valley_run import agrees, begin, chain, quick, sample, short  # noqa: F401

LABELS = {"proposal": None, "flow": {"retrain_every": 32, "labels": True}}
WEIGHT = 0.85


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """Of the valley, whose right side holds 15 %."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cvflow.setup.specification.FitSettings", partial(FitSettings, epochs=60))
        patch.setattr("cvflow.report.run_illustrations", lambda *of_run: [])
        return sample(
            tmp_path_factory.mktemp("labels") / "out", valley.valley(weight=WEIGHT), walkers=128, adapt_jumps=16,
            adapt_limit=1, jumps=60, proposal=None, flow={"retrain_every": 512, "labels": True},
            path={"within_states": False},
        )  # fmt: skip


def test_both_estimates_of_the_free_energy_are_the_closed_form(long):
    agrees(long, valley.difference(WEIGHT), within=0.15)


def test_turns_whose_label_stays_have_no_path_in_adaptation_neither(long):
    turns = long.record.turns
    stays = turns["outcome"] == Outcome.WITHIN_STATE
    nothing = np.isnan(turns["centre_new"]).all(axis=1)
    assert 0.2 < nothing.mean() < 0.8
    assert nothing[~turns["production"]].any()
    assert stays[nothing].all()
    assert not turns["steps"][stays].any()
    assert not turns["accepted"][stays].any()
    assert np.isnan(turns["log_q_new"][nothing]).all()
    np.testing.assert_array_equal(turns["cv_kept"][stays], turns["cv_old"][stays])
    between = long.summary["jumps"]["between_states"]["proposed"]
    assert 0.6 * np.sum(~nothing & turns["production"]) < between <= np.sum(~nothing & turns["production"])


def test_the_density_of_a_rare_state_is_as_good_as_that_of_the_other(long):
    proposal = from_bytes(long.record.flows[-1].data)
    assert proposal.states == ("left", "right")
    assert not proposal.within
    assert 0.1 < proposal.weights[1] < 0.4, "half of the walkers began there"
    for part, mean, width in zip(proposal.parts, valley.MODES, valley.WIDTHS, strict=True):
        drawn = part.draw(4000, np.random.default_rng(0))
        assert np.median(drawn) == pytest.approx(mean, abs=0.3)
        assert np.subtract(*np.quantile(drawn, [0.75, 0.25])) == pytest.approx(1.349 * width, rel=0.25)


def test_works_between_states_and_the_acceptance_have_the_whole_density(long):
    turns = long.record.turns
    proposal = from_bytes(long.record.flows[-1].data)
    drawn = turns[turns["production"] & ~np.isnan(turns["centre_new"]).all(axis=1)]
    for centre, log_q in (("centre_old", "log_q_old"), ("centre_new", "log_q_new")):
        np.testing.assert_allclose(proposal.log_density(drawn[centre]), drawn[log_q], rtol=1e-9)
    assert set(drawn["flow_version"]) == {proposal.version}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("within", [False, True])
def test_a_run_by_labels_continues_as_if_nothing_had_happened(within, tmp_path):
    """Interrupted while the flows learn, and again in production."""
    lengths = {"adapt_jumps": 12, "adapt_limit": 1, "jumps": 6}
    sections = LABELS | {"path": {"within_states": within}}
    whole = begin(tmp_path / "whole", run=lengths, **sections)
    assert all(isinstance(from_bytes(flow.data), LabelledProposal) for flow in whole.flows)
    assert np.isnan(whole.turns["centre_new"]).any() != within

    def stopping(after):
        def watch(progress):
            if isinstance(progress, Progress) and progress.turns >= 8 * after:
                raise KeyboardInterrupt

        return watch

    folder = tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        begin(folder, stopping(6), run=lengths, **sections)
    with pytest.raises(KeyboardInterrupt):
        run_folder.resume(folder / "out", None, stopping(13))
    run_folder.resume(folder / "out", None, lambda progress: None)
    assert chain(folder / "out") == chain(tmp_path / "whole" / "out")
    assert load(folder / "out" / "config.resolved.toml").flow.labels


def test_jumps_within_states_are_made_where_they_are_wanted_by_an_engine_in_worker_processes(tmp_path):
    settings = {"adapt_jumps": 6, "jumps": 10, "workers": 1, "flow": {"labels": True, "retrain_every": 12}}
    turns = read_record(sample_with_openmm(tmp_path / "out", **settings).folder / "run.h5").turns
    assert not np.isnan(turns["centre_new"]).any()
    assert (turns["steps"] > 0).all()
    assert {*turns["flow_version"]} == {0, 1}
    exported = (tmp_path / "out" / "flow.cvf").read_bytes()
    assert b"near" in exported
    assert b"far" in exported


def test_the_polymer_goes_by_labels():
    assert parse(POLYMER, "cvflow polymer").flow.labels


def test_shapes_have_no_labels(tmp_path):
    config = parse(POLYMER_BEADS | {"flow": {"labels": True}}, "beads")
    with pytest.raises(ConfigError, match=r"flow\.labels: shapes have one density for all states") as caught:
        from_config(config, tmp_path)
    assert "\n" not in str(caught.value)
