"""ASE's systems through `cvflow.sample`: the same chain as from a config, resumed alike, and misuse in one line."""

import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import cvflow
from cvflow.cli.commands import execute
from cvflow.run import run_folder
from cvflow.setup import from_objects
from cvflow.store import read_record
from tests.figures import undrawn

STATES = {"octahedron": "a < 0.22", "capped": "a >= 0.22"}
RUN = {"walkers": 2, "adapt_jumps": 3, "adapt_limit": 1, "jumps": 4, "local_steps": 3, "seed": 2}
PATH = {"steps": 6, "timestep": 0.015, "kappa": 500.0}
DOCUMENT = Path(__file__).parents[1] / "docs" / "ase.md"


@pytest.fixture
def silver(ase):
    from tests import silver

    return silver


def sample(silver, out, **changed):
    settings = {"cvs": [cvflow.cv.anisotropy("a", "name Ag")], "states": STATES, "path": PATH, "quiet": True} | RUN
    starts = {"octahedron": silver.cluster(), "capped": silver.capped()}
    return cvflow.sample(
        cvflow.ase_system(silver.cluster, temperature=300.0), **settings | {"starts": starts, "out": out} | changed
    )


def chain(folder):
    """What identifies a chain, bit by bit: everything but the clock."""
    turns = read_record(folder / "run.h5").turns
    return {name: turns[name].tobytes() for name in turns.dtype.names if "seconds" not in name}


@pytest.fixture(scope="module", autouse=True)
def without_pictures():
    with undrawn():
        yield


@pytest.fixture(scope="module")
def finished(ase, without_pictures, tmp_path_factory):
    from tests import silver

    return sample(silver, tmp_path_factory.mktemp("api") / "out", workers=2)


def test_it_is_the_run_of_the_config(silver, finished, tmp_path):
    """A function by its name, starts in files: the same chain from both ways in, from worker processes too."""
    from ase.io import write

    for name, atoms in (("low.xyz", silver.cluster()), ("high.xyz", silver.capped())):
        write(tmp_path / name, atoms, format="xyz", fmt="%.17g")
    (tmp_path / "run.toml").write_text(
        f"""
        run = {{ walkers = 2, adapt_jumps = 3, adapt_limit = 1, jumps = 4, local_steps = 3, seed = 2 }}
        engine = {{ name = "ase", temperature = 300.0 }}
        path = {{ steps = 6, timestep = 0.015, kappa = 500.0 }}
        states = {{ octahedron = "a < 0.22", capped = "a >= 0.22" }}
        [system]
        python = "{silver.__file__}:cluster"
        starts = {{ octahedron = "low.xyz", capped = "high.xyz" }}
        [[cv]]
        name = "a"
        type = "anisotropy"
        atoms = "name Ag"
        """
    )
    out = tmp_path / "out"
    assert execute(["run", str(tmp_path / "run.toml"), "--out", str(out), "--quiet", "--workers", "1"]) == 0
    assert chain(out) == chain(finished.folder)
    assert len(finished.record.turns) == 14
    assert finished.record.header.engine == "ase"
    assert finished.summary["exact"]["value"]


def test_a_run_is_resumed_from_its_folder(silver, finished, tmp_path):
    sample(silver, tmp_path, jumps=2, workers=1)
    assert chain(tmp_path) != chain(finished.folder)
    run_folder.resume(tmp_path, RUN["jumps"], lambda progress: None, 1)
    assert chain(tmp_path) == chain(finished.folder)


def setup(silver, starts, temperature=300.0, **parameters):
    system = cvflow.ase_system(silver.cluster, temperature, parameters)
    cvs = [cvflow.cv.anisotropy("a", range(6))]
    return from_objects(system, {"states": STATES, "run": {"walkers": len(starts)}}, cvs, starts)


def test_a_start_is_an_atoms_a_file_or_an_array(silver, tmp_path):
    from ase.io import write

    write(tmp_path / "a.extxyz", silver.capped())
    starts = [silver.capped(), tmp_path / "a.extxyz", str(tmp_path / "a.extxyz"), 0.1 * silver.CAPPED]
    for start in starts:
        frames = setup(silver, {"octahedron": silver.cluster(), "capped": start}).walkers.starts
        np.testing.assert_allclose(frames[1].positions, 0.1 * silver.CAPPED, atol=1e-9)
        assert frames[1].box is None


def test_a_start_without_a_cell_is_in_the_system_s(silver):
    """Otherwise it would be in that of the path before."""
    starts = {"octahedron": silver.cluster(cell=30.0), "capped": silver.capped()}
    built = setup(silver, starts, cell=30.0)
    assert [frame.box[0, 0] for frame in built.walkers.starts] == [3.0, 3.0]
    assert "capped; in the system's own box, 3 x 3 x 3 nm" in built.opening_words[1]
    with pytest.raises(ValueError, match="the starts have different boxes, octahedron of 2 x 2 x 2 nm"):
        setup(silver, starts | {"octahedron": silver.cluster(cell=20.0)}, cell=30.0)
    built = setup(silver, starts)
    assert [frame.box for frame in built.walkers.starts] == [None, None]


