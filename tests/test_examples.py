"""The examples run, and their answers are right."""

import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path

import MDAnalysis
import numpy as np
import pytest
import torch
from MDAnalysis.analysis.rms import rmsd

import cvflow
from cvflow.cli.commands import execute
from cvflow.config.settings import load
from cvflow.core.states import States
from cvflow.store import read_record

EXAMPLES = Path(__file__).parents[1] / "examples"


SHORTER = pytest.param("walkers=4, adapt_jumps=20, adapt_limit=1, jumps=120,", 0.5, id="shorter")
WHOLE = pytest.param("walkers=4, adapt_jumps=40, jumps=500,", 0.25, id="whole", marks=pytest.mark.slow)


@pytest.mark.parametrize(("length", "within"), [SHORTER, WHOLE])
def test_custom_cv(length, within, tmp_path):
    """Against an importance-sampled quadrature of 4e7 draws, made once without cvflow: 1.1421 ± 0.0006 kT."""
    text, (whole, _) = (EXAMPLES / "custom_cv.py").read_text(), WHOLE.values
    assert whole in text
    (tmp_path / "custom_cv.py").write_text(text.replace(whole, length))
    command = [sys.executable, "-W", "error", "custom_cv.py", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    for estimate in (summary["delta_f"][0], summary["delta_f_chain"][0], summary["delta_f_bar"][0]):
        assert abs(estimate["value_kT"] - 1.1421) < 4 * estimate["stderr_kT"]
        assert estimate["stderr_kT"] < within
    assert f"{summary['delta_f'][0]['value_kT']:.2f}" in done.stdout


@pytest.fixture(scope="module")
def torch_potential():
    """The example as a module."""
    spec = importlib.util.spec_from_file_location("torch_potential", EXAMPLES / "torch_potential.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def difference(example):
    """Exact F(down) - F(up) of the ring: quadrature in polar coordinates."""
    angle, radius = np.linspace(-np.pi, np.pi, 721)[:-1] + np.pi / 720, np.linspace(1e-3, 5, 1000)
    turn, r = np.meshgrid(angle, radius, indexing="ij")
    x = torch.tensor(np.stack([r * np.cos(turn), r * np.sin(turn)], axis=-1).reshape(-1, 2))
    weight = (r * np.exp(-example.potential(x).numpy().reshape(r.shape))).sum(axis=1)
    return -math.log(weight[angle <= 0].sum() / weight[angle > 0].sum())


def test_torch_potential(torch_potential, tmp_path, monkeypatch, capsys):
    """What `main` does, with an eighth of the jumps: its own system, kernel, proposal and states."""
    monkeypatch.setattr("cvflow.report.run_illustrations", lambda *of_run: [])
    done, sample = [], cvflow.sample

    def fewer(system, **settings):
        short = {"jumps": 25, "local_steps": 8, "equilibration_moves": 8, "out": tmp_path / settings["out"]}
        done.append(sample(system, **settings | short))
        return done[-1]

    monkeypatch.setattr(cvflow, "sample", fewer)
    torch_potential.main()
    (result,) = done
    exact = difference(torch_potential)
    for estimate in (*result.summary["delta_f"], *result.summary["delta_f_chain"], *result.summary["delta_f_bar"]):
        assert (estimate["from"], estimate["to"]) == ("up", "down")
        assert abs(estimate["value_kT"] - exact) < 4 * estimate["stderr_kT"]
        assert estimate["stderr_kT"] < 0.2
    assert f"kT={result.delta_f('up', 'down').kT}" in capsys.readouterr().out
    assert result.summary["exact"]["value"]
    assert result.summary["jumps"]["failed"].get("constraint not met", 0) < 0.2 * result.summary["jumps"]["proposed"]


def test_torch_potential_from_a_config(torch_potential, tmp_path, monkeypatch):
    """As its docstring says: python = "torch_potential.py:ring"."""
    monkeypatch.setattr("cvflow.report.run_illustrations", lambda *of_run: [])
    (tmp_path / "torch_potential.py").write_text((EXAMPLES / "torch_potential.py").read_text())
    (tmp_path / "ring.toml").write_text(
        """
        run = { walkers = 4, adapt_jumps = 0, jumps = 2, local_steps = 4 }
        system = { python = "torch_potential.py:ring" }
        engine = { name = "batch" }
        path = { kernel = "constrained", steps = 8, timestep = 0.1 }
        proposal = { means = [[1.57], [-1.57]], sigmas = [[0.5], [0.5]], weights = [0.5, 0.5] }
        """
    )
    assert execute(["run", str(tmp_path / "ring.toml"), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["system"] == "ring"


def test_tunnel(tmp_path):
    """The config with a shorter adaptation, against the closed form that its comment gives."""
    exact = math.log(0.3 / 0.7)
    text = (EXAMPLES / "tunnel.toml").read_text()
    assert f"ln(0.3/0.7) = {exact:.3f} kT" in text
    shorter = ("run.adapt_jumps=15", "run.adapt_limit=1", "flow.retrain_every=320")
    settings = [word for setting in shorter for word in ("--set", setting)]
    command = [sys.executable, "-W", "error", "-c", "from cvflow.cli.commands import main; main()", "run"]
    done = subprocess.run(
        [*command, str(EXAMPLES / "tunnel.toml"), "--out", "out", *settings], capture_output=True, text=True,
        timeout=600, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    for estimate in (summary["delta_f"][0], summary["delta_f_chain"][0], summary["delta_f_bar"][0]):
        assert abs(estimate["value_kT"] - exact) < 4 * estimate["stderr_kT"]
        assert estimate["stderr_kT"] < 0.2
    assert summary["exact"]["value"]
    assert summary["flow"]["trainings"] > 2
    assert "ΔF left → right" in done.stdout


def test_the_tunnel_s_settings_are_those_of_the_example():
    """What is shortened above is there to be shortened, and the rest is run as it stands."""
    config = load(EXAMPLES / "tunnel.toml")
    assert (config.run.walkers, config.path.kernel, config.system.name) == (64, "langevin", "gaussian_tunnel")
    assert config.run.adapt_jumps > 15
    assert config.run.jumps > 25
    assert config.flow is not None


def test_ag6(ase, tmp_path):
    """Over ASE, end to end from the command line: a flow that is learned, with fewer jumps and shorter local moves."""
    shorter = ("run.adapt_jumps=8", "run.adapt_limit=1", "run.jumps=3", "run.local_steps=4", "flow.retrain_every=8")
    settings = [word for setting in shorter for word in ("--set", setting)]
    command = [sys.executable, "-W", "error", "-c", "from cvflow.cli.commands import main; main()", "run"]
    done = subprocess.run(
        [*command, str(EXAMPLES / "ag6.toml"), "--out", "out", "--quiet", *settings], capture_output=True, text=True,
        timeout=600, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "ΔF octahedron → capped" in done.stdout
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["system"], summary["exact"]["value"]) == ("ag6", True)
    assert summary["flow"]["trainings"] > 1
    assert summary["jumps"]["proposed"] == 12
    assert not summary["jumps"]["failed"]
    config = load(EXAMPLES / "ag6.toml")
    assert (config.engine.name, config.engine.temperature, config.run.walkers) == ("ase", 300.0, 4)
    assert config.flow is not None
    assert config.run.adapt_jumps > 8
    assert config.run.jumps > 100


def shortened(config, out, *settings):
    """Run an example as a user does, with these settings; returns its summary."""
    words = [word for setting in settings for word in ("--set", setting)]
    command = [sys.executable, "-W", "error", "-c", "from cvflow.cli.commands import main; main()", "run"]
    done = subprocess.run(
        [*command, str(EXAMPLES / config), "--out", str(out), "--quiet", *words], capture_output=True, text=True,
        timeout=600, cwd=out.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads((out / "summary.json").read_text())


FEW_JUMPS = ("run.adapt_jumps=8", "run.adapt_limit=1", "run.jumps=2", "flow.retrain_every=8", "run.local_steps=4")


TETRAPEPTIDE = {
    "tetrapeptide.toml": (["phi3", "psi3"], ()),
    "six_torsions.toml": (["phi1", "psi1", "phi2", "psi2", "phi3", "psi3"], ("run.equilibration_moves=24",)),
}


@pytest.mark.parametrize("config", ["tetrapeptide.toml", pytest.param("six_torsions.toml", marks=pytest.mark.slow)])
def test_tetrapeptide(config, tmp_path):
    """Torsions from one structure: the other state's start is made."""
    names, settings = TETRAPEPTIDE[config]
    summary = shortened(f"tetrapeptide/{config}", tmp_path / "out", "path.steps=20", *FEW_JUMPS, *settings)
    assert (summary["exact"]["value"], summary["jumps"]["proposed"]) == (True, 8)
    assert not summary["jumps"]["failed"]
    assert (tmp_path / "out" / "start_left.pdb").is_file()
    record = read_record(tmp_path / "out" / "run.h5")
    assert record.header.cvs == names
    states = States(record.header.states, record.header.cvs)
    assert sorted(states.assign(record.pilot[:, -1])) == [0, 0, 1, 1]


def test_proline(tmp_path):
    """An RMSD, whose reference is one of the starts."""
    summary = shortened("proline/proline.toml", tmp_path / "out", "path.steps=200", *FEW_JUMPS)
    assert (summary["exact"]["value"], summary["jumps"]["proposed"]) == (True, 8)
    assert not summary["jumps"]["failed"]
    record = read_record(tmp_path / "out" / "run.h5")
    assert record.header.cvs == ["m"]
    assert sorted(States(record.header.states, record.header.cvs).assign(record.pilot[:, -1])) == [0, 0, 1, 1]


def test_proline_s_starts_are_what_their_script_makes(tmp_path):
    """Hydrogens are placed at random before they go downhill; the heavy atoms come out alike."""
    folder = EXAMPLES / "proline"
    subprocess.run([sys.executable, str(folder / "make_starts.py"), str(tmp_path)], check=True, timeout=600)
    for name in ("cis.pdb", "trans.pdb"):
        made, kept = MDAnalysis.Universe(tmp_path / name), MDAnalysis.Universe(folder / name)
        assert list(made.atoms.names) == list(kept.atoms.names)
        heavy = [universe.select_atoms("not name H*").positions for universe in (made, kept)]
        assert rmsd(*heavy, superposition=True) < 0.1  # Å


def test_butane(ase, tmp_path):
    """A semi-empirical potential through ASE."""
    pytest.importorskip("tblite", reason="NO TBLITE: its example is not run (pip install tblite)")
    summary = shortened("butane/butane.toml", tmp_path / "out", "path.steps=10", *FEW_JUMPS)
    assert (summary["exact"]["value"], summary["jumps"]["proposed"]) == (True, 8)
    assert not summary["jumps"]["failed"]
    record = read_record(tmp_path / "out" / "run.h5")
    assert sorted(States(record.header.states, record.header.cvs).assign(record.pilot[:, -1])) == [0, 0, 1, 1]


def test_butane_on_a_surrogate(ase, tmp_path):
    """Its force field, which was fitted, is near enough for paths to be accepted."""
    pytest.importorskip("tblite", reason="NO TBLITE: its example is not run (pip install tblite)")
    summary = shortened("butane/surrogate.toml", tmp_path / "out", "path.steps=100", *FEW_JUMPS)
    record = read_record(tmp_path / "out" / "run.h5")
    assert summary["exact"]["value"]
    assert len(record.turns) < summary["true_energies"] <= 2 * len(record.turns)
    assert record.turns["local_accepted"].mean() > 0.4
