"""Fit the surrogate to energies and forces of GFN2-xTB along a hot trajectory: `python fit_surrogate.py`, a minute.

The force field is linear in its coefficients, so that the fit is a linear least-squares one with a ridge.
"""

import json
from pathlib import Path

import numpy as np
import openmm
from ase import units
from ase.io import read
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta
from butane import molecule
from surrogate import EXPRESSIONS, system, terms

KJ_MOL, KJ_MOL_NM = 96.48533212, 964.8533212
"""Of an eV, and of an eV/Å."""

KELVIN, FRAMES, INTERVAL = 450.0, 400, 10
"""Of each trajectory; time steps between frames."""

OF_FORCES = 0.05
"""Weight of a force [kJ/mol/nm] beside an energy [kJ/mol]."""

HERE = Path(__file__).parent


def frames() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions [nm], energies [kJ/mol] and forces [kJ/mol/nm] of both conformers' trajectories."""
    found = []
    for seed, name in enumerate(("anti.xyz", "gauche.xyz")):
        atoms, rng = molecule(), np.random.default_rng(seed)
        atoms.positions = read(HERE / name).positions
        thermalize_momenta(atoms, KELVIN, rng=rng)
        motion = Langevin(atoms, 2 * units.fs, temperature_K=KELVIN, friction=0.02 / units.fs, rng=rng, fixcm=False)
        for _ in range(FRAMES):
            motion.run(INTERVAL)
            found.append((atoms.positions / 10, atoms.get_potential_energy() * KJ_MOL, atoms.get_forces() * KJ_MOL_NM))
    x, energies, forces = map(np.array, zip(*found, strict=True))
    return x, energies, forces


def features(x: np.ndarray) -> tuple[list[tuple[str, int]], np.ndarray, np.ndarray]:
    """Names of the coefficients, and what each adds to energies and forces where it is 1: (frames, coefficients, …)."""
    atoms = molecule()
    kinds = dict.fromkeys(f"{term.kind} {term.name}" for term in terms(atoms))
    names = [(key, n) for key in kinds for n in range(len(EXPRESSIONS[key.split()[0]]))]
    energies, forces = [], []
    for key, n in names:
        alone = {each: [0.0] * len(EXPRESSIONS[each.split()[0]]) for each in kinds}
        alone[key][n] = 1.0
        platform = openmm.Platform.getPlatform("Reference")
        context = openmm.Context(system(alone, atoms), openmm.VerletIntegrator(0.001), platform)
        columns = []
        for positions in x:
            context.setPositions(positions)
            state = context.getState(getEnergy=True, getForces=True)
            columns.append((state.getPotentialEnergy()._value, state.getForces(asNumpy=True)._value.ravel()))
        energies.append([energy for energy, _ in columns])
        forces.append([force for _, force in columns])
    return names, np.array(energies).T, np.array(forces).transpose(1, 2, 0)


def fitted(energies: np.ndarray, forces: np.ndarray, true: np.ndarray, true_forces: np.ndarray) -> np.ndarray:
    """Coefficients: energies up to a constant, and forces."""
    rows = np.concatenate([energies - energies.mean(axis=0), OF_FORCES * forces.reshape(-1, forces.shape[-1])])
    wanted = np.concatenate([true - true.mean(), OF_FORCES * true_forces.reshape(-1)])
    scale = np.sqrt((rows**2).mean(axis=0)) + 1e-12
    ridge = 1e-4 * np.sqrt(len(rows)) * np.eye(len(scale))
    found, *_ = np.linalg.lstsq(np.concatenate([rows / scale, ridge]), np.concatenate([wanted, np.zeros(len(scale))]))
    return found / scale


def main() -> None:
    x, true, true_forces = frames()
    names, energies, forces = features(x)
    learn = np.arange(len(x)) % 5 > 0
    found = fitted(energies[learn], forces[learn], true[learn], true_forces[learn])
    missed = (true - energies @ found)[~learn]
    print(f"{len(names)} coefficients; held-out energies are missed by {missed.std():.2f} kJ/mol (standard deviation)")
    coefficients: dict[str, list[float]] = {}
    for (key, _), value in zip(names, found, strict=True):
        coefficients.setdefault(key, []).append(round(float(value), 6))
    (HERE / "surrogate.json").write_text(json.dumps(coefficients, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
