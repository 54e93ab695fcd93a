"""CVs in the config: every type runs end to end, and back into the config; what is refused."""

from math import inf, pi
from pathlib import Path

import numpy as np
import openmm
import pytest
from openmm import app

import cvflow
from cvflow.config.cv_given import PythonSection
from cvflow.config.settings import ConfigError, load, parse
from cvflow.core.frames import Frame
from cvflow.core.units import temperature
from cvflow.cv import combination, from_force, from_torch, resolve
from cvflow.run import run_folder
from cvflow.setup import cv_section, from_config
from cvflow.setup.molecules.cvs import cvs_from, force_cvs
from cvflow.store import read_record
from tests.cv.cases import CASES, draws
from tests.engines import molecule
from tests.setup import asymmetry as shapes
from tests.systems.exact import torsion as exact

CVS = """
[[cv]]
name = "phi"
type = "torsion"
atoms = ["name A", "name B", 2, "name D"]
[[cv]]
name = "r"
type = "distance"
atoms = ["name A", 3]
[[cv]]
name = "a"
type = "angle"
atoms = [0, 1, "index 2"]
[[cv]]
name = "g"
type = "gyration"
atoms = "name A B D"
weights = "mass"
[[cv]]
name = "n"
type = "coordination"
atoms = ["name A"]
atoms2 = "name C D"
r0 = 1.5
[[cv]]
name = "d"
type = "centre-distance"
atoms = [0, 1]
atoms2 = "name D"
weights = [1.0, 2.0]
[[cv]]
name = "s"
type = "combination"
coefficients = [1.0, -1.0]
of = [{ name = "one", type = "distance", atoms = [0, 2] }, { name = "two", type = "force", xml = "bond.xml" }]
[[cv]]
name = "w"
type = "force"
xml = "dihedral.xml"
period = 6.283185307179586
[[cv]]
name = "t"
python = "shapes.py:asymmetry"
atoms = "name A B D"
unit = "nm"
[[cv]]
name = "m"
type = "rmsd"
atoms = "name A B D"
reference = "cis.pdb"
"""

RUN = """
run = {{ walkers = 2, adapt_jumps = 1, adapt_limit = 1, jumps = 3, local_steps = 5 }}
path = {{ steps = 10, timestep = 0.02, kappa = 5.0 }}
engine = {{ temperature = {temperature}, platform = "Reference" }}
states = {{ cis = "-1.7 < phi < 1.25", trans = "phi <= -1.7 or phi >= 1.25" }}
system = {{ xml = "molecule.xml", topology = "cis.pdb", starts = {{ cis = "cis.pdb", trans = "trans.pdb" }} }}
[proposal]
means = [{centre}]
sigmas = [[{sigmas}]]
weights = [1.0]
"""


def topology():
    made = app.Topology()
    chain = made.addChain()
    for name, element in zip("ABCD", (app.element.hydrogen, app.element.helium, app.element.carbon, app.element.argon),
                             strict=True):  # fmt: skip
        made.addAtom(name, element, made.addResidue("MOL", chain))
    return made


def structures():
    x = exact.draw(400, np.random.default_rng(0))
    phi = exact.torsion(x)
    return {"cis": x[np.abs(phi + 0.2) < 0.3][0], "trans": x[np.abs(phi) > 2.9][0]}


