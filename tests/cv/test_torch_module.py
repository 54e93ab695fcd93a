"""CVs that are torch modules with their weights beside them, mlcolvar's among them."""

import importlib.util
import json
import pickle
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from shutil import copy

import numpy as np
import pytest
import torch
from openmm import app
from safetensors.torch import save_model

from cvflow.cli.commands import execute
from cvflow.config.settings import parse
from cvflow.core.frames import Frame
from cvflow.cv import from_module
from cvflow.host.functions import NamedFunction, load_function
from cvflow.setup import cv_section
from cvflow.setup.molecules.cvs import cvs_from
from cvflow.store import read_record
from tests.cv import networks
from tests.cv.cases import draws

ROOT = Path(__file__).parents[2]
needs_mlcolvar = pytest.mark.skipif(
    importlib.util.find_spec("mlcolvar") is None,
    reason="NO MLCOLVAR: its networks as CVs are not tested (pip install mlcolvar)",
)


def saved(build, folder, seed=0):
    """A network whose normalisation has seen something, and the file of its weights."""
    torch.manual_seed(seed)
    module = build().train()
    module(torch.rand(50, 3, 3) if build is not networks.mlcolvar_network else torch.rand(50, 4, 3))
    save_model(module, str(folder / "weights.safetensors"))
    return module, folder / "weights.safetensors"


def test_it_is_the_module_in_eval_mode_and_double_precision(tmp_path):
    module, weights = saved(networks.network, tmp_path)
    cv = from_module("t", networks.network, weights, [7, 1, 3])
    module.eval().double()
    for x in draws(3):
        batch = torch.from_numpy(x[[7, 1, 3]])[None].requires_grad_()
        expected = module(batch)[0, 0]
        (slope,) = torch.autograd.grad(expected, batch)
        value, gradient = cv.value_and_gradient(Frame(x, None))
        assert value == pytest.approx(expected.item(), rel=1e-12)
        assert value == cv.evaluate(Frame(x, None)), "nothing is dropped out"
        np.testing.assert_allclose(gradient[[7, 1, 3]], slope[0].numpy(), rtol=1e-10)


def test_it_travels_by_name(tmp_path):
    _, weights = saved(networks.network, tmp_path)
    cv = from_module("t", networks.network, weights, [7, 1, 3])
    there = pickle.loads(pickle.dumps(cv))
    assert (there, hash(there)) == (cv, hash(cv))
    assert len(pickle.dumps(cv)) < 2000, "and its weights do not"
    section = cv_section(cv)
    assert (section.python.rpartition(":")[2], section.weights) == ("network", str(weights))
    assert section.files == (section.python.rpartition(":")[0], str(weights))


RUN = """
run = {{ walkers = 2, adapt_jumps = 1, adapt_limit = 1, jumps = 2, local_steps = 5 }}
path = {{ steps = 10, timestep = 0.0005, kappa = 5.0 }}
engine = {{ temperature = 300.0, platform = "Reference" }}
states = {{ helix = "q > 0.7", strand = "q <= 0.7" }}
proposal = {{ means = [[0.6, 0.0]], sigmas = [[0.1, 0.5]], weights = [1.0] }}
[system]
pdb = "helix.pdb"
forcefield = ["amber14-all.xml"]
starts = {{ helix = "helix.pdb", strand = "unfolded.pdb" }}
[[cv]]
name = "q"
type = "helix-content"
atoms = "resid 2-6"
[[cv]]
name = "t"
python = "networks.py:{build}"
weights = "weights.safetensors"
atoms = {atoms}
"""


def run(folder, build, atoms):
    for file in ("helix.pdb", "unfolded.pdb"):
        copy(ROOT / "tests" / "data" / "peptide" / file, folder)
    copy(networks.__file__, folder)
    module, _ = saved(getattr(networks, build), folder)
    (folder / "run.toml").write_text(RUN.format(build=build, atoms=json.dumps(atoms)))
    assert execute(["run", str(folder / "run.toml"), "--out", str(folder / "out"), "--quiet", "--workers", "1"]) == 0
    record = read_record(folder / "out" / "run.h5")
    assert len(record.turns) == 6
    assert np.isfinite(record.turns["work"]).all()
    return module.eval().double(), record


@pytest.fixture
def without_figures(monkeypatch):
    """Nobody looks at them here."""
    monkeypatch.setattr("cvflow.report.run_illustrations", lambda *of_run: [])


