"""`cvflow drive` with LAMMPS, from the config to the report; and what is refused on the way."""

import json

import numpy as np
import pytest

from cvflow.cli.commands import execute
from cvflow.config.engine_section import LammpsProgramSection, LammpsSection
from cvflow.config.settings import ConfigError, load
from cvflow.engines.external.lammps_dump import dump_text
from cvflow.setup import from_config
from tests.engines.external import butane, lammps_chain

CONFIG = """
[run]
walkers = 2
adapt_jumps = 2
adapt_limit = 1
jumps = 3
local_steps = 3
[system]
starts = {trans = "trans.dump", gauche = "gauche.dump"}
[engine]
name = "lammps"
temperature = 300.0
script = "real.in"
inputs = ["real.data"]
action = "CVFlow.so"
[[cv]]
name = "phi"
plumed = "phi: TORSION ATOMS=1,2,3,4"
unit = "rad"
[path]
steps = 40
timestep = 0.004
kappa = 120.0
[flow]
retrain_every = 2
[states]
gauche = "-1.6 < phi < 0.3"
trans = "phi > 2.4 or phi < -2.4"
"""


@pytest.fixture
def folder(tmp_path):
    """The user's files but for the action."""
    lammps_chain.write_files(tmp_path, "real")
    x = butane.exact_draws(100, np.random.default_rng(1))
    for state, phi in (("trans", 3.1), ("gauche", -0.7)):
        start = 10 * x[np.abs(butane.value(x) - phi).argmin()]
        columns = dict(zip(("xu", "yu", "zu"), start.T, strict=True))
        (tmp_path / f"{state}.dump").write_text(dump_text(10 * butane.box(), columns))
    (tmp_path / "drive.toml").write_text(CONFIG)
    return tmp_path


def test_a_run_is_driven_reported_and_resumed(lammps, library, folder):
    """The run's folder has all that it needs: the user's is emptied before it goes on."""
    (folder / "CVFlow.so").symlink_to(library)
    out = folder / "out"
    execute(["drive", str(folder / "drive.toml"), "--out", str(out), "--workers", "1", "--quiet"])
    for name in ("real.in", "real.data", "CVFlow.so"):
        (folder / name).unlink()
    execute(["resume", str(out), "--jumps", "4", "--workers", "1", "--quiet"])
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["engine"], summary["jumps"]["proposed"], summary["exact"]["value"]) == ("lammps", 8, True)
    assert {"report.html", "topology.pdb", "walker_0.xtc"} <= {path.name for path in out.iterdir()}


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("engine.script='no.in'", "engine.script: .* is not a file"),
        ("engine.maxwarn=2", "engine.maxwarn is not for lammps"),
        ("engine.name='openmm'", "engine.script is not for openmm"),
        ("engine.script=''", "engine.script is missing: lammps needs script = a LAMMPS input"),
        ("system.name='polymer'", "lammps has its own files"),
        ("path.early_rejection=true", "run to their end"),
    ],
)
def test_misuse_is_one_line(folder, setting, said):
    (folder / "CVFlow.so").touch()
    with pytest.raises(ConfigError, match=said):
        from_config(load(folder / "drive.toml", [setting]), folder)


def test_reduced_units_go_with_a_reduced_thermal_energy(lammps, folder):
    (folder / "CVFlow.so").touch()
    text = CONFIG.replace("temperature = 300.0\n", "kT = 1.0\n")
    (folder / "drive.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"engine.script has units real: engine.kT goes with lj, engine.temperature"):
        from_config(load(folder / "drive.toml"), folder)


def test_without_a_script_it_is_the_embedded_engine(folder):
    text = CONFIG[: CONFIG.index("script = ")] + CONFIG[CONFIG.index("[[cv]]") :]
    (folder / "drive.toml").write_text(text.replace("[system]", '[system]\nname = "polymer"'))
    assert isinstance(load(folder / "drive.toml").engine, LammpsSection)
    (folder / "drive.toml").write_text(CONFIG)
    assert isinstance(load(folder / "drive.toml").engine, LammpsProgramSection)