@pytest.fixture
def theirs(tmp_path):
    """Files as users have them."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "molecule.xml").write_text(openmm.XmlSerializer.serialize(molecule.system()))
    for name, x in structures().items():
        with (folder / f"{name}.pdb").open("w") as file:
            app.PDBFile.writeFile(topology(), 10 * x, file)
    bond, dihedral = openmm.CustomBondForce("r"), openmm.CustomTorsionForce("theta")
    bond.addBond(1, 3, [])
    dihedral.addTorsion(0, 1, 2, 3, [])
    for name, force in (("bond", bond), ("dihedral", dihedral)):
        (folder / f"{name}.xml").write_text(openmm.XmlSerializer.serialize(force))
    (folder / "shapes.py").write_text(Path(shapes.__file__).read_text())
    return folder


def _cvs(setup):
    return setup.walkers.spec(setup).cvs


def test_every_type_runs_and_resumes(theirs, tmp_path):
    """`cvflow run` of a config with all of them at once."""
    centre = [-1.5, 2.0, 1.9, 1.0, 0.5, 2.0, 0.0, -1.5, 0.0, 0.3]
    sigmas = ", ".join(["2.0"] * len(centre))
    (theirs / "run.toml").write_text(
        RUN.format(temperature=temperature(molecule.KT), centre=centre, sigmas=sigmas) + CVS
    )
    out, setup = tmp_path / "out", from_config(load(theirs / "run.toml"), theirs)
    run_folder.begin(setup, out, lambda progress: None, workers=1)
    for file in ("bond.xml", "dihedral.xml"):
        (theirs / file).unlink()
    run_folder.resume(out, 4, lambda progress: None, workers=1)
    assert _cvs(from_config(load(out / "config.resolved.toml"), out)) == _cvs(setup)
    record = read_record(out / "run.h5")
    assert len(record.turns) == 10
    assert record.header.cvs == ["phi", "r", "a", "g", "n", "d", "s", "w", "t", "m"]
    assert record.header.units == ["rad", "nm", "rad", "nm", "", "nm", "", "", "nm", "nm"]
    cv = {name: record.turns["cv"][:, i] for i, name in enumerate(record.header.cvs)}
    np.testing.assert_allclose(cv["w"], cv["phi"], atol=1e-9)
    for values in ("centre_old", "centre_new", "cv", "cv_end"):
        assert (np.abs(record.turns[values][:, [0, 7]]) <= pi).all()
    assert np.isfinite(record.turns["work"]).all()


@pytest.mark.parametrize(("jumps", "within"), [(160, 0.3), pytest.param(400, 0.2, marks=pytest.mark.slow)])
def test_a_torsion_has_the_free_energy_of_quadrature(jumps, within, tmp_path):
    """From Python, the mode across ±π, local moves and all."""
    starts = structures()
    mixture = {"means": [[-0.2], [2.84]], "sigmas": [[0.5], [0.6]], "weights": [0.4, 0.6]}
    result = cvflow.sample(
        cvflow.openmm_system(topology(), molecule.system(), temperature(molecule.KT)),
        cvs=[cvflow.cv.torsion("phi", "name A", 1, 2, "name D")],
        states={"cis": "-1.7 < phi < 1.25", "trans": "phi <= -1.7 or phi >= 1.25"}, starts=starts, out=tmp_path,
        walkers=4, adapt_jumps=0, jumps=jumps, local_steps=8, path={"steps": 25, "timestep": 0.05, "kappa": 20.0},
        proposal=mixture, engine={"platform": "Reference"}, quiet=True, seed=2,
    )  # fmt: skip
    estimate = result.delta_f("cis", "trans")
    assert estimate.kT_stderr < within
    assert abs(estimate.kT - exact.free_energy_difference()) < 4 * estimate.kT_stderr
    turns = result.record.turns
    for values in ("cv", "cv_end", "centre_old", "centre_new"):
        assert (np.abs(turns[values]) <= pi).all()
    across = np.abs(turns["centre_new"] - turns["centre_old"])[:, 0] > pi
    assert turns["accepted"][across].any(), "jumps across ±π are accepted"
    assert turns["steps"].max() < 2 * 25 * pi / 2.0, "no path goes the long way round"


@pytest.mark.parametrize("name", CASES)
def test_the_config_s_words_give_the_same_cv_back(name, tmp_path):
    cv = CASES[name].cv
    if name == "force on a circle":
        (tmp_path / f"cv_{cv.name}.xml").write_text(cv.force_xml)
    written = parse({"system": {"name": "polymer"}, "cv": [cv_section(cv).model_dump(exclude_none=True)]}, "test")
    (back,) = cvs_from(written.cv, tmp_path, app.Topology())
    assert (back.name, back.unit, back.period, back.range) == (cv.name, cv.unit, cv.period, cv.range)
    assert parse(written.model_dump(exclude_defaults=True), "test") == written, "a type is no default"
    frame = Frame(draws(1)[0], None)
    assert back.evaluate(frame) == pytest.approx(cv.evaluate(frame), rel=1e-12)


class Network:
    """Called, but in no file by name."""

    def __call__(self, x):
        return shapes.asymmetry(x)


def test_a_function_in_no_file_runs_but_cannot_be_resumed(tmp_path):
    section = cv_section(from_torch("t", Network(), [0, 1, 2]))
    with pytest.raises(ConfigError, match="made by a Python script"):
        cvs_from([section], tmp_path, app.Topology())


def test_a_combination_keeps_its_limits(tmp_path):
    section = PythonSection(name="t", python=f"{shapes.__file__}:asymmetry", atoms=[0, 1, 2], range=[-1.0, 1.0])
    (back,) = cvs_from([section], tmp_path, app.Topology())
    assert back.range == (-1.0, 1.0)
    assert cv_section(back).range == [-1.0, 1.0]


ATOMS = {"atoms": [0, 1, 2]}
MISUSE = {
    "no atoms": ({"type": "torsion"}, "a torsion needs atoms = [i, j, k, l]"),
    "a few atoms": ({"type": "torsion", **ATOMS}, "CV x: a torsion needs four different atoms"),
    "half an atom": ({"type": "distance", "atoms": [0, 0.5]}, "cv.0.atoms: atoms are a list of indices"),
    "a true atom": ({"type": "distance", "atoms": [0, True]}, "cv.0.atoms: atoms are a list of indices"),
    "one group": ({"type": "coordination", **ATOMS, "r0": 0.3}, "a coordination needs atoms2 = another group"),
    "no r0": ({"type": "coordination", **ATOMS, "atoms2": [3]}, "a coordination needs r0"),
    "negative r0": ({"type": "coordination", **ATOMS, "atoms2": [3], "r0": -0.3}, "cv.0.r0"),
    "two groups": ({"type": "gyration", **ATOMS, "atoms2": [3]}, "atoms2 is for CVs of type 'coordination'"),
    "weights": ({"type": "gyration", **ATOMS, "weights": "charge"}, "weights"),
    "a period": ({"type": "torsion", "atoms": [0, 1, 2, 3], "period": 6.0}, "a torsion has its own"),
    "no type": ({"type": "distanse", "atoms": [0, 1]}, "cv.0: type is one of distance, angle, torsion"),
    "a type of none": ({"type": "python", "atoms": [0, 1]}, "cv.0: type is one of distance, angle, torsion"),
    "two types": ({"type": "distance", "python": "f.py:f"}, "cv.0: give type = one of distance, angle"),
    "a word of none": ({"type": "distance", "atms": [0, 1]}, "unknown key cv.0.atms; did you mean atoms?"),
    "a range": ({"python": "f.py:f", "range": [1.0, 0.0]}, "cv.0: range needs two rising numbers"),
    "a term's word of none": (
        {"type": "combination", "of": [{"name": "y", "type": "angle", **ATOMS, "foo": 2}], "coefficients": [1.0]},
        "unknown key cv.0.of.0.foo; known are name, type, unit, periodic, atoms",
    ),
    "a term of positions": (
        {"type": "combination", "of": [{"name": "y", "type": "positions", **ATOMS}], "coefficients": [1.0]},
        "cv y: type 'positions' is no CV for others to be made of",
    ),
    "no atom": ({"type": "gyration", "atoms": "name Q"}, "CV x: selection 'name Q' matches no atom"),
    "many atoms": ({"type": "distance", "atoms": ["name A B", 3]}, "matches 2 atoms, [0, 1] ...; one is needed"),
    "no language": ({"type": "gyration", "atoms": "nme A"}, "is no selection for this topology"),
    "an index": ({"type": "coordinate", "index": 0}, "type 'coordinate' is for the batch engine"),
    "python without atoms": ({"python": "shapes.py:asymmetry"}, "OpenMM needs atoms"),
    "no file": ({"python": "none.py:asymmetry", **ATOMS}, "none.py is not a file"),
    "no function": ({"python": "shapes.py:f", **ATOMS}, "has no function f"),
    "no coefficients": ({"type": "combination", "of": []}, "a combination needs coefficients"),
    "no terms": ({"type": "combination", "of": [], "coefficients": []}, "one coefficient a term"),
    "a term without atoms": (
        {"type": "combination", "of": [{"name": "y", "type": "angle"}], "coefficients": [1.0]},
        "an angle needs atoms",
    ),
    "a jump": (
        {
            "type": "combination",
            "of": [{"name": "y", "type": "torsion", "atoms": [0, 1, 2, 3]}],
            "coefficients": [1.0],
        },
        "would jump where y is wrapped",
    ),
    "half a pair": (
        {"type": "native-contacts", **ATOMS, "reference": "cis.pdb", "pairs": [[0]]},
        "cv.0.pairs.0: ",
    ),
    "no reference": ({"type": "native-contacts", **ATOMS}, "a native-contacts needs reference = a PDB file, or a list"),
    "no contacts": (
        {"type": "native-contacts", **ATOMS, "reference": "cis.pdb"},
        "CV x: no two of its atoms in the reference are within 0.45 nm and of residues 4 apart",
    ),
    "no XML": ({"type": "force", "xml": "none.xml"}, "cannot be read"),
    "a System": ({"type": "force", "xml": "molecule.xml"}, "holds no OpenMM Force"),
}


@pytest.mark.parametrize("what", MISUSE)
def test_misuse_is_one_line(what, theirs):
    section, mend = MISUSE[what]
    with pytest.raises(ValueError) as error:
        cvs_from(
            parse({"system": {"name": "polymer"}, "cv": [{"name": "x", **section}]}, "test").cv, theirs, topology()
        )
    assert mend in str(error.value)
    assert "\n" not in str(error.value)


def test_force_files_of_terms_are_written_too():
    force = openmm.CustomBondForce("r")
    force.addBond(0, 1, [])
    inner, outer = from_force("b", force), from_force("c", force)
    assert list(force_cvs([combination("s", {inner: 1.0}), outer])) == [inner, outer]
    assert resolve(combination("s", {inner: 1.0}), app.Topology()).period == inf