def test_parameters_go_to_the_function_and_into_the_config(silver):
    starts = {"octahedron": silver.cluster(number=29), "capped": silver.capped(number=29)}
    built = setup(silver, starts, number=29)
    assert [atom.name for atom in built.topology.atoms()] == ["Cu"] * 6
    assert built.config.system.parameters == {"number": 29}
    assert built.config.system.python == f"{silver.__file__}:cluster"
    assert built.config.path.timestep == 0.001
    assert built.kT == pytest.approx(300.0 * 0.00831446261815324)


SYSTEMS = {
    "a lambda": (lambda silver: silver.nameless, "'<lambda>' is not at the top level of a file"),
    "a function inside another": (lambda silver: lambda: silver.cluster(), "not at the top level of a file"),
    "no calculator": (lambda silver: silver.without_calculator, "the ase.Atoms has no calculator"),
    "another class": (lambda silver: Fraction, "it has to be an ase.Atoms"),
    "no colon": (lambda silver: "silver.py", 'not of the form "file.py:function"'),
    "no file": (lambda silver: "nowhere.py:cluster", "nowhere.py is not a file"),
    "no such function": (lambda silver: f"{silver.__file__}:prism", "has no function prism"),
}


@pytest.mark.parametrize("what", SYSTEMS)
def test_what_is_no_system(what, silver):
    source, mend = SYSTEMS[what]
    with pytest.raises(ValueError, match=re.escape(mend)) as error:
        cvflow.ase_system(source(silver), temperature=300.0)
    assert "\n" not in str(error.value)


def test_what_the_function_does_not_take(silver):
    with pytest.raises(ValueError, match="fails: TypeError") as error:
        cvflow.ase_system(silver.cluster, 300.0, {"charge": 1})
    assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="cluster fails: NotImplementedError: No EMT-potential for Fe"):
        cvflow.ase_system(silver.cluster, 300.0, {"number": 26})
    with pytest.raises(ValueError, match="temperature"):
        cvflow.ase_system(silver.cluster, temperature=0.0)


MISUSE = {
    "no starts": ({"starts": {}}, "starts is empty"),
    "an unknown state": ({"starts": {"prism": 0.1 * np.eye(3)}}, "unknown state 'prism'"),
    "no structure": ({"starts": {"capped": 3}}, "starts['capped'] is of type int: give an ase.Atoms, a file or"),
    "no file": (
        {"starts": {"capped": "nowhere.xyz"}},
        "starts['capped']: reading nowhere.xyz by ase.io fails: FileNotFoundError",
    ),
    "too few atoms": ({"starts": {"capped": 0.1 * np.eye(3)}}, "positions of shape (3, 3), the system has 6 atoms"),
    "another temperature": ({"engine": {"temperature": 400.0}}, "engine.temperature = 400.0 is refused"),
    "another engine": ({"engine": {"name": "openmm"}}, "engine.name = 'openmm' is refused: the system has 'ase'"),
    "a platform": ({"engine": {"platform": "CPU"}}, "platform is another engine's word"),
    "no CV": ({"cvs": []}, "cvs is empty: give at least one"),
}


@pytest.mark.parametrize("what", MISUSE)
def test_misuse_is_one_line_and_nothing_is_written(what, silver, tmp_path):
    changed, mend = MISUSE[what]
    with pytest.raises(ValueError, match=re.escape(mend)) as error:
        sample(silver, tmp_path / "out", **changed)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_other_atoms_are_refused(silver, tmp_path):
    copper = {"octahedron": silver.cluster(), "capped": silver.capped(number=29)}
    with pytest.raises(ValueError, match=r"starts\['capped'\]: atom 0 is Cu there and Ag in the system"):
        sample(silver, tmp_path / "out", starts=copper)


def run_script(folder):
    return subprocess.run(
        [sys.executable, "-W", "error", "script.py"], cwd=folder, capture_output=True, text=True, timeout=600
    )


def test_scripts_that_cannot_be_taken_apart(ase, tmp_path):
    """Imported once more for its function, one without its guard would make the system again, and again."""
    (tmp_path / "script.py").write_text(
        """
import cvflow
from ase import Atoms

try:
    cvflow.ase_system(Atoms("Ag6"), temperature=300.0)
except ValueError as error:
    print(error)


def cluster(): ...


cvflow.ase_system(cluster, temperature=300.0)
"""
    )
    done = run_script(tmp_path)
    assert "ase_system: Atoms objects are neither stored nor sent to worker processes" in done.stdout
    assert done.returncode == 1
    assert 'put the call under if __name__ == "__main__":' in done.stderr.splitlines()[-1]


def test_the_snippet_of_the_documentation_runs(ase, tmp_path):
    """As it stands, with fewer jumps and shorter local moves."""
    (snippet,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    shorter, changed = re.subn(r"(jumps|local_steps)=\d+0", r"\1=2", snippet)
    assert changed == 3
    (tmp_path / "script.py").write_text(shorter)
    done = run_script(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "FreeEnergy(kT=" in done.stdout
    assert (tmp_path / "silver" / "report.html").is_file()
    assert "script.py:cluster" in (tmp_path / "silver" / "config.resolved.toml").read_text()
