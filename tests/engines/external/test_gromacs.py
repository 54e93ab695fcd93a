"""GROMACS through the driver's engine: its files, energies, and one-jump stationarity with mutants."""

import shutil
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest

from cvflow.cli.commands import execute
from cvflow.core.frames import Frame, Outcome, Steering
from cvflow.doctor.verify import four_atoms
from cvflow.engines.external.gromacs import Gromacs
from cvflow.engines.external.gromacs_mdp import overridden, with_settings
from tests.engines.external import butane
from tests.engines.external.one_jump import MUTANTS, Case, passes, shows

COARSE = 0.015
"""Time step [ps], nearly the longest that is stable for bonds of this stiffness: the shadow work must show."""


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("butane")
    butane.write_files(folder)
    return folder


def test_exact_draws_have_the_energy_s_averages():
    """The virial of each bond's stretch: ⟨r ∂U/∂r⟩ = 3 kT with the weight r²; and the torsion as from its grid."""
    x = butane.exact_draws(200_000, np.random.default_rng(1))
    r, t, phi = butane.internal(x)
    virial = butane.BOND * (r - butane.LENGTH) * r
    assert np.abs(virial.mean(axis=0) - 3 * butane.KT).max() < 5 * virial.std() / np.sqrt(len(x))
    grid = np.linspace(-np.pi, np.pi, 20001)
    weight = np.exp(-butane.twist(grid) / butane.KT)
    for f in (np.cos, np.sin):
        exact = (f(grid) * weight).sum() / weight.sum()
        assert abs(f(phi).mean() - exact) < 5 * f(phi).std() / np.sqrt(len(x))
    assert abs(t.mean() - np.radians(butane.ANGLE)) < 0.1


def test_settings_are_replaced_however_they_are_spelled():
    mdp = "Gen_Vel = yes ; as before\nTCOUPL=v-rescale\nrvdw = 1.0\n; dt = 3\n"
    assert with_settings(mdp, {"gen-vel": "no", "tcoupl": "no"}) == (
        "rvdw = 1.0\n; dt = 3\ngen-vel = no\ntcoupl = no\n"
    )
    assert overridden(mdp) == ("gen-vel = yes", "tcoupl = v-rescale")


def test_the_work_is_the_engine_s_and_the_path_reads_backwards_in_time_step(gromacs, library, files):
    """Shadow work goes down with the square of the time step; GROMACS's energy is the one drawn from."""
    x = butane.exact_draws(4, np.random.default_rng(3))
    shadow = []
    for refined in (1, 3):
        engine = butane.spec(str(files), str(library), 0.004 / refined).build()
        order = Steering(np.array([3.0]), np.array([-2.2]), np.array([120.0]), 30 * refined)
        paths = [engine.steer(Frame(row, butane.box()), order, np.random.default_rng(9)) for row in x]
        assert {path.outcome for path in paths} == {Outcome.COMPLETED}
        for path in paths:  # across ±π, and PLUMED's torsion is ours
            assert butane.value(path.frame.positions[None])[0] == pytest.approx(float(path.cv[0]), abs=1e-5)
        shadow.append(np.std([path.shadow_work for path in paths]))
    assert shadow[0] / shadow[1] == pytest.approx(9, rel=0.5)


def test_energies_are_those_of_the_potential(gromacs, library, files):
    """Total energies of a path of one tiny step, less the kinetic energy that the velocities have."""
    engine = butane.spec(str(files), str(library), 1e-6).build()
    x = butane.exact_draws(3, np.random.default_rng(5))
    spread = np.sqrt(butane.KT / np.array(butane.MASSES))[:, None]
    for row in x:
        done = engine._run(Frame(row, butane.box()), 1, None, np.random.default_rng(2))
        v = (spread * np.random.default_rng(2).standard_normal((4, 3))).astype(np.float32)
        kinetic = 0.5 * float((np.array(butane.MASSES)[:, None] * v**2).sum())
        assert done.ends.before - kinetic == pytest.approx(butane.energy(row[None])[0], abs=2e-3)


@cache  # two partials are never equal: with one case for all tests the paths are run once
def case(library, files):
    return Case(
        partial(butane.spec, str(files), str(library), COARSE), butane.exact_draws, butane.box, butane.value,
        butane.observables, four_atoms.TORSION_FLOW, 60.0, 30, np.pi, 2 * np.pi, 4800,
    )  # fmt: skip


@pytest.mark.slow
def test_one_jump_leaves_the_target_alone(gromacs, library, files):
    passes(case(library, files))


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS)
def test_wrong_decisions_show(gromacs, library, files, mutant):
    shows(case(library, files), mutant)


EXAMPLE = Path(__file__).parents[3] / "examples" / "gromacs_alanine"


def in_another_order(text):
    """A .gro file whose second and third atoms have changed places."""
    lines = text.splitlines()
    lines[3], lines[4] = lines[4], lines[3]
    return "\n".join([*lines, ""])


def test_a_start_in_another_order_is_refused(tmp_path):
    program = Gromacs("", "topol.top", str(EXAMPLE / "C7eq.gro"), masses=(1.0,) * 22)
    text = (EXAMPLE / "C7ax.gro").read_text()
    (tmp_path / "same.gro").write_text(text)
    (tmp_path / "other.gro").write_text(in_another_order(text))
    assert len(program.read_start(tmp_path / "same.gro").positions) == 22
    said = r"other\.gro: atom 2 is HH32 there and CH3 in C7eq\.gro: give the same atoms in the same order"
    with pytest.raises(ValueError, match=said):
        program.read_start(tmp_path / "other.gro")


def test_a_drive_from_a_start_in_another_order_writes_nothing(gromacs, tmp_path, capsys):
    user, out = tmp_path / "user", tmp_path / "out"
    shutil.copytree(EXAMPLE, user, ignore=shutil.ignore_patterns("*.so"))
    (user / "CVFlow.so").write_bytes(b"the action")
    (user / "C7ax.gro").write_text(in_another_order((EXAMPLE / "C7ax.gro").read_text()))
    before = sorted(user.iterdir())
    assert execute(["drive", str(user / "alanine.toml"), "--out", str(out), "--quiet"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "C7ax.gro: atom 2 is HH32 there and CH3 in C7eq.gro" in line
    assert not out.exists()
    assert sorted(user.iterdir()) == before


def test_a_start_of_other_atoms_is_refused():
    start = EXAMPLE / "C7eq.gro"
    program = Gromacs("", "topol.top", str(start), masses=(1.0,) * 21)
    with pytest.raises(ValueError, match=r"C7eq\.gro: it has 22 atoms, the topology has 21"):
        program.read_start(start)
