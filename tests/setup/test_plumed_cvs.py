"""PLUMED's text as a CV from the config to the report, and what is refused on the way."""

import json

import numpy as np
import openmm
import pytest

from cvflow.cli.commands import execute
from cvflow.config.settings import ConfigError, load, parse
from cvflow.core.units import temperature
from cvflow.setup import from_config
from cvflow.store import read_record
from tests.cv.with_plumed import needs_plumed
from tests.engines import molecule
from tests.setup.test_cvs import RUN, theirs  # noqa: F401

CVS = '''
[[cv]]
name = "phi"
plumed = """
# PLUMED counts from 1
phi: TORSION ATOMS=1,2,3,4
"""
[[cv]]
name = "native"
type = "torsion"
atoms = [0, 1, 2, 3]
[[cv]]
name = "s"
type = "combination"
coefficients = [1.0, 2.0]
of = [
  { name = "com", plumed = "c: COM ATOMS=1-3\\ncom: DISTANCE ATOMS=c,4" },
  { name = "r", type = "distance", atoms = [0, 2] },
]
'''


@pytest.fixture
def config(theirs):  # noqa: F811
    settings = RUN.format(temperature=temperature(molecule.KT), centre=[-1.5, -1.5, 6.0], sigmas="2.0, 2.0, 3.0")
    (theirs / "run.toml").write_text(settings + CVS)
    return theirs / "run.toml"


@needs_plumed
def test_a_run_from_the_command_line_and_on(config, tmp_path):
    out = tmp_path / "out"
    assert execute(["run", str(config), "--out", str(out), "--quiet", "--workers", "1"]) == 0
    assert execute(["resume", str(out), "--jumps", "4", "--quiet"]) == 0
    record = read_record(out / "run.h5")
    assert record.header.periods == pytest.approx([2 * np.pi, 2 * np.pi, None])
    for values in ("cv", "cv_end", "cv_kept"):
        np.testing.assert_allclose(record.turns[values][:, 0], record.turns[values][:, 1], atol=1e-9)
    assert np.isfinite(record.turns["work"]).all()
    assert json.loads((out / "summary.json").read_text())["exact"]["value"]


@needs_plumed
def test_what_is_stored_of_it_is_its_text(config):
    setup = from_config(load(config), config.parent)
    stored = setup.files["system.xml"]
    assert "Python" not in stored
    assert openmm.XmlSerializer.deserialize(stored).getNumForces() == molecule.system().getNumForces()
    assert "TORSION" in setup.config.to_toml()


@needs_plumed
def test_masses_are_those_of_the_system(config):
    setup = from_config(load(config), config.parent)
    engine, frame = setup.walkers.spec(setup).build(), setup.walkers.starts[0]
    x, masses = frame.positions, np.array(molecule.MASSES)
    centre = masses[:3] @ x[:3] / masses[:3].sum()
    expected = np.linalg.norm(x[3] - centre) + 2 * np.linalg.norm(x[2] - x[0])
    assert engine.cv_values(frame)[2] == pytest.approx(expected, rel=1e-9)


MISUSE = {
    "an atom that is not there": ('"phi: TORSION ATOMS=1,2,3,5"', "atom 5 out of range"),
    "no label": ('"TORSION ATOMS=1,2,3,4"', "no number with the label phi"),
    "no action": ('"phi: DIHEDRAL ATOMS=1,2,3,4"', 'Action "DIHEDRAL" is not known'),
    "other units": ('"UNITS LENGTH=A\\nphi: TORSION ATOMS=1,2,3,4"', "UNITS is refused"),
}


@needs_plumed
@pytest.mark.parametrize("what", MISUSE)
def test_misuse_is_one_line_and_nothing_is_written(what, config, tmp_path, capsys):
    text, mend = MISUSE[what]
    lines = config.read_text().split("[[cv]]")
    lines[1] = f'\nname = "phi"\nplumed = {text}\n'
    config.write_text("[[cv]]".join(lines))
    assert execute(["run", str(config), "--out", str(tmp_path / "out"), "--quiet"]) == 2
    (said,) = capsys.readouterr().err.strip().splitlines()
    assert mend in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "mend"),
    [
        ({"type": "distance", "atoms": [0, 1]}, "give type = one of"),
        ({"python": "f.py:f"}, "give type = one of"),
        ({"atoms": [0, 1]}, "atoms is for CVs of type"),
        ({"period": 3.0}, "a PLUMED text has its own"),
    ],
)
def test_words_that_do_not_go_with_plumed(words, mend):
    with pytest.raises(ConfigError, match=mend):
        parse(
            {"system": {"name": "polymer"}, "cv": [{"name": "d", "plumed": "d: DISTANCE ATOMS=1,2", **words}]}, "test"
        )


def test_the_batch_engine_has_none(tmp_path):
    config = parse(
        {
            "system": {"name": "gaussian_tunnel"}, "engine": {"name": "batch"}, "path": {"kernel": "mala"},
            "cv": [{"name": "d", "plumed": "d: DISTANCE ATOMS=1,2"}],
        }, "test",
    )  # fmt: skip
    with pytest.raises(ConfigError, match="cv d: the batch engine takes type 'coordinate' or python"):
        from_config(config, tmp_path)
