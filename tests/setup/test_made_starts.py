"""Starts for states that have none: where they lie, what is looked at, and what is refused."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from openmm import app

import cvflow
from cvflow.cli.commands import execute
from cvflow.config.settings import ConfigError, load
from cvflow.core.states import States
from cvflow.sampler.walkers.pulling import pull
from cvflow.setup import from_config, from_objects
from cvflow.setup.files.topology_file import topology_text
from cvflow.setup.starts.region import deciding, points_inside
from cvflow.setup.starts.same_geometry import changes
from cvflow.store import read_record
from cvflow.systems.peptide import alanine_dipeptide_positions, alanine_dipeptide_topology

EXAMPLE = Path(__file__).parents[2] / "examples" / "alanine"
SHORT = [
    "run.walkers=2", "run.adapt_jumps=3", "run.adapt_limit=1", "run.jumps=3", "run.local_steps=20", "path.steps=60",
]  # fmt: skip
ONE = 'starts = { C7eq = "c7eq.pdb" }'
CIRCLE, LINE = 2 * np.pi, np.inf

REGIONS = {
    "an interval": ({"a": "x < 1", "b": "1 <= x < 3"}, [0.0], [LINE], [(-LINE, LINE)], [2.0]),
    "beyond a border, as far as the start is before it": (
        {"a": "x < 1", "b": "x >= 1"}, [0.4], [LINE], [(0.0, LINE)], [1.6],
    ),
    "between a border and what is possible": ({"a": "x >= 0.2", "b": "x < 0.2"}, [0.5], [LINE], [(0.0, LINE)], [0.1]),
    "across the ends of a circle": (
        {"a": "0 < x < 2", "b": "x <= 0 or x >= 2"}, [1.0], [CIRCLE], [(-np.pi, np.pi)], [-2.14159],
    ),
    "the deeper of two pieces": (
        {"a": "x < 0", "b": "0 < x < 1 or 2 < x < 4"}, [-1.0], [LINE], [(-LINE, LINE)], [3.0],
    ),
    "what an earlier state leaves": ({"a": "x < 2", "b": "x < 4"}, [0.0], [LINE], [(-LINE, LINE)], [3.0]),
    "two CVs": (
        {"a": "x < 0", "b": "x > 1 and x < 2 and not (y < 5 or y > 7)"}, [-1.0, 0.0], [LINE, LINE],
        [(-LINE, LINE)] * 2, [1.5, 6.0],
    ),
    "with another CV": (
        {"a": "x < 0 and y < 3", "b": "x >= 0"}, [-1.0, 9.0], [LINE] * 2, [(-LINE, LINE)] * 2, None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REGIONS)
def test_a_point_lies_well_inside_its_state(what):
    expressions, start, periods, ranges, expected = REGIONS[what]
    names = ["x", "y"][: len(start)]
    states = States(expressions, names)
    found = points_inside(states, 1, np.array(start), np.array(periods), ranges, 3)
    assert 1 <= len(found) <= 3
    assert (states.assign(found) == 1).all()
    if expected is not None:
        np.testing.assert_allclose(found[0], expected, atol=0.05 * max(1.0, float(np.abs(expected).max())))


def test_cvs_that_do_not_decide_keep_the_start_s_values():
    states = States({"b": "x >= 0", "a": "y < 1"}, ["x", "y"])
    assert deciding(states, 0) == [0]
    assert deciding(states, 1) == [0, 1]
    found = points_inside(states, 0, np.array([-1.0, 9.0]), np.array([LINE] * 2), [(-LINE, LINE)] * 2, 3)
    assert (found[:, 1] == 9.0).all()


def test_comparisons_of_two_cvs_are_searched():
    states = States({"a": "x < y", "b": "x >= y"}, ["x", "y"])
    found = points_inside(states, 1, np.array([0.0, 1.0]), np.array([LINE] * 2), [(-LINE, LINE)] * 2, 3)
    assert (found[:, 0] > found[:, 1]).all()


def test_a_state_that_holds_nothing_has_no_point():
    states = States({"a": "x < 1", "b": "x < 0.5"}, ["x"])
    assert len(points_inside(states, 1, np.array([0.7]), np.array([LINE]), [(-LINE, LINE)], 3)) == 0


TOPOLOGY = alanine_dipeptide_topology()
AMIDE = (4, 6)


def turned(positions, first, second, moved, angle):
    """The positions with some atoms turned about a bond."""
    axis = positions[second] - positions[first]
    axis /= np.linalg.norm(axis)
    x = positions.copy()
    arm = x[moved] - x[first]
    along = np.outer(arm @ axis, axis)
    x[moved] = x[first] + along + np.cos(angle) * (arm - along) + np.sin(angle) * np.cross(axis, arm)
    return x


def test_another_conformation_is_the_same_molecule():
    one, other = alanine_dipeptide_positions(-1.4, 1.0), alanine_dipeptide_positions(1.1, -0.8)
    assert list(changes(one, other, TOPOLOGY, [])) == []


def test_what_no_conformation_changes_is_found():
    one = alanine_dipeptide_positions(-1.4, 1.0)
    mirrored = one * [1, 1, -1]
    assert "the chirality at CA of ALA 2 is inverted" in list(changes(one, mirrored, TOPOLOGY, []))
    cis = turned(one, *AMIDE, list(range(7, 22)), np.pi)
    said = "the bond C of ACE 1 to N of ALA 2 has turned between cis and trans"
    assert list(changes(one, cis, TOPOLOGY, [])) == [said]
    assert list(changes(one, cis, TOPOLOGY, [frozenset(AMIDE)])) == []
    assert list(changes(one, one + 3.0, TOPOLOGY, [])) == []
    assert any("times as long" in word for word in changes(one, np.concatenate([one[:21], one[21:] * 2]), TOPOLOGY, []))


@pytest.fixture
def folder(tmp_path):
    """A user's copy of the example, with one structure."""
    shutil.copytree(EXAMPLE, tmp_path / "mine")
    text = (tmp_path / "mine" / "config.toml").read_text()
    (tmp_path / "mine" / "config.toml").write_text(
        text.replace('starts = { C7eq = "c7eq.pdb", C7ax = "c7ax.pdb" }', ONE)
    )
    (tmp_path / "mine" / "c7ax.pdb").unlink()
    return tmp_path / "mine"


