"""docs/tools.md: every block of Python, against the real libraries, on the run that the page speaks of."""

import ast
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path
from shutil import which

import nbformat
import numpy as np
import pytest

from tests.figures import undrawn

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "tools.md").read_text(), flags=re.DOTALL)
NEEDS = {"alchemlyb": "alchemlyb", "to_arviz": "arviz_base", "to_mlcolvar": "mlcolvar"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The run of the notebook, whose works shall have no weights, and which needs no such precision here."""
    notebook = nbformat.read(ROOT / "examples" / "two_bond_lengths.ipynb", as_version=4)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"][:3]
    source = "\n".join(cells).replace('"timestep": 0.004', '"timestep": 0.004, "early_rejection": False')
    place = tmp_path_factory.mktemp("page")
    source = source.replace('out="two-bond-lengths"', f'out="{place}/two-bond-lengths", quiet=True')
    with undrawn():
        exec(source, {"__name__": "page"})
    return place


@pytest.fixture
def run(folder, monkeypatch):
    """Blocks of the page by a word that they have, after the first one."""
    monkeypatch.chdir(folder)

    def run(word):
        if (needed := NEEDS.get(word)) and find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed")
        names = {"np": np}
        (block,) = [block for block in BLOCKS if word in block]
        with undrawn():
            exec(BLOCKS[0] + block, names)
        return names

    return run


def test_pandas(run):
    names = run("result.turns()")
    assert names["shares"].sum() == pytest.approx(1)
    assert set(names["shares"].index) <= {"short", "long", ""}
    assert len(names["jumps"]) == len(names["turns"]) == len(names["result"].record.turns)


def test_arviz(run, capsys):
    names = run("to_arviz")
    assert float(capsys.readouterr().out.split()[-1]) == pytest.approx(names["result"].summary.rhat["r"], abs=1e-6)


def test_mdanalysis(run):
    """The frame that is shown is the one that the numbers are of: to XTC's 0.001 nm."""
    names = run("universe(walker=0)")
    record = names["result"].record
    chain = record.turns[record.turns["walker"] == 0]
    assert np.allclose(names["lengths"], 10 * chain["cv"][:, 0], atol=0.02)
    assert np.array_equal(names["weights"], chain["production"])
    assert names["mean"] == pytest.approx(10 * chain["cv"][chain["production"], 0].mean(), abs=0.01)
    frames = names["universe"].trajectory
    assert [ts.data["r"] for ts in frames[5:8]] == chain["cv"][5:8, 0].tolist()
    assert all(ts.data["state"] == (ts.data["r"] >= 0.3) for ts in frames)


def test_frames_that_are_missing_shift_no_numbers(run):
    """They are found by their times."""
    result = run("universe(walker=0)")["result"]
    record = result.record
    odd = record.turns[(record.turns["walker"] != 0) | (record.turns["jump"] % 2 == 1)]
    from cvflow.report.other_tools import universe

    chain = odd[odd["walker"] == 0]
    frames = universe(record._replace(turns=odd), result.folder, 0).trajectory
    assert [frames[jump].data["r"] for jump in (1, 5, 99)] == [chain["cv"][place, 0] for place in (0, 2, 49)]


def test_alchemlyb(run):
    names = run("alchemlyb")
    bar, found = names["result"].summary.delta_f_bar[0], names["estimate"]
    error = found.d_delta_f_.loc[0.0, 1.0]
    assert found.delta_f_.loc[0.0, 1.0] == pytest.approx(bar.value_kT, abs=2 * error)
    assert error < 0.5


def test_mlcolvar(run):
    found = run("to_mlcolvar")["training_set"]
    assert found["data"].shape[1] == 1
    assert np.array_equal(found["labels"] == 1, found["data"][:, 0] >= 3.0)


def test_plumed(run, folder):
    """PLUMED's own program reads COLVAR, and its histogram is that of production."""
    if which("plumed") is None:
        pytest.skip("PLUMED is not installed")
    table = run("result.turns()")["made"]
    page = (ROOT / "docs" / "tools.md").read_text()
    text = re.search(r"by READ, here into a histogram:\n\n((?:    .*\n)+)", page)[1]
    (folder / "plumed.dat").write_text(text)
    done = subprocess.run(["plumed", "driver", "--noatoms", "--plumed", "plumed.dat"], cwd=folder, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    r, density, _ = np.loadtxt(folder / "histo.dat").T
    assert density.sum() == pytest.approx(1, abs=1e-4)
    assert (r * density).sum() == pytest.approx(table.r.mean(), abs=0.006)
    assert density[r >= 0.295].sum() == pytest.approx((table.state == "long").mean(), abs=0.02)


def test_every_block_has_its_test():
    words = ["cvflow.resume", "result.turns()", "to_arviz", "universe(walker=0)", "alchemlyb", "to_mlcolvar"]
    assert len(BLOCKS) == len(words)
    assert all(ast.parse(block) and word in block for word, block in zip(words, BLOCKS, strict=True))
