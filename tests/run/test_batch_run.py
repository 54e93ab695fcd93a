"""Whole runs on the batch engine, through store and report: free energies, flows, acceptances."""

import json
from functools import partial

import numpy as np
import pytest

from cvflow.core.acceptance import log_acceptance
from cvflow.estimate.summary import summarise
from cvflow.proposals.fit import FitSettings
from cvflow.proposals.io import from_bytes
from cvflow.proposals.learned import LearnedProposal
from tests import valley
from tests.figures import drawn
from tests.run.valley_run import agrees, begin, named, sample
from tests.systems.cases import CASES


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of the valley from Python, long enough for statistics."""
    with drawn():
        return sample(tmp_path_factory.mktemp("batch") / "out", walkers=64, jumps=60)


def test_the_free_energy_is_the_closed_form(finished):
    agrees(finished, valley.difference(), within=0.1)
    found = finished.delta_f("left", "right")
    assert found.kT == finished.summary["delta_f"][0]["value_kT"]
    assert finished.delta_f("right", "left").kT == pytest.approx(-found.kT)


def test_a_learned_flow_on_a_soft_restraint_finds_it_too(tmp_path, monkeypatch):
    """Another kT: works are in kT, energies are not."""
    monkeypatch.setattr("cvflow.setup.specification.FitSettings", partial(FitSettings, epochs=40))
    result = sample(
        tmp_path, valley.valley(weight=0.4, kT=2.5), walkers=128, adapt_jumps=4, adapt_limit=1, jumps=30, proposal=None,
        flow={"retrain_every": 256}, path={"kernel": "restraint", "steps": 12, "timestep": 0.2},
    )  # fmt: skip
    agrees(result, valley.difference(0.4), within=0.12)
    assert result.delta_f("left", "right").kJ_mol == pytest.approx(2.5 * result.delta_f("left", "right").kT)
    assert result.summary["flow"]["trainings"] == 2
    turns = result.record.turns
    assert set(turns["flow_version"][turns["production"]]) == {1}
    assert isinstance(from_bytes(result.record.flows[-1].data), LearnedProposal)


ON = {"torsion": ("circle", "restraint", 0.03, 120), "angle": ("box", "constrained", 0.03, 8)}
"""What the CV of a system lives on for a kernel, with time step and number of steps."""


@pytest.mark.parametrize("name", ON)
def test_flows_are_learned_on_circles_and_in_boxes(name, tmp_path):
    """The mode across ±π as well; the network as the config has it."""
    axis, kernel, timestep, steps = ON[name]
    record = begin(
        tmp_path, system=named(name), proposal=None, flow={"retrain_every": 128, "hidden": [16], "bins": 6},
        run={
            "walkers": 64, "equilibration_moves": 24, "adapt_jumps": 4, "adapt_limit": 1, "jumps": 10,
            "local_steps": 20, "local_timestep": 0.02,
        },
        path={"kernel": kernel, "steps": steps, "timestep": timestep},
    )  # fmt: skip
    summary, exact = summarise(record), CASES[name].exact.free_energy_difference()
    for estimate in (summary["delta_f"][0], summary["delta_f_chain"][0], summary["delta_f_bar"][0]):
        assert abs(estimate["value_kT"] - exact) < 4 * estimate["stderr_kT"]
        assert estimate["stderr_kT"] < 0.5
    assert summary["jumps"]["between_states"]["accepted"] > 10
    proposal = from_bytes(record.flows[-1].data)
    assert isinstance(proposal, LearnedProposal)
    assert [each.value for each in proposal.standard.domains] == [axis]
    assert (proposal.architecture.hidden, proposal.architecture.bins) == ((16,), 6)
    flow = summary["flow"]
    assert flow["trainings"] == 2
    assert 20 < flow["effective_samples"] < flow["samples"]
    assert flow["training_nll"] == pytest.approx(flow["holdout_nll"], abs=0.3)
    page = (tmp_path / "out" / "report.html").read_text()
    assert f"{flow['samples']:,} samples worth {flow['effective_samples']:,.0f} independent ones" in page
    assert f"{record.flows[-1].kept_epoch} of {record.flows[-1].epochs}" in page


def test_single_precision_finds_it_too(tmp_path):
    result = sample(tmp_path, walkers=128, jumps=25, engine={"precision": "float32"})
    agrees(result, valley.difference(), within=0.12)
    turns = result.record.turns
    np.testing.assert_array_equal(turns["cv"], turns["cv"].astype(np.float32))
    again = log_acceptance(turns["log_q_old"], turns["log_q_new"], turns["work"])
    np.testing.assert_allclose(again, turns["log_acceptance"], atol=1e-5)


def test_the_folder_holds_a_report_of_a_model(finished):
    folder = finished.folder
    assert {
        "config.resolved.toml", "run.h5", "COLVAR", "jumps.dat", "flow.safetensors", "flow.cvf", "fes.dat", "fes_z.png",
        "fes_z.dat", "delta_f.png", "delta_f.dat", "convergence.png", "convergence.dat", "work.dat",
        "work.png", "acceptance.png", "trace.png", "report.html", "summary.json", "run.log", "run.previous.h5",
    } == {path.name for path in folder.iterdir()}, "neither topology nor trajectory"  # fmt: skip
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["system"], summary["engine"], summary["walkers"]) == ("valley", "batch", 64)
    assert summary["jumps"]["proposed"] == 64 * 60
    made = finished.record.turns["local_steps"]
    assert summary["steps"]["local"] == made[finished.record.turns["production"]].sum()
    lengths = made.reshape(64, 60)
    assert (lengths == lengths[0]).all(), "one length a move, for all chains"
    assert abs(lengths[0].mean() - 8) < 4 * np.sqrt(20 / 3 / 60), "drawn from 4 to 12"
    assert summary["exact"] == {
        "value": True,
        "reason": "paths are accepted by their path ratio, local moves are Metropolised",
    }
    assert finished.record.header.kappa == []
    assert finished.record.header.kernel == "langevin"
    assert finished.plot_fes("z").axes


def test_every_acceptance_can_be_computed_again_from_the_store(finished):
    """log a from its ingredients, log q from the stored flow, and each turn from where the last one ended."""
    turns = finished.record.turns
    again = log_acceptance(turns["log_q_old"], turns["log_q_new"], turns["work"])
    np.testing.assert_array_equal(again, turns["log_acceptance"])
    proposal = from_bytes(finished.record.flows[-1].data)
    np.testing.assert_allclose(proposal.log_density(turns["centre_old"]), turns["log_q_old"], atol=1e-12)
    np.testing.assert_allclose(proposal.log_density(turns["centre_new"]), turns["log_q_new"], atol=1e-12)
    kept = np.where(turns["accepted"][:, None], turns["cv_end"], turns["cv_old"])
    np.testing.assert_array_equal(kept, turns["cv_kept"])
    np.testing.assert_array_equal(turns["centre_old"], turns["cv_old"])
    np.testing.assert_allclose(turns["centre_new"], turns["cv_end"], atol=1e-12)
    walkers = turns.reshape(64, 60)
    np.testing.assert_array_equal(walkers["cv"][:, :-1], walkers["cv_old"][:, 1:])
    ends = np.array([frame.positions[0] for frame in finished.record.commit.frames])
    np.testing.assert_array_equal(ends, walkers["cv"][:, -1, 0])


def test_acceptances_follow_from_their_ratios(finished):
    """As many accepted as the ratios say, to four standard errors of a sum of coin flips."""
    turns = finished.record.turns
    chance = np.exp(np.minimum(turns["log_acceptance"], 0.0))
    error = np.sqrt((chance * (1 - chance)).sum())
    assert abs(turns["accepted"].sum() - chance.sum()) < 4 * error