@pytest.mark.usefixtures("without_figures")
def test_a_run_from_the_command_line_and_changed_weights(tmp_path, capsys):
    run(tmp_path, "network", ["resid 2 and name CA", "resid 4 and name CA", "resid 6 and name CA"])
    assert execute(["resume", str(tmp_path / "out"), "--jumps", "3", "--quiet", "--workers", "1"]) == 0
    saved(networks.network, tmp_path, seed=1)
    assert execute(["resume", str(tmp_path / "out"), "--jumps", "4", "--quiet", "--workers", "1"]) == 2
    assert "weights.safetensors" in capsys.readouterr().err


@needs_mlcolvar
@pytest.mark.usefixtures("without_figures")
def test_a_network_of_mlcolvar_runs_and_has_its_values(tmp_path):
    module, record = run(tmp_path, "mlcolvar_network", "name CA and resid 2-5")
    cv = from_module("t", networks.mlcolvar_network, tmp_path / "weights.safetensors", [7, 1, 3, 2])
    for x in draws(3):
        batch = torch.from_numpy(x[[7, 1, 3, 2]])[None].requires_grad_()
        value, gradient = cv.value_and_gradient(Frame(x, None))
        expected = module(batch)[0, 0]
        assert value == pytest.approx(expected.item(), rel=1e-10)
        (slope,) = torch.autograd.grad(expected, batch)
        np.testing.assert_allclose(gradient[[7, 1, 3, 2]], slope[0].numpy(), rtol=1e-8, atol=1e-12)
    assert np.ptp(record.turns["cv"][:, 1]) > 0


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (networks.two_outputs, "holds no weights of this module"),
        (networks.no_module, "gives no torch module, but 3"),
        (networks.failing, "failing fails: RuntimeError: no data"),
        (lambda: networks.network(), "is not at the top level of a file"),
    ],
)
def test_misuse_is_one_line(build, words, tmp_path):
    _, weights = saved(networks.network, tmp_path)
    with pytest.raises(ValueError) as error:
        from_module("t", build, weights, [0, 1, 2])
    assert words in str(error.value)
    assert str(error.value).startswith("CV t: ")
    assert "\n" not in str(error.value)


def test_what_is_no_file_of_weights(tmp_path):
    file = tmp_path / "weights.safetensors"
    with pytest.raises(ValueError, match=r"weights.safetensors cannot be read"):
        from_module("t", networks.network, file, [0, 1, 2])
    for content in (b"", b"PK\x03\x04 a pickle"):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"weights.safetensors holds no weights of this module"):
            from_module("t", networks.network, file, [0, 1, 2])


def test_weights_that_are_trained_anew_are_another_cv(tmp_path):
    """In one process, by the same file's name."""
    frame, cvs = Frame(draws(1)[0], None), []
    for seed in (0, 1):
        _, weights = saved(networks.network, tmp_path, seed)
        cvs.append(from_module("t", networks.network, weights, [0, 1, 2]))
    assert cvs[0] != cvs[1]
    assert cvs[0].evaluate(frame) != cvs[1].evaluate(frame)
    with pytest.raises(ValueError, match="has changed since the CV was made of it"):
        replace(cvs[0].function, build=NamedFunction(f"{networks.__file__}:failing"))(torch.zeros(1, 3, 3))


def test_two_numbers_are_refused(tmp_path):
    _, weights = saved(networks.two_outputs, tmp_path)
    with pytest.raises(ValueError, match=r"CV t: the function must take positions .* gives shape \(1, 2\)"):
        from_module("t", networks.two_outputs, weights, [0, 1, 2]).evaluate(Frame(draws(1)[0], None))


def test_the_page_s_network_is_one(tmp_path):
    """What docs/cvs.md shows, code and words."""
    blocks = re.findall(r"```(\w+)\n(.*?)```", (ROOT / "docs" / "cvs.md").read_text(), flags=re.DOTALL)
    (code,) = (text for kind, text in blocks if kind == "python" and "def network" in text)
    (words,) = (text for kind, text in blocks if kind == "toml" and "network.safetensors" in text)
    (tmp_path / "network.py").write_text(code)
    module = load_function(f"{tmp_path}/network.py:network", "the page")()
    save_model(module, str(tmp_path / "network.safetensors"))
    (section,) = parse({"system": {"name": "polymer"}, **tomllib.loads(words)}, "the page").cv
    topology = app.PDBFile(str(ROOT / "tests" / "data" / "peptide" / "helix.pdb")).topology
    (cv,) = cvs_from([section], tmp_path, topology)
    x = np.random.default_rng(0).uniform(0, 1, (topology.getNumAtoms(), 3))
    expected = module.double()(torch.from_numpy(x[list(cv.atoms)])[None])
    assert cv.evaluate(Frame(x, None)) == pytest.approx(expected.item(), rel=1e-12)
