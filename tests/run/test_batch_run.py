"""Whole runs on the batch engine, from Python and from files, through store and report."""

import gc
import json
import shutil
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tomli_w
import torch

import cvflow
from cvflow.cli.commands import execute
from cvflow.config.settings import ConfigError, load
from cvflow.core.acceptance import log_acceptance
from cvflow.core.frames import Outcome
from cvflow.core.schedule import Linear
from cvflow.engines.batch.kernels.identity import Identity
from cvflow.engines.batch.paths import Paths
from cvflow.estimate.summary import summarise
from cvflow.proposals import GaussianMixture, Proposal
from cvflow.proposals.fit import FitSettings
from cvflow.proposals.flows import ARCHITECTURES, architecture
from cvflow.proposals.io import from_bytes
from cvflow.proposals.learned import LearnedProposal
from cvflow.run import run_folder
from cvflow.sampler.ensemble import EnsembleState
from cvflow.sampler.loop import Progress
from cvflow.setup import from_config
from cvflow.setup.specification import Setup
from cvflow.store import MemoryStore, read_record
from tests import valley
from tests.engines.batch.stationarity import Jump
from tests.systems.cases import CASES

PROPOSAL = {"means": [[0.0], [4.0]], "sigmas": [[0.9], [1.0]], "weights": [0.5, 0.5]}
AROUND = {"means": [[1.0], [2.2]], "sigmas": [[0.3], [0.3]], "weights": [0.5, 0.5]}
SECTIONS = {
    "run": {"walkers": 8, "adapt_jumps": 0, "jumps": 6, "local_steps": 8, "seed": 5},
    "system": {"python": f"{valley.__file__}:valley"},
    "engine": {"name": "batch"},
    "path": {"kernel": "langevin", "steps": 8, "timestep": 0.3},
    "proposal": PROPOSAL,
}
LEARNED = {"proposal": None, "flow": {"retrain_every": 32}}