def build(folder, *settings):
    return from_config(load(folder / "config.toml", [*SHORT, *settings]), folder)


def completed(setup):
    with ThreadPoolExecutor(1) as executor:
        return setup.completed(executor)


def run(folder, out, *more):
    words = [word for setting in (*SHORT, *more) for word in ("--set", setting)]
    return execute(["run", str(folder / "config.toml"), "--out", str(folder / out), "--quiet", *words])


def test_one_structure_is_enough(folder, capsys):
    """From C7eq alone: C7ax is made, kept, used, and not made again."""
    assert run(folder, "out", "run.walkers=3") == 0
    shown = capsys.readouterr().out
    assert "making starts for C7ax" in shown
    assert "made from C7eq" in shown
    out = folder / "out"
    record = read_record(out / "run.h5")
    (said,) = (note for note in record.header.notes if note.startswith("start C7ax"))
    assert "made from C7eq by 10000 steps of pulling to phi = 1.05: work " in said
    assert "bonds, chirality and amide bonds as before" in said
    assert not any(note.startswith("warning: no walker starts") for note in record.header.notes)
    summary = json.loads((out / "summary.json").read_text())
    assert summary["states"]["C7ax"]["started"] == 1
    assert summary["states"]["C7eq"]["started"] == 2
    assert summary["exact"]["value"]
    pdb = app.PDBFile(str(out / "start_C7ax.pdb"))
    given = app.PDBFile(str(folder / "c7eq.pdb"))
    assert [atom.name for atom in pdb.topology.atoms()] == [atom.name for atom in given.topology.atoms()]
    kept = (out / "start_C7ax.pdb").read_text()
    (out / "start_C7ax.pdb").unlink()
    assert execute(["resume", str(out), "--jumps", "5", "--quiet"]) == 0
    assert not (out / "start_C7ax.pdb").exists()
    setup = completed(build(folder, "run.walkers=3"))
    assert topology_text(setup.topology, setup.made["C7ax"]) == kept


def test_what_is_kept_is_the_start_itself(folder):
    """A run from the kept file is the same run."""
    setup = completed(build(folder))
    assert setup.walkers.missing == ()
    assert list(setup.made) == ["C7ax"]
    (folder / "start_C7ax.pdb").write_text(topology_text(setup.topology, setup.made["C7ax"]))
    given = build(folder, "system.starts.C7ax='start_C7ax.pdb'")
    for ours, theirs in zip(setup.walkers.starts, given.walkers.starts, strict=True):
        np.testing.assert_allclose(ours.positions, theirs.positions, atol=1e-9)
    np.testing.assert_allclose(setup.opening.points, given.opening.points, atol=1e-6)


def test_it_follows_from_the_seed_alone(folder):
    one, same, other = (completed(build(folder, f"run.seed={seed}")).made["C7ax"] for seed in (1, 1, 2))
    assert np.array_equal(one.positions, same.positions)
    assert not np.array_equal(one.positions, other.positions)


def test_python_makes_them_too(folder):
    pdb = app.PDBFile(str(folder / "c7eq.pdb"))
    system = cvflow.openmm_system(pdb.topology, app.ForceField("amber14-all.xml"), 300, hydrogen_mass=4)
    setup = from_objects(
        system,
        {"states": {"left": "phi < 0", "right": "phi >= 0"}, "run": {"walkers": 2}, "path": {"timestep": 0.0015},
         "engine": {"platform": "Reference"}},
        [cvflow.cv.torsion("phi", 4, 6, 8, 14)],
        {"left": pdb},
    )  # fmt: skip
    made = completed(setup)
    assert made.states.assign(made.opening.points).tolist() == [0, 1]


