"""The CVs that docs/cvs.md shows for a peptide, from the command line to the summary."""

import json
import re
import tomllib
from pathlib import Path
from shutil import copy

import numpy as np
import pytest

from cvflow.cli.commands import execute
from cvflow.store import read_record

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "cvs.md").read_text(), flags=re.DOTALL)
MEANS = {
    "native-contacts": 0.5, "rmsd": 0.4, "path-progress": 3.0, "path-distance": 0.02, "helix-content": 0.6,
    "alpha-beta": 0.5, "puckering-phase": 0.1, "puckering-amplitude": 0.04, "puckering-coordinate": 0.0,
    "puckering-theta": 1.5, "plane-angle": 1.5, "plane-distance": 0.3,
}  # fmt: skip
"""What paths lead to, by the types that the page shows for a peptide whose native structure is a helix."""

MORE = """
[[cv]]
name = "theta"
type = "puckering-theta"
atoms = ["resid 3 and name N CA C", "resid 4 and name N CA C"]
[[cv]]
name = "x"
type = "puckering-coordinate"
atoms = ["resid 3 and name N CA C", "resid 4 and name N CA C"]
axis = "x"
"""
"""Six atoms, since the peptide has no ring of so many."""

RUN = """
run = { walkers = 2, adapt_jumps = 1, adapt_limit = 1, jumps = 2, local_steps = 5 }
path = { steps = 10, timestep = 0.0005, kappa = 5.0 }
engine = { temperature = 300.0, platform = "Reference" }
states = { helix = "q > 0.5", strand = "q <= 0.5" }
[system]
pdb = "native.pdb"
forcefield = ["amber14-all.xml"]
starts = { helix = "native.pdb", strand = "strand.pdb" }
"""


def documented():
    blocks = [block for block in BLOCKS if any(cv.get("type") in MEANS for cv in tomllib.loads(block).get("cv", []))]
    return "\n".join([*blocks, MORE])


@pytest.fixture
def peptide(tmp_path, monkeypatch):
    """Files by the names that the page has for them; a run without the figures of a hundred pairs of CVs."""
    monkeypatch.setattr("cvflow.report.run_illustrations", lambda *of_run: [])
    for file, name in (("helix", "native"), ("unfolded", "strand"), ("unfolding", "unfolding")):
        copy(ROOT / "tests" / "data" / "peptide" / f"{file}.pdb", tmp_path / f"{name}.pdb")
    return tmp_path


def test_they_run_as_they_are_shown(peptide):
    """The settings that the run keeps are the same CVs: it is gone on with."""
    text = documented()
    cvs = tomllib.loads(text)["cv"]
    assert {cv["type"] for cv in cvs} == set(MEANS)
    means, sigmas = [MEANS[cv["type"]] for cv in cvs], [0.005] * len(cvs)
    mixture = f"[proposal]\nmeans = [{means}]\nsigmas = [{sigmas}]\nweights = [1.0]\n"
    (peptide / "run.toml").write_text(RUN + mixture + text)
    out = peptide / "out"
    assert execute(["run", str(peptide / "run.toml"), "--out", str(out), "--quiet", "--workers", "1"]) == 0
    assert execute(["resume", str(out), "--jumps", "3", "--quiet", "--workers", "1"]) == 0
    record = read_record(out / "run.h5")
    assert record.header.cvs == [cv["name"] for cv in cvs]
    assert len(record.turns) == 8
    assert np.isfinite(record.turns["work"]).all()
    assert json.loads((out / "summary.json").read_text())["jumps"]["failed"] == {}
    values = dict(zip(record.header.cvs, record.turns["cv"].T, strict=True))
    assert (np.abs(values["s"] - 3.5) <= 2.5).all()
    assert (values["depth"] > 0.01).all()
    assert (np.abs(values["pucker"]) <= np.pi).all()
