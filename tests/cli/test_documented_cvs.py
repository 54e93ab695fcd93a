"""The CVs that docs/cvs.md shows for a peptide, from the command line to the summary."""

import json
import re
import tomllib
from pathlib import Path
from shutil import copy

import pytest

from cvflow.cli.commands import execute
from cvflow.store import read_record

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "cvs.md").read_text(), flags=re.DOTALL)
SHOWN = {"native-contacts", "rmsd"}
"""Types that the page shows for a peptide whose native structure is a helix."""

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
    blocks = [block for block in BLOCKS if any(cv.get("type") in SHOWN for cv in tomllib.loads(block).get("cv", []))]
    return "\n".join(blocks)


@pytest.fixture
def peptide(tmp_path):
    """Files by the names that the page has for them."""
    for file, name in (("helix", "native"), ("unfolded", "strand"), ("unfolding", "unfolding")):
        copy(ROOT / "tests" / "data" / "peptide" / f"{file}.pdb", tmp_path / f"{name}.pdb")
    return tmp_path


def test_they_run_as_they_are_shown(peptide):
    text = documented()
    kinds = [cv["type"] for cv in tomllib.loads(text)["cv"]]
    assert set(kinds) == SHOWN
    mixture = f"[proposal]\nmeans = [{[0.5] * len(kinds)}]\nsigmas = [{[2.0] * len(kinds)}]\nweights = [1.0]\n"
    (peptide / "run.toml").write_text(RUN + mixture + text)
    out = peptide / "out"
    assert execute(["run", str(peptide / "run.toml"), "--out", str(out), "--quiet"]) == 0
    record = read_record(out / "run.h5")
    assert record.header.cvs == [cv["name"] for cv in tomllib.loads(text)["cv"]]
    assert len(record.turns) == 6
    assert json.loads((out / "summary.json").read_text())["jumps"]["failed"] == {}
    assert execute(["resume", str(out), "--jumps", "3", "--quiet"]) == 0, "the settings that the run keeps"
