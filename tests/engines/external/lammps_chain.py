"""The chain of butane.py for LAMMPS, in each of its units."""

from itertools import pairwise
from pathlib import Path

import numpy as np

from cvflow.core.periodic import wrapped
from cvflow.engines.external import ExternalSpec, Lammps
from cvflow.engines.external.lammps import prepared
from cvflow.engines.external.lammps_dump import dump_text
from cvflow.engines.external.lammps_script import UNITS
from tests.engines.external import butane

SCRIPT = """units {units}
atom_style molecular
boundary p p p
pair_style zero {cutoff:.17g} nocoeff
bond_style harmonic
angle_style harmonic
dihedral_style fourier
read_data {units}.data nocoeff
pair_coeff * *
bond_coeff 1 {bond:.17g} {length:.17g}
angle_coeff 1 {bend:.17g} {angle:.17g}
dihedral_coeff 1 {torsion}
neighbor {skin:.17g} bin
"""
DATA = f"""chain

4 atoms
4 atom types
3 bonds
1 bond types
2 angles
1 angle types
1 dihedrals
1 dihedral types
0 {{box:.17g}} xlo xhi
0 {{box:.17g}} ylo yhi
0 {{box:.17g}} zlo zhi

Masses

{"".join(f"{i} {mass}{chr(10)}" for i, mass in enumerate(butane.MASSES, 1))}
Atoms # molecular

{{atoms}}
Bonds

{"".join(f"{i} 1 {i} {i + 1}{chr(10)}" for i in (1, 2, 3))}
Angles

{"".join(f"{i} 1 {i} {i + 1} {i + 2}{chr(10)}" for i in (1, 2))}
Dihedrals

1 1 1 2 3 4
"""


def write_files(folder: Path, units: str) -> None:
    """UNITS.in and UNITS.data, and a start; LAMMPS's harmonic constants hold the half."""
    length, energy, _ = UNITS[units]
    x = butane.exact_draws(1, np.random.default_rng(0))[0] / length
    torsion = " ".join(f"{k / energy:.17g} {n} {phase:.17g}" for phase, k, n in butane.TORSION)
    script = SCRIPT.format(
        units=units,
        cutoff=1.0 / length,
        skin=0.1 / length,
        bond=0.5 * butane.BOND / energy * length**2,
        length=butane.LENGTH / length,
        bend=0.5 * butane.BEND / energy,
        angle=butane.ANGLE,
        torsion=f"{len(butane.TORSION)} {torsion}",
    )
    atoms = "".join(f"{i} 1 {i} {a:.17g} {b:.17g} {c:.17g}\n" for i, (a, b, c) in enumerate(x, 1))
    (folder / f"{units}.in").write_text(script)
    (folder / f"{units}.data").write_text(DATA.format(box=butane.BOX / length, atoms=atoms))
    columns = dict(zip(("xu", "yu", "zu"), x.T, strict=True))
    (folder / f"{units}.dump").write_text(dump_text(butane.box() / length, columns))


def spec(folder: str, action: str, timestep: float, units: str = "real") -> ExternalSpec:
    files = Path(folder)
    program = prepared(Lammps(str(files / f"{units}.in"), (str(files / f"{units}.data"),)))
    return ExternalSpec(program, butane.PLUMED, ("phi",), action, butane.KT, timestep)


def path(x: np.ndarray, v: np.ndarray, centres: np.ndarray, kappa: float, timestep: float) -> tuple[np.ndarray, float]:
    """Velocity Verlet with a restraint on the torsion that is at centres[k] at step k; the end, and the work [kJ/mol].

    Forces are finite differences of the energy [kJ/mol/nm]: nothing here is LAMMPS's or PLUMED's.
    """
    masses, nudges = np.array(butane.MASSES)[:, None], 1e-5 * np.eye(12).reshape(12, 4, 3)

    def total(x: np.ndarray, centre: float) -> np.ndarray:
        apart = wrapped(butane.value(x)[:, None] - centre, np.array([2 * np.pi]))[:, 0]
        return butane.energy(x) + 0.5 * kappa * apart**2

    def force(x: np.ndarray, centre: float) -> np.ndarray:
        far = [(total(x + n * nudges, centre) - total(x - n * nudges, centre)) / 2e-5 / n for n in (1, 2)]
        return -((4 * far[0] - far[1]) / 3).reshape(4, 3)

    def energy(x: np.ndarray, v: np.ndarray, centre: float) -> float:
        return float(total(x[None], centre)[0] + 0.5 * (masses * v**2).sum())

    before = energy(x, v, centres[0])
    for old, new in pairwise(centres):
        v = v + 0.5 * timestep * force(x, old) / masses
        x = x + timestep * v
        v = v + 0.5 * timestep * force(x, new) / masses
    return x, energy(x, v, centres[-1]) - before
