"""Paths in water read backwards whatever comes into reach of the cut-offs on the way."""

import subprocess

import numpy as np
import pytest
from MDAnalysis.lib.formats.libmdaxdr import TRRFile

from cvflow.core.frames import Frame, Outcome
from cvflow.engines.external import ExternalSpec, Gromacs
from cvflow.engines.external.gromacs import prepared
from cvflow.engines.external.gromacs_mdp import LAW
from tests.engines.external.butane import KT
from tests.engines.external.given_velocities import given
from tests.engines.external.rigid_water import PLUMED, TOP
from tests.once import made_once

MOLECULES = 216
FORCES = """cutoff-scheme = Verlet
coulombtype = PME
rcoulomb = 0.8
vdwtype = Cut-off
vdw-modifier = Potential-switch
rvdw-switch = 0.7
rvdw = 0.8
"""
BATH = """nstxout = 5000
nstvout = 5000
tcoupl = v-rescale
tc-grps = System
tau-t = 0.2
ref-t = 300
gen-vel = yes
gen-seed = 1
"""
STALE = {"nstlist": "100", "verlet-buffer-tolerance": "-1", "rlist": "0.8"}
"""A pair list of 200 fs without a buffer."""


def gmx(folder, *words):
    done = subprocess.run(["gmx", *words], cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def equilibrated(folder):
    """A box of water, minimised, and after 10 ps at 300 K."""
    (folder / "topol.top").write_text(TOP.removesuffix("SOL 2\n"))
    gmx(folder, "solvate", "-cs", "spc216.gro", "-box", "1.86206", "1.86206", "1.86206", "-o", "solvated.gro")
    with (folder / "topol.top").open("a") as topology:
        topology.write(f"SOL {MOLECULES}\n")
    runs = {"min": "integrator = steep\nnsteps = 100\n", "eq": f"integrator = md\ndt = 0.002\nnsteps = 5000\n{BATH}"}
    start = "solvated.gro"
    for name, mdp in runs.items():
        (folder / f"{name}.mdp").write_text(FORCES + mdp)
        gmx(folder, "grompp", "-f", f"{name}.mdp", "-c", start, "-p", "topol.top", "-o", name, "-maxwarn", "3")
        gmx(folder, "mdrun", "-deffnm", name, "-ntmpi", "1", "-ntomp", "1", "-pin", "off", "-o", f"{name}.trr")
        start = f"{name}.gro"


@pytest.fixture(scope="session")
def water(gromacs, tmp_path_factory):
    return made_once(tmp_path_factory, "water", equilibrated)


def there_and_back(water, library, steps, monkeypatch):
    """Works of a free path and of the one from its end with the velocities turned round, and how far that is off."""
    program = prepared(Gromacs(FORCES, str(water / "topol.top"), str(water / "eq.gro"), maxwarn=3))
    engine = ExternalSpec(program, PLUMED, ("d",), str(library), KT, 0.002).build()
    with TRRFile(str(water / "eq.trr")) as states:
        *_, last = states
    start = Frame(last.x.astype(float), last.box.astype(float))
    with monkeypatch.context() as patched:
        kept = given(patched, last.v)
        there = engine.free_path(start, steps, 0.0, np.random.default_rng(1))
    with monkeypatch.context() as patched:
        given(patched, -kept["v"])
        back = engine.free_path(there.frame, steps, 0.0, np.random.default_rng(1))
    assert there.outcome is back.outcome is Outcome.COMPLETED
    apart = back.frame.positions - start.positions
    return there.work, back.work, np.abs(apart - np.round(apart / 1.86206) * 1.86206).max()


def with_a_stale_list(monkeypatch):
    for key, value in STALE.items():
        monkeypatch.setitem(LAW, key, value)


@pytest.mark.parametrize("stale", [False, True])
def test_a_short_path_comes_back(water, library, monkeypatch, stale):
    """100 steps; in single precision."""
    if stale:
        with_a_stale_list(monkeypatch)
    there, back, off = there_and_back(water, library, 100, monkeypatch)
    print(f"{there:.3f} + {back:.3f} kT, {off:.1e} nm off")
    assert (abs(there + back) < 0.1 and off < 1e-3) is not stale


@pytest.mark.slow
@pytest.mark.parametrize("stale", [False, True])
def test_a_long_path_is_heated_neither_way(water, library, monkeypatch, stale):
    """10,000 steps.

    In 20 ps every digit of a path in water is lost, so that the way back is another path. What is left of its work is
    that of the time step, which at both ends is of one kT; pairs that a list lacks add heat all along, both ways.
    """
    if stale:
        with_a_stale_list(monkeypatch)
    there, back, _ = there_and_back(water, library, 10_000, monkeypatch)
    print(f"{there:.3f}, {back:.3f} kT")
    assert (max(abs(there), abs(back)) < 5) is not stale
