"""The free energy along a torsion of an ASE molecule, harmonic in all the rest: a reference without any sampling.

At each angle φ the molecule is relaxed with φ held (ASE's `FixInternals`). All other directions are integrated in the
harmonic approximation, in Cartesian coordinates, since the distribution of positions knows no masses:

    F(φ) = V + kT [½ ln det' H - ½ ln det G + ln |∇φ|]

H is the Hessian of V - μφ, with μ∇φ = ∇V, on the space without ∇φ, translations and rotations (det'); G is the Gram
matrix of the rotations, whose root is the volume of the molecule's orientations. Hessians are central differences of
forces. What is left out: anharmonicity of the rest, and of rotors (methyl groups) all minima but one, which are alike.

    python benchmarks/harmonic_scan.py CONFIG

CONFIG has one CV, a torsion, and an ASE molecule in `[system] python`. ΔF is that of its
second state against the first.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ase import Atoms, units
from ase.constraints import FixInternals
from ase.optimize import BFGS
from jaxtyping import Float
from scipy.linalg import null_space

from cvflow.config.references import absolute
from cvflow.config.settings import Config, load
from cvflow.core.states import States
from cvflow.cv import Torsion
from cvflow.host.functions import load_function

ANGLES = 72
"""Of a whole turn."""

DISPLACEMENT = 0.005
"""Å, of the central differences."""

CONVERGED = 1e-3
"""eV/Å, of the forces that are left when the molecule is relaxed."""

Vector = Float[np.ndarray, " coordinates"]
Matrix = Float[np.ndarray, "coordinates coordinates"]


class Scan(NamedTuple):
    """F [kT] at each angle [rad], relaxed energies [kT] beside it, and calls of the potential."""

    angles: Float[np.ndarray, " angles"]
    free_energies: Float[np.ndarray, " angles"]
    energies: Float[np.ndarray, " angles"]
    calls: int


class Counted:
    """Forces of a molecule at positions [Å], counted."""

    def __init__(self, atoms: Atoms) -> None:
        self.atoms, self.calls = atoms, 0

    def gradient(self, x: Vector) -> Vector:
        """Of the energy [eV/Å]."""
        self.atoms.positions = x.reshape(-1, 3)
        self.calls += 1
        return -self.atoms.get_forces().ravel()


def scanned(atoms: Atoms, torsion: Sequence[int], kT: float, angles: Float[np.ndarray, " angles"]) -> Scan:
    """Relax and integrate at each angle, each from the one before.

    Args:
        atoms: the molecule with its calculator.
        torsion: its four atoms.
        kT: eV.
        angles: rad, in order.
    """
    potential, found, energies = Counted(atoms), [], []
    for angle in angles:
        energy = relaxed(atoms, torsion, float(np.degrees(angle)))
        found.append(energy / kT + orientations_and_vibrations(potential, atoms.positions.ravel().copy(), torsion, kT))
        energies.append(energy / kT)
    free, lowest = np.array(found), np.array(energies)
    return Scan(angles, free - free.min(), lowest - lowest.min(), potential.calls)


def relaxed(atoms: Atoms, torsion: Sequence[int], degrees: float) -> float:
    """Relax the molecule with a torsion held; its energy [eV]."""
    atoms.set_constraint(FixInternals(dihedrals_deg=[[degrees, list(torsion)]]))
    BFGS(atoms, logfile=None).run(fmax=CONVERGED, steps=500)
    atoms.set_constraint()
    return float(atoms.get_potential_energy())


def orientations_and_vibrations(potential: Counted, x: Vector, torsion: Sequence[int], kT: float) -> float:
    """What all directions but the torsion add to its free energy [kT], but for a constant."""
    along = turning(x, torsion)
    held = potential.gradient(x) @ along / (along @ along)
    hessian = derivative(potential.gradient, x) - held * derivative(lambda y: turning(y, torsion), x)
    rigid = rigid_motions(x)
    free = null_space(np.vstack([along, rigid]))
    vibrations = np.linalg.eigvalsh(free.T @ hessian @ free) / kT
    if not vibrations.min() > 0:
        raise ArithmeticError(f"not a minimum at this angle: a mode has {kT * vibrations.min():.3g} eV/Å²")
    rotations = rigid[3:]
    volume = np.linalg.slogdet(rotations @ rotations.T)[1]
    return 0.5 * float(np.log(vibrations).sum()) - 0.5 * float(volume) + float(np.log(np.linalg.norm(along)))


def turning(x: Vector, torsion: Sequence[int]) -> Vector:
    """Gradient of the torsion [1/Å]."""
    gradient = np.zeros((len(x) // 3, 3))
    gradient[list(torsion)] = Torsion("phi", tuple(torsion)).of_atoms(x.reshape(-1, 3)[list(torsion)])[1]
    return gradient.ravel()


def derivative(gradient, x: Vector) -> Matrix:  # noqa: ANN001
    """Of a vector of functions, by central differences; symmetric."""
    moved = DISPLACEMENT * np.eye(len(x))
    rows = np.array([(gradient(x + each) - gradient(x - each)) / (2 * DISPLACEMENT) for each in moved])
    return 0.5 * (rows + rows.T)


def rigid_motions(x: Vector) -> Float[np.ndarray, "six coordinates"]:
    """Three translations, then three rotations about the centre."""
    centred = x.reshape(-1, 3) - x.reshape(-1, 3).mean(axis=0)
    moved = [np.tile(axis, len(centred)) for axis in np.eye(3)]
    return np.array(moved + [np.cross(axis, centred).ravel() for axis in np.eye(3)])


def difference(scan: Scan, states: States) -> float:
    """ΔF [kT] of the second state against the first."""
    inside = states.assign(scan.angles[:, None])
    weights = np.exp(-scan.free_energies)
    return float(np.log(weights[inside == 0].sum() / weights[inside == 1].sum()))


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--angles", type=int, default=ANGLES, help="of a whole turn")
    asked = parser.parse_args()
    config = load(asked.config)
    (cv,) = config.cv
    angles = -np.pi + (np.arange(asked.angles) + 0.5) * 2 * np.pi / asked.angles
    scan = scanned(_molecule(config, asked.config), cv.atoms, units.kB * config.engine.temperature, angles)
    for angle, free, energy in zip(scan.angles, scan.free_energies, scan.energies, strict=True):
        print(f"{angle:8.4f}  F {free:8.3f} kT   relaxed energy {energy:8.3f} kT")
    states = States({name: str(where) for name, where in config.states.items()}, (cv.name,))
    first, second = states.names
    print(f"F({second}) - F({first}) = {difference(scan, states):.3f} kT; {scan.calls} calls for Hessians")
    return 0


def _molecule(config: Config, path: Path) -> Atoms:
    function = load_function(absolute(str(config.system.python), path.parent, "system.python"), "system.python")
    return function(**config.system.parameters)


if __name__ == "__main__":
    sys.exit(main())
