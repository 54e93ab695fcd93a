"""The scan that `benchmarks/harmonic_scan.py` makes of a torsion, held against a molecule whose answer is known."""

import importlib.util
from math import pi
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from cvflow.core.states import States
from cvflow.cv import Angle, Distance, Torsion

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "harmonic_scan.py"

KT = 0.025
"""eV."""

BONDS = [(Distance("r", pair), 1.5, 40.0) for pair in ((0, 1), (1, 2), (2, 3))]
ANGLES = [(Angle("a", three), 1.9, 8.0) for three in ((0, 1, 2), (1, 2, 3))]
"""CVs, their rest values and spring constants [eV per Å² or rad²]."""


def turn(phi):
    """Energy [eV] of the torsion."""
    return 0.05 * np.cos(3 * phi) + 0.04 * np.cos(phi - 0.3)


class Chain(Calculator):
    """Four atoms with stiff bonds and angles, which do not know of the torsion: so its F is `turn` and a constant."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        x, energy, gradient = self.atoms.positions, 0.0, np.zeros((4, 3))
        for cv, rest, stiffness in (*BONDS, *ANGLES):
            value, slope = cv.of_atoms(x[list(cv.atoms)])
            energy += 0.5 * stiffness * (value - rest) ** 2
            gradient[list(cv.atoms)] += stiffness * (value - rest) * slope
        phi, slope = Torsion("phi", (0, 1, 2, 3)).of_atoms(x)
        gradient += (turn(phi + 1e-6) - turn(phi - 1e-6)) / 2e-6 * slope
        self.results = {"energy": energy + turn(phi), "forces": -gradient}


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("harmonic_scan", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def scan(benchmark):
    atoms = Atoms("CCCC", [[-0.5, 1.4, 0.0], [0.0, 0.0, 0.0], [1.5, 0.0, 0.0], [2.0, 1.2, 0.7]], calculator=Chain())
    return benchmark.scanned(atoms, (0, 1, 2, 3), KT, -pi + (np.arange(12) + 0.5) * pi / 6)


def test_volumes_of_all_other_directions_cancel_where_they_do_not_know_of_the_torsion(scan):
    """|∇φ|, orientations and vibrations change with φ each, by tenths of kT; with internal coordinates they don't."""
    expected = turn(scan.angles) / KT
    np.testing.assert_allclose(scan.free_energies, expected - expected.min(), atol=1e-3)


def test_the_difference_is_that_of_the_states_weights(benchmark, scan):
    states = States({"left": "phi < 0", "right": "phi >= 0"}, ("phi",))
    weights = np.exp(-turn(scan.angles) / KT)
    expected = np.log(weights[scan.angles < 0].sum() / weights[scan.angles >= 0].sum())
    assert benchmark.difference(scan, states) == pytest.approx(expected, abs=1e-3)
