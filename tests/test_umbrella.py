"""Umbrella sampling as benchmarks/ has it, on a pair of atoms whose free energy a quadrature knows."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from cvflow.core.states import States
from cvflow.core.units import thermal_energy

KT = thermal_energy(300.0)
PAIR = """
import openmm
from openmm import app

def pair():
    system = openmm.System()
    bond = openmm.CustomBondForce("6*(((r-0.4)/0.1)^2-1)^2+4*(r-0.4)/0.1")
    bond.addBond(0, 1, [])
    system.addForce(bond)
    topology = app.Topology()
    residue = topology.addResidue("PAIR", topology.addChain())
    for name in "AB":
        system.addParticle(12.0)
        topology.addAtom(name, app.element.carbon, residue)
    return topology, system
"""
CONFIG = """
run = { walkers = 2 }
system = { python = "pair.py:pair", starts = { near = "near.pdb", far = "far.pdb" } }
engine = { platform = "Reference", temperature = 300.0 }
path = { timestep = 0.004 }
cv = [{ name = "r", type = "distance", atoms = [0, 1] }]
states = { near = "r < 0.4", far = "r >= 0.4" }
"""
ATOMS = """
HETATM    1  A   PAIR    1       0.000   0.000   0.000  1.00  0.00           C
HETATM    2  B   PAIR    1   {:9.3f}   0.000   0.000  1.00  0.00           C
END
"""
LINE = np.linspace(0.05, 0.8, 20001)
ENERGY = 6 * (((LINE - 0.4) / 0.1) ** 2 - 1) ** 2 + 4 * (LINE - 0.4) / 0.1
DENSITY = LINE**2 * np.exp(-ENERGY / KT)
EXACT = float(np.log(DENSITY[LINE < 0.4].sum() / DENSITY[LINE >= 0.4].sum()))


@pytest.fixture(scope="module")
def umbrella():
    """The script as a module."""
    path = Path(__file__).parents[1] / "benchmarks" / "umbrella.py"
    spec = importlib.util.spec_from_file_location("umbrella", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_exact_draws_give_the_exact_difference(umbrella):
    windows = umbrella.Windows(np.linspace(0.25, 0.55, 7)[:, None], np.array([1500.0]))
    rng, series = np.random.default_rng(0), []
    for centre in windows.centres[:, 0]:
        cumulative = np.cumsum(DENSITY * np.exp(-750.0 * (LINE - centre) ** 2 / KT))
        series.append(np.interp(rng.random(3000), cumulative / cumulative[-1], LINE)[:, None])
    states = States({"near": "r < 0.4", "far": "r >= 0.4"}, ["r"])
    found = umbrella.analyse(series, windows, states, np.array([np.inf]), KT)
    assert found["stderr"] < 0.1
    assert abs(found["delta_f"] - EXACT) < 4 * found["stderr"]


def test_the_script_finds_it_from_both_starts(umbrella, tmp_path, monkeypatch, capsys):
    (tmp_path / "pair.py").write_text(PAIR)
    (tmp_path / "run.toml").write_text(CONFIG)
    for name, apart in (("near", 0.3), ("far", 0.5)):
        (tmp_path / f"{name}.pdb").write_text(ATOMS.format(10 * apart))
    words = ["--windows", "r", "0.25", "0.55", "7", "1500", "--sample", "25000"]
    monkeypatch.setattr(sys, "argv", ["umbrella.py", str(tmp_path / "run.toml"), *words])
    umbrella.main()
    found = json.loads(capsys.readouterr().out)
    assert found["stderr"] < 0.2
    for each in (found["delta_f"], *found["from_each_start"].values()):
        assert abs(each - EXACT) < 5 * found["stderr"]
    assert (found["windows"], found["steps"]) == (7, 7 * 2 * (1000 + 1000 + 25000))


def test_windows_on_a_circle_do_not_come_twice(umbrella):
    asked = [("phi", "-3", "3", "3", "80"), ("r", "1", "2", "3", "7")]
    found = umbrella.grid(asked, ["phi", "psi", "r"], np.array([6.0, 6.0, np.inf]))
    assert found.centres.tolist() == [[phi, 0, r] for phi in (-3, -1, 1) for r in (1, 1.5, 2)]
    assert found.kappa.tolist() == [80, 0, 7]
