"""The potential of examples/butane as an OpenMM System, so that umbrella sampling and metadynamics can run on it:
`python benchmarks/umbrella.py benchmarks/butane_openmm.toml --windows phi -3.1416 3.1416 18 60`.
"""

import importlib.util
from pathlib import Path

import numpy as np
import openmm
from openmm import app

from cvflow.core.units import ANGSTROM, ELECTRONVOLT

EXAMPLE = Path(__file__).parents[1] / "examples" / "butane" / "butane.py"


class Calculation:
    """What a PythonForce calls; OpenMM copies it, and each copy makes its own calculator."""

    _atoms = None

    def __call__(self, state: openmm.State) -> tuple[float, np.ndarray]:
        if self._atoms is None:
            self._atoms = _example().molecule()
        self._atoms.set_positions(state.getPositions(asNumpy=True)._value / ANGSTROM)
        forces = self._atoms.get_forces() * (ELECTRONVOLT / ANGSTROM)
        return float(self._atoms.get_potential_energy() * ELECTRONVOLT), forces

    def __getstate__(self) -> dict:
        return {}


def _example():  # noqa: ANN202
    spec = importlib.util.spec_from_file_location("butane", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def molecule() -> tuple[app.Topology, openmm.System]:
    """Atoms with the example's masses, and its potential."""
    atoms, system, topology = _example().molecule(), openmm.System(), app.Topology()
    residue = topology.addResidue("BUT", topology.addChain())
    for symbol, mass in zip(atoms.get_chemical_symbols(), atoms.get_masses(), strict=True):
        system.addParticle(mass)
        topology.addAtom(symbol, app.Element.getBySymbol(symbol), residue)
    system.addForce(openmm.PythonForce(Calculation()))
    return topology, system
