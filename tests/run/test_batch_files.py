"""Every kernel, local move, built-in system and CV of the batch engine, run from a config file."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from cvflow.cli.commands import execute
from cvflow.config.settings import ConfigError, load
from cvflow.estimate.summary import summarise
from cvflow.proposals import GaussianMixture
from cvflow.proposals.io import from_bytes
from cvflow.run import run_folder
from cvflow.setup import from_config
from cvflow.store import read_record
from tests import valley
from tests.run.valley_run import BUILT_IN, LEARNED, begin, chain, made, quick, sample, section, short  # noqa: F401


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


@pytest.mark.usefixtures("short")
def test_no_local_moves(tmp_path):
    with pytest.warns(UserWarning, match="no local moves between jumps"):
        result = sample(tmp_path, local_steps=0)
    turns = result.record.turns
    np.testing.assert_array_equal(turns["cv"], turns["cv_kept"])
    assert not turns["local_steps"].any()
    assert result.summary["steps"]["local"] == result.summary["local_crossings"] == 0
    assert result.summary["exact"]["value"]
    assert "no local moves" in (tmp_path / "report.html").read_text()


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