def written(folder, **sections):
    """A config file of the sections above, with others merged over them; None takes out a section or a key."""
    whole = dict(SECTIONS)
    for name, values in sections.items():
        whole[name] = {**whole.get(name, {}), **values} if isinstance(values, dict) else values
    whole = {
        name: {key: value for key, value in values.items() if value is not None} if isinstance(values, dict) else values
        for name, values in whole.items()
        if values is not None
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.toml").write_text(tomli_w.dumps(whole))
    return folder / "run.toml"


def begin(folder, watch=lambda progress: None, **sections):
    """Run a config file in its folder, and read the store."""
    config = written(folder, **sections)
    run_folder.begin(from_config(load(config), folder), folder / "out", watch)
    return read_record(folder / "out" / "run.h5")


def test_walkers_that_leave_their_states_before_the_run_are_named(tmp_path):
    """Said on the way, and kept with the run: its states' border lies in the first mode."""
    said, broad = [], {"means": [[0.0], [4.0]], "sigmas": [[2.0], [2.0]], "weights": [0.5, 0.5]}
    states = {"left": "z < 0.5", "right": "z >= 0.5"}
    record = begin(tmp_path, said.append, states=states, proposal=broad)
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


def named(system, **parameters):
    """The [system] section of a built-in."""
    return {"python": None, "name": system, "parameters": parameters}


def chain(folder):
    """What identifies a chain, bit by bit: everything but the clock."""
    turns = read_record(folder / "run.h5").turns
    return {name: turns[name].tobytes() for name in turns.dtype.names if "seconds" not in name}


def sample(out, system=None, **settings):
    run = {"walkers": 8, "adapt_jumps": 0, "jumps": 6, "local_steps": 8, "seed": 5, "proposal": PROPOSAL, "quiet": True}
    path = {"kernel": "langevin", "steps": 8, "timestep": 0.3, **settings.pop("path", {})}
    return cvflow.sample(system or valley.valley(), out=out, path=path, **(run | settings))


@pytest.fixture
def short(monkeypatch):
    """A short equilibration and few epochs."""
    monkeypatch.setattr("cvflow.sampler.walkers.batch.EQUILIBRATION_SAMPLES", 4)
    monkeypatch.setattr("cvflow.setup.specification.FitSettings", partial(FitSettings, epochs=4))


@pytest.fixture
def quick(short, monkeypatch):
    """As little beside the chains as can be: no report either."""
    monkeypatch.setattr("cvflow.run.run_folder.write_report", lambda record, folder: summarise(record))


@pytest.fixture
def undrawn(monkeypatch):
    """A report without figures."""
    monkeypatch.setattr("cvflow.report._illustrations", lambda record, summary: [])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of the valley from Python, long enough for statistics."""
    return sample(tmp_path_factory.mktemp("batch") / "out", walkers=64, jumps=60)


def agrees(result, exact, within):
    """Chain and BAR, both to four of their standard errors, which are small."""
    chains, bar = result.summary["delta_f"][0], result.summary["delta_f_bar"][0]
    for estimate in (chains, bar):
        assert abs(estimate["value_kT"] - exact) < 4 * estimate["stderr_kT"]
        assert estimate["stderr_kT"] < within


def test_the_free_energy_is_the_closed_form(finished):
    agrees(finished, valley.difference(), within=0.1)
    found = finished.delta_f("left", "right")
    assert found.kT == finished.summary["delta_f"][0]["value_kT"]
    assert finished.delta_f("right", "left").kT == pytest.approx(-found.kT)


@pytest.mark.usefixtures("undrawn")
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


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("name", ON)
def test_flows_are_learned_on_circles_and_in_boxes(name, tmp_path):
    """The mode across ±π as well; the network as the config has it."""
    axis, kernel, timestep, steps = ON[name]
    record = begin(
        tmp_path, system=named(name), proposal=None, flow={"retrain_every": 128, "hidden": [16], "bins": 6},
        run={"walkers": 64, "adapt_jumps": 4, "adapt_limit": 1, "jumps": 10, "local_steps": 20, "local_timestep": 0.02},
        path={"kernel": kernel, "steps": steps, "timestep": timestep},
    )  # fmt: skip
    summary, exact = summarise(record), CASES[name].exact.free_energy_difference()
    for estimate in (summary["delta_f"][0], summary["delta_f_bar"][0]):
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


@pytest.mark.usefixtures("undrawn")
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
        "work.png", "acceptance.png", "trace.png", "report.html", "summary.json", "run.log", "run.previous.h5",
    } == {path.name for path in folder.iterdir()}, "neither topology nor trajectory"  # fmt: skip
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["system"], summary["engine"], summary["walkers"]) == ("valley", "batch", 64)
    assert summary["jumps"]["proposed"] == 64 * 60
    made = finished.record.turns["local_steps"]
    assert summary["steps"]["local"] == made.sum()
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


@pytest.mark.usefixtures("quick")
def test_the_same_seed_gives_the_same_chain(tmp_path):
    for name, seed in (("one", 5), ("again", 5), ("other", 6)):
        begin(tmp_path / name, run={"seed": seed})
    one, again, other = (chain(tmp_path / name / "out") for name in ("one", "again", "other"))
    assert one == again
    assert one["work"] != other["work"]


@pytest.mark.usefixtures("quick")
def test_an_interrupted_run_continues_as_if_nothing_had_happened(tmp_path):
    """Interrupted while the flow learns, again in production, and made longer: as in one go."""
    lengths = {"adapt_jumps": 12, "adapt_limit": 1, "jumps": 6}
    begin(tmp_path / "whole", run=lengths, **LEARNED)

    def stopping(after):
        def watch(progress):
            if isinstance(progress, Progress) and progress.turns >= 8 * after:
                raise KeyboardInterrupt

        return watch

    folder = tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        begin(folder, stopping(6), run=lengths | {"jumps": 4}, **LEARNED)
    assert len(read_record(folder / "out" / "run.h5").turns) == 8 * 6
    with pytest.raises(KeyboardInterrupt):
        run_folder.resume(folder / "out", None, stopping(13))
    assert len(read_record(folder / "out" / "run.h5").turns) == 8 * 13
    run_folder.resume(folder / "out", None, lambda progress: None)
    run_folder.resume(folder / "out", 6, lambda progress: None)
    assert chain(folder / "out") == chain(tmp_path / "whole" / "out")
    flows = [read_record(name / "out" / "run.h5").flows for name in (folder, tmp_path / "whole")]
    assert [flow.data for flow in flows[0]] == [flow.data for flow in flows[1]]
    assert len(flows[0]) == 3
    assert load(folder / "out" / "config.resolved.toml").run.jumps == 6


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", [each.kind for each in ARCHITECTURES])
def test_a_flow_of_each_architecture_learns_is_stored_and_goes_on(kind, tmp_path, capsys):
    """From the config's word through training, store, draws and resumption; what flow.cvf can't say is refused."""
    sections = section("two_distances") | LEARNED | {"run": {"walkers": 4, "adapt_jumps": 2, "adapt_limit": 1}}
    sections["flow"] = {"architecture": kind, "hidden": [12], "bins": 5, "retrain_every": 4}
    whole = begin(tmp_path / "long", **sections | {"run": sections["run"] | {"jumps": 4}})
    begin(tmp_path / "cut", **sections | {"run": sections["run"] | {"jumps": 1}})
    run_folder.resume(tmp_path / "cut" / "out", 4, lambda progress: None)
    assert chain(tmp_path / "cut" / "out") == chain(tmp_path / "long" / "out")
    assert load(tmp_path / "cut" / "out" / "config.resolved.toml").flow.architecture == kind
    proposal = from_bytes(whole.flows[-1].data)
    assert isinstance(proposal, LearnedProposal)
    assert proposal.architecture == architecture(kind)(hidden=(12,), bins=5)
    drawn = whole.turns[whole.turns["flow_version"] == 1]
    assert len(drawn) == 4 * 4
    np.testing.assert_allclose(proposal.log_density(drawn["centre_new"]), drawn["log_q_new"], rtol=1e-9)
    code = execute(["plumed", "export", str(tmp_path / "long" / "out")])
    said = capsys.readouterr().err
    assert code == (0 if kind == "spline" else 2)
    assert (f'no form of the architecture "{kind}": run with [flow] architecture = "spline"' in said) == (code == 2)
    assert len(said.splitlines()) == (code == 2)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_a_run_made_longer_is_a_longer_run(precision, tmp_path):
    """The store's frames are in double precision, and are the chains' own to the last bit."""
    begin(tmp_path / "long", engine={"precision": precision})
    begin(tmp_path / "short", run={"jumps": 2}, engine={"precision": precision})
    run_folder.resume(tmp_path / "short" / "out", 6, lambda progress: None)
    assert chain(tmp_path / "short" / "out") == chain(tmp_path / "long" / "out")
    with pytest.raises(ConfigError, match="ask for more"):
        run_folder.resume(tmp_path / "short" / "out", 5, lambda progress: None)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kernel", ["restraint", "euler", "mala", "mala-coin", "langevin", "constrained", "none"])
def test_every_kernel_runs_from_a_file(kernel, tmp_path):
    timestep = 0.05 if kernel in ("euler", "mala", "mala-coin") else 0.3
    path = {"kernel": kernel, "timestep": timestep, "schedule": "cosine"}
    record = begin(tmp_path, path=path, run={"local_timestep": 0.3})
    turns = record.turns
    assert record.header.kernel == kernel
    assert len(turns) == 48
    assert np.isfinite(turns["work"]).all()
    assert 0 < turns["accepted"].sum() < 48
    assert (turns["steps"].max() > 4) == (kernel != "none")
    assert len(record.header.kappa) == (kernel == "restraint")
    strays = np.abs(turns["centre_old"] - turns["cv_old"]).max()
    assert (strays > 1e-3) == (kernel == "restraint")
    assert record.header.exact


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("local", ["hmc", "mala", "ghmc", "langevin"])
def test_every_local_move_runs_from_a_file(local, tmp_path):
    timestep = {"mala": 0.1, "langevin": 0.4}.get(local, 0.3)
    record = begin(tmp_path, run={"local": local, "local_timestep": timestep})
    turns = record.turns
    if local == "hmc":
        assert len(np.unique(turns["local_steps"])) > 2, "drawn afresh each move"
        assert ((turns["local_steps"] >= 4) & (turns["local_steps"] <= 12)).all()
        assert record.header.local_steps == 8
    else:
        assert (turns["local_steps"] == 8).all()
    assert (turns["cv"] != turns["cv_kept"]).mean() > 0.5, "the moves move"
    assert np.isfinite(turns["local_work"]).all()
    assert (turns["local_work"] != 0).any() == (local in ("hmc", "langevin")), "others leave no work"
    assert record.header.exact == (local != "langevin")
    assert ("unadjusted Langevin" in record.header.exact_reason) == (local == "langevin")
    if local == "langevin":
        exact = summarise(record).exact
        assert (exact.value, exact.reason) == (False, record.header.exact_reason)


@pytest.mark.usefixtures("quick")
def test_friction_and_several_cores(tmp_path):
    record = begin(tmp_path, path={"friction": 0.5}, engine={"threads": 2})
    assert (record.turns["heat"] != 0).all()


@pytest.mark.usefixtures("short", "undrawn")
def test_no_local_moves(tmp_path):
    with pytest.warns(UserWarning, match="no local moves between jumps"):
        result = sample(tmp_path, local_steps=0)
    turns = result.record.turns
    np.testing.assert_array_equal(turns["cv"], turns["cv_kept"])
    assert not turns["local_steps"].any()
    assert result.summary["steps"]["local"] == result.summary["local_crossings"] == 0
    assert result.summary["exact"]["value"]
    assert "no local moves" in (tmp_path / "report.html").read_text()


BUILT_IN = {
    "gaussian_tunnel": ({"dim_y": 3}, {"kernel": "langevin", "timestep": 0.5}, [[0.0], [10.0]], 1.0),
    "phi4": ({"n": 16}, {"kernel": "langevin", "timestep": 0.05}, [[-3.0], [3.0]], 1.0),
    "phi4_modes": ({"n": 16}, {"kernel": "constrained", "timestep": 0.1}, [[-3.0], [3.0]], 1.0),
    "dimer": ({"n_particles": 12}, {"kernel": "constrained", "timestep": 0.01}, [[0.0], [1.0]], 0.1),
    "gaussian_mixture": ({"dim": 4}, {"kernel": "mala", "timestep": 0.1}, [[-4.0], [4.0]], 1.0),
    "angle": ({}, {"kernel": "constrained", "timestep": 0.03}, [[1.0], [2.2]], 0.2),
    "torsion": ({}, {"kernel": "constrained", "timestep": 0.02}, [[-0.2], [2.8]], 0.4),
    "ellipsoid": ({"kT": 2.0}, {"kernel": "constrained", "timestep": 0.05}, [[1.0], [2.2]], 0.2),
    "two_distances": ({}, {"kernel": "restraint", "timestep": 0.03}, [[1.0, 1.7], [1.6, 1.1]], 0.15),
}


def section(name):
    """Config sections of a built-in, with a fixed proposal."""
    parameters, path, means, width = BUILT_IN[name]
    sigmas = [[width] * len(mean) for mean in means]
    proposal = {"means": means, "sigmas": sigmas, "weights": [0.5, 0.5]}
    return {"system": named(name, **parameters), "path": path | {"steps": 6}, "proposal": proposal}


def test_these_are_the_built_in_batch_systems():
    from cvflow.systems import BUILT_IN as ALL

    assert set(BUILT_IN) == {name for name, system in ALL.items() if system.engine == "batch"}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_runs_from_a_file(name, tmp_path):
    record = begin(tmp_path, run={"walkers": 4, "jumps": 4}, **section(name))
    turns, states = record.turns, list(record.header.states)
    assert record.header.system == name
    assert record.header.exact
    assert len(turns) == 16
    assert len(states) == 2
    assert np.isfinite(turns["work"]).mean() > 0.5
    assert np.isfinite(turns["cv"]).all()
    assert (turns["local_accepted"]).any()
    assert len(record.flows) == 1


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", [name for name in BUILT_IN if name != "torsion"])
def test_every_built_in_learns_a_flow(name, tmp_path):
    sections = section(name) | LEARNED
    record = begin(
        tmp_path,
        run={"walkers": 4, "adapt_jumps": 2, "adapt_limit": 1, "jumps": 2},
        **sections | {"flow": {"retrain_every": 4}},
    )
    turns = record.turns
    assert [flow.version for flow in record.flows] == [0, 1]
    assert record.flows[1].samples == 4 * (4 + 1)
    assert (turns["flow_version"] == turns["production"]).all()
    learned = [from_bytes(flow.data) for flow in record.flows]
    for version, proposal in enumerate(learned):
        drawn = turns[turns["flow_version"] == version]
        np.testing.assert_allclose(proposal.log_density(drawn["centre_new"]), drawn["log_q_new"], rtol=1e-9)


@pytest.mark.usefixtures("quick")
def test_a_cv_on_a_circle(tmp_path):
    """Everything stored lies in one period, and jumps cross ±π both ways."""
    record = begin(tmp_path, run={"walkers": 16, "jumps": 12}, **section("torsion"))
    turns, pi = record.turns, np.pi
    for name in ("centre_old", "centre_new", "cv_old", "cv_end", "cv"):
        assert ((turns[name] >= -pi) & (turns[name] <= pi)).all(), name
    proposal = from_bytes(record.flows[0].data)
    assert isinstance(proposal, GaussianMixture)
    assert proposal.periods == (2 * pi,)
    way = turns["centre_new"] - turns["centre_old"]
    assert (np.abs(way) > pi).any()
    assert turns["steps"].max() <= np.ceil(6 * pi / record.flows[0].span), "the shortest arc"
    assert turns["accepted"].any()


USERS = {
    "run": {"walkers": 8, "jumps": 3, "local_steps": 8},
    "system": {"python": "theirs.py:valley", "parameters": {"weight": 0.4, "kT": 2}},
    "states": {"left": "a < 2 and w < 100", "right": "a >= 2"},
    "proposal": {"means": [[0.0, 0.0], [4.2, 0.0]], "sigmas": [[0.9, 0.3], [1.0, 0.3]], "weights": [0.5, 0.5]},
    "path": {"kernel": "constrained", "timestep": 0.1},
    "cv": [
        {"name": "a", "python": "theirs.py:across", "range": [-50.0, 50.0], "unit": "nm"},
        {"name": "w", "python": "theirs.py:turn", "period": 1.0},
    ],
}


@pytest.mark.usefixtures("quick")
def test_a_users_file_with_cvs_of_its_own(tmp_path):
    """Names are relative to the config; the resolved config runs from anywhere, to the same chain."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    shutil.copy(valley.__file__, theirs / "theirs.py")
    record = begin(theirs, **USERS)
    header = record.header
    assert (header.cvs, header.units, header.kT) == (["a", "w"], ["nm", ""], 2.0)
    assert header.states == USERS["states"]
    assert record.turns["accepted"].any()
    assert (np.abs(record.turns["centre_new"][:, 1]) <= 0.5).all()
    resolved = load(theirs / "out" / "config.resolved.toml")
    assert resolved.system.python == f"{(theirs / 'theirs.py').resolve()}:valley"
    run_folder.begin(from_config(resolved, Path("/")), tmp_path / "again", lambda progress: None)
    assert chain(tmp_path / "again") == chain(theirs / "out")
    run_folder.resume(tmp_path / "again", 4, lambda progress: None)
    assert len(read_record(tmp_path / "again" / "run.h5").turns) == 32


@pytest.mark.usefixtures("quick")
def test_coordinates_as_cvs(tmp_path):
    """One, which is the system's own; two, which leave nothing to relax; one beside a function."""
    alone = begin(tmp_path / "own", cv=[{"name": "z", "type": "coordinate", "index": 0}])
    system = begin(tmp_path / "default")
    assert alone.turns["work"].tobytes() == system.turns["work"].tobytes()
    both = {"means": [[0.0, 0.0], [4.0, 1.6]], "sigmas": [[0.9, 0.6]] * 2, "weights": [0.5, 0.5]}
    z, y = ({"name": name, "type": "coordinate", "index": index} for index, name in enumerate("zy"))
    turns = begin(tmp_path / "both", cv=[z, y], proposal=both, path={"kernel": "none"}).turns
    assert (turns["steps"] == 1).all()
    np.testing.assert_allclose(turns["cv_end"], turns["centre_new"], atol=1e-12)
    bent = {"name": "bent", "python": f"{valley.__file__}:across"}
    mixed = begin(tmp_path / "mixed", cv=[z, bent], proposal=both, path={"kernel": "constrained", "timestep": 0.1})
    np.testing.assert_allclose(mixed.turns["cv_end"], mixed.turns["centre_new"], atol=1e-9)


@pytest.mark.usefixtures("quick")
def test_a_run_from_memory_cannot_be_resumed(tmp_path, capsys):
    sample(tmp_path / "out", jumps=1)
    before = (tmp_path / "out" / "config.resolved.toml").read_text()
    assert 'python = "<memory>"' in before
    with pytest.raises(ConfigError, match="made by a Python script"):
        run_folder.resume(tmp_path / "out", None, lambda progress: None)
    capsys.readouterr()
    assert execute(["resume", str(tmp_path / "out")]) == 2
    errors = capsys.readouterr().err
    assert "run the script again" in errors
    assert len(errors.splitlines()) == 1
    assert (tmp_path / "out" / "config.resolved.toml").read_text() == before


@pytest.mark.usefixtures("undrawn")
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


class Forgetful(MemoryStore):
    """Throws rows away: what then grows is the run's own."""

    def append_turns(self, turns):
        pass


def made(folder, store, watch, **sections):
    """A run, begun up to its first turn, on a store of one's own; and its executor."""
    setup = from_config(load(written(folder, **sections)), folder)
    executor = setup.walkers.executor(1)
    start = setup.equilibrate(executor)
    kappa = setup.kappa(start.samples)
    kept = store(run_folder.header(setup, kappa, 1), start.samples)
    return setup.run(start, kappa, kept, watch=watch), executor


@pytest.mark.usefixtures("quick")
def test_samples_are_kept_while_a_flow_learns_from_them_and_no_longer(tmp_path):
    counts = []
    learning = {"adapt_jumps": 4, "adapt_limit": 1, "jumps": 8}
    run, executor = made(
        tmp_path, MemoryStore, lambda progress: counts.append(sum(map(len, run._samples))), run=learning, **LEARNED
    )
    with executor:
        run.go(executor)
    assert counts == [1, 2, 3, 4] + [4] * 8
    counts.clear()
    run, executor = made(tmp_path, MemoryStore, lambda progress: counts.append(sum(map(len, run._samples))))
    with executor:
        run.go(executor)
    assert counts == [0] * 6


@pytest.mark.usefixtures("quick")
def test_memory_does_not_grow_with_the_jumps(tmp_path):
    """Between jump 50 and jump 150, with a store that keeps nothing: a row a jump alone would be 1.4 MB."""
    seen = {}

    def watch(progress):
        if progress.turns == 64 * 50:
            tracemalloc.start()
        if progress.turns in (64 * 50, 64 * 150):
            gc.collect()
            tensors = sum(type(thing) is torch.Tensor for thing in gc.get_objects())
            seen[progress.turns] = (tracemalloc.get_traced_memory()[0], tensors)

    run, executor = made(
        tmp_path, Forgetful, watch, run={"walkers": 64, "jumps": 150, "local_steps": 0}, path={"kernel": "none"}
    )
    try:
        with executor:
            run.go(executor)
    finally:
        tracemalloc.stop()
    (_, few), (allocated, many) = seen[64 * 50], seen[64 * 150]
    assert allocated < 200_000
    assert many - few < 20