def test_ase_s_states_are_made_alike(ase):
    from tests import silver

    system = cvflow.ase_system(silver.cluster, 300.0)
    sections = {
        "states": {"octahedron": "a < 0.22", "capped": "a >= 0.22"}, "run": {"walkers": 2},
        "path": {"steps": 30, "timestep": 0.015},
    }  # fmt: skip
    setup = from_objects(system, sections, [cvflow.cv.anisotropy("a", range(6))], {"octahedron": silver.cluster()})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cvflow.setup.made_starts.SHORTEST", 400)
        made = completed(setup)
    assert made.states.assign(made.opening.points).tolist() == [0, 1]
    assert "no bonds are known" in made.opening_words[1]


IMPOSSIBLE = {
    "a broken bond": (
        'name = "d"\ntype = "distance"\natoms = [4, 6]', {"near": "d < 0.25", "far": "d >= 0.25"},
        "let go, it is in near",
    ),
    "the other hand": (
        'name = "h"\ntype = "torsion"\natoms = [6, 8, 14, 10]', {"near": "h < 0", "far": "h >= 0"},
        "let go, it is in near",
    ),
    "nothing": ('name = "d"\ntype = "distance"\natoms = [1, 18]', {"near": "d < 5", "far": "d < 1"}, "no point of it"),
}  # fmt: skip


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_what_cannot_be_made_is_said_in_one_line(what, folder, capsys):
    words, states, mend = IMPOSSIBLE[what]
    text = (folder / "config.toml").read_text()
    head, path = text[: text.index("[[cv]]")], text[text.index("[path]") :]
    named = "\n".join(f'{name} = "{expression}"' for name, expression in states.items())
    (folder / "config.toml").write_text(
        f"{head.replace('C7eq = ', 'near = ')}\n[[cv]]\n{words}\n[states]\n{named}\n{path}"
    )
    assert run(folder, "out", "path.kappa='auto'") == 1
    said = capsys.readouterr().err
    assert "the state far has no start, and none could be made from near" in said
    assert mend in said
    assert len(said.strip().splitlines()) == 1
    assert not (folder / "out" / "run.h5").exists()


def test_a_structure_that_is_another_molecule_is_refused(folder, monkeypatch):
    """Though it lies in the state."""
    setup = build(folder)

    def mirrored(spec, order, states, friction):
        found = pull(spec, order, states, friction)
        return found._replace(frame=found.frame._replace(positions=found.frame.positions * [1, 1, -1]))

    monkeypatch.setattr("cvflow.setup.made_starts.pull", mirrored)
    with pytest.raises(ArithmeticError, match=r"the chirality at .* is inverted"):
        completed(setup)


def test_an_amide_bond_is_turned_where_its_torsion_is_the_cv(folder):
    """On purpose; a CV of other atoms may not."""
    text = (folder / "config.toml").read_text()
    head, path = text[: text.index("[[cv]]")].replace("C7eq = ", "trans = "), text[text.index("[path]") :]
    cv = '[[cv]]\nname = "omega"\ntype = "torsion"\natoms = [1, 4, 6, 8]\n'
    states = '[states]\ntrans = "omega < -1.6 or omega > 1.6"\ncis = "-1.2 < omega < 1.2"\n'
    (folder / "config.toml").write_text(head + cv + states + path)
    made = completed(build(folder, "path.kappa='auto'"))
    assert abs(made.opening.points[1, 0]) < 0.5
    fault = changes(made.walkers.starts[0].positions, made.made["cis"].positions, made.topology, [])
    assert "has turned between cis and trans" in next(fault)


def test_a_third_state_that_cannot_be_made_is_a_warning(folder):
    shutil.copy(EXAMPLE / "c7ax.pdb", folder)
    setup = build(
        folder, "system.starts.C7ax='c7ax.pdb'", "states.nowhere='phi > 4'", "run.walkers=3"
    )
    assert setup.walkers.missing == ("nowhere",)
    assert setup.notes == ()
    made = completed(setup)
    assert made.made == {}
    assert made.notes[0].startswith("warning: the state nowhere has no start, and none could be made")
    assert "no walker starts in nowhere" in made.notes[1]
    assert len(made.walkers.starts) == 3


def test_starts_are_made_for_walkers_that_are_there(folder):
    """One walker in one state is refused as before, before anything is computed."""
    with pytest.raises(ConfigError, match="one walker starts in one state"):
        build(folder, "run.walkers=1")
    shutil.copy(EXAMPLE / "c7ax.pdb", folder)
    setup = build(folder, "system.starts.C7ax='c7ax.pdb'", "states.alpha='phi > 2.9'")
    assert setup.walkers.missing == ()
    assert "no walker starts in alpha" in setup.notes[0]


def test_no_file_of_a_user_s_is_written_over(folder, capsys):
    (folder / "out").mkdir()
    (folder / "out" / "start_C7ax.pdb").write_text("mine")
    assert run(folder, "out") == 2
    assert "holds start_C7ax.pdb and no run" in capsys.readouterr().err
    assert (folder / "out" / "start_C7ax.pdb").read_text() == "mine"
